package main

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"strings"

	"github.com/stripe/stripe-go/v84"
)

var sessionID = regexp.MustCompile(`^bps_[A-Za-z0-9]+$`)

func rejected(member string) error {
	return refuse("STRIPE_RESPONSE_REJECTED", member+" does not match the request")
}

func (p *Portal) checkCustomer(found *stripe.Customer, customer, tenant string) error {
	switch {
	case found.Object != "customer":
		return rejected("object")
	case found.ID != customer:
		return rejected("id")
	case found.Deleted:
		return refuse("BILLING_ACCOUNT_MISSING_AT_STRIPE", "deleted")
	case found.Livemode != p.livemode:
		return rejected("livemode")
	case found.Metadata["tenant_id"] == "":
		return refuse("TENANT_PROOF_MISSING", "")
	case found.Metadata["tenant_id"] != tenant:
		return refuse("MAPPING_INTEGRITY", "customer of another tenant")
	}
	return nil
}

func (p *Portal) checkSession(session *stripe.BillingPortalSession, requested *sessionParams) error {
	switch {
	case session.Object != "billing_portal.session":
		return rejected("object")
	case !sessionID.MatchString(session.ID):
		return rejected("id")
	case session.Customer != *requested.Customer:
		return rejected("customer")
	case session.Livemode != p.livemode:
		return rejected("livemode")
	case session.ReturnURL != *requested.ReturnURL:
		return rejected("return_url")
	case session.OnBehalfOf != "":
		return rejected("on_behalf_of")
	case !isRequestedFlow(session.Flow, requested.FlowData):
		return rejected("flow")
	case !p.isSessionURL(session.URL):
		return rejected("url")
	}
	return nil
}

func isRequestedFlow(flow *stripe.BillingPortalSessionFlow, requested *flowParams) bool {
	if flow == nil || requested == nil {
		return flow == nil && requested == nil
	}
	after := flow.AfterCompletion
	if string(flow.Type) != *requested.Type || after == nil || after.Redirect == nil ||
		after.Redirect.ReturnURL != *requested.AfterCompletion.Redirect.ReturnURL {
		return false
	}
	switch {
	case requested.SubscriptionCancel != nil:
		found := flow.SubscriptionCancel
		return found != nil && found.Subscription == *requested.SubscriptionCancel.Subscription
	case requested.SubscriptionUpdate != nil:
		found := flow.SubscriptionUpdate
		return found != nil && found.Subscription == *requested.SubscriptionUpdate.Subscription
	case requested.SubscriptionUpdateConfirm != nil:
		found, requested := flow.SubscriptionUpdateConfirm, requested.SubscriptionUpdateConfirm
		if found == nil || found.Subscription != *requested.Subscription || len(found.Items) != 1 {
			return false
		}
		item, change := found.Items[0], requested.Items[0]
		return item.ID == *change.ID && (change.Price == nil || item.Price == *change.Price) &&
			(change.Quantity == nil || item.Quantity == *change.Quantity)
	}
	return true
}

func (p *Portal) isSessionURL(text string) bool {
	parsed, err := url.Parse(text)
	return err == nil && parsed.String() == text && parsed.User == nil &&
		(p.sessionHosts[parsed.Scheme+"://"+parsed.Host] || parsed.Scheme == "https" && p.sessionHosts[parsed.Host])
}

func stripeRefusal(ctx context.Context, err error, isSession bool) error {
	refuse := func(reason string) error { return refuse(reason, err.Error()) }
	if ctx.Err() != nil {
		return refuse("DEADLINE_EXCEEDED")
	}
	refused, isResponse := errors.AsType[*stripe.Error](err)
	if !isResponse {
		if _, isTransport := errors.AsType[*url.Error](err); isTransport {
			return refuse("STRIPE_UNAVAILABLE")
		}
		return refuse("STRIPE_PROTOCOL")
	}
	isAbout := func(parameter string) bool {
		return isSession && refused.HTTPStatusCode == 400 && strings.HasPrefix(refused.Param, parameter)
	}
	switch status := refused.HTTPStatusCode; {
	case refused.Code == "livemode_mismatch" || status == 401 || status == 403:
		return refuse("STRIPE_CREDENTIALS")
	case status == 409 || refused.Code == stripe.ErrorCodeLockTimeout:
		return refuse("STRIPE_CONFLICT")
	case status == 429:
		return refuse("STRIPE_RATE_LIMITED")
	case status >= 500:
		return refuse("STRIPE_UNAVAILABLE")
	case refused.Code == stripe.ErrorCodeResourceMissing && (!isSession || refused.Param == "customer"):
		return refuse("BILLING_ACCOUNT_MISSING_AT_STRIPE")
	case isAbout("flow_data"):
		return refuse("FLOW_INVALID")
	case isAbout("return_url"):
		return refuseField("RETURN_URL_NOT_ALLOWED", "return_url")
	case isAbout("locale"):
		return refuseField("LOCALE_INVALID", "locale")
	case isAbout("configuration") || isSession && strings.Contains(refused.Msg, "configuration"):
		return refuse("PORTAL_NOT_CONFIGURED")
	}
	return refuse("STRIPE_PROTOCOL")
}
