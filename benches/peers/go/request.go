package main

import (
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/stripe/stripe-go/v84"
	"golang.org/x/text/language"

	portalv1 "example.com/billing-portal-peer/gen/billing/portal/v1"
)

type (
	sessionParams = stripe.BillingPortalSessionCreateParams
	flowParams    = stripe.BillingPortalSessionCreateFlowDataParams
	cancelParams  = stripe.BillingPortalSessionCreateFlowDataSubscriptionCancelParams
	updateParams  = stripe.BillingPortalSessionCreateFlowDataSubscriptionUpdateParams
	confirmParams = stripe.BillingPortalSessionCreateFlowDataSubscriptionUpdateConfirmParams
	itemParams    = stripe.BillingPortalSessionCreateFlowDataSubscriptionUpdateConfirmItemParams
)

var (
	locales = strings.Fields("auto bg cs da de el en en-AU en-CA en-GB en-IE en-IN en-NZ en-SG es es-419 et fi fil fr fr-CA " +
		"hr hu id it ja ko lt lv ms mt nb nl pl pt pt-BR ro ru sk sl sv th tr vi zh zh-HK zh-TW")
	subscriptionID = regexp.MustCompile(`^sub_[A-Za-z0-9]{1,251}$`)
	itemID         = regexp.MustCompile(`^si_[A-Za-z0-9]{1,252}$`)
	priceID        = regexp.MustCompile(`^(price|plan)_[A-Za-z0-9]{1,249}$`)
)

// parseRequest returns the parameters of Stripe's session, and the name of the flow.
func parseRequest(
	request *portalv1.CreatePortalSessionRequest, origins map[string]bool,
) (*sessionParams, string, error) {
	if !isAllowedURL(request.ReturnUrl, origins) {
		return nil, "", refuseField("RETURN_URL_NOT_ALLOWED", "return_url")
	}
	params := &sessionParams{ReturnURL: stripe.String(request.ReturnUrl)}
	if request.Locale != "" {
		locale, err := parseLocale(request.Locale)
		if err != nil {
			return nil, "", err
		}
		params.Locale = stripe.String(locale)
	}
	if request.Flow == nil {
		if request.CompletedUrl != nil {
			return nil, "", refuseField("FLOW_INVALID", "completed_url")
		}
		return params, "home", nil
	}
	flow, err := parseFlow(request)
	if err != nil {
		return nil, "", err
	}
	completed := params.ReturnURL
	if request.CompletedUrl != nil {
		if completed = request.CompletedUrl; !isAllowedURL(*completed, origins) {
			return nil, "", refuseField("RETURN_URL_NOT_ALLOWED", "completed_url")
		}
	}
	flow.AfterCompletion = &stripe.BillingPortalSessionCreateFlowDataAfterCompletionParams{
		Type:     stripe.String("redirect"),
		Redirect: &stripe.BillingPortalSessionCreateFlowDataAfterCompletionRedirectParams{ReturnURL: completed},
	}
	params.FlowData = flow
	return params, *flow.Type, nil
}

func isAllowedURL(text string, origins map[string]bool) bool {
	parsed, err := url.Parse(text)
	if err != nil || len(text) > 2048 || parsed.String() != text || parsed.User != nil || strings.Contains(text, "#") {
		return false
	}
	segments := strings.Split(parsed.Path, "/")
	isNormalized := strings.HasPrefix(parsed.Path, "/") && !strings.HasPrefix(parsed.Path, "//") &&
		!slices.Contains(segments, ".") && !slices.Contains(segments, "..")
	return isNormalized && origins[parsed.Scheme+"://"+parsed.Host]
}

// parseLocale returns the locale of Stripe's portal that fits a language tag best, by lookup (RFC 4647, section 3.4).
func parseLocale(tag string) (string, error) {
	_, err := language.Parse(tag)
	_, isUnknown := errors.AsType[language.ValueError](err)
	isWellFormed := (err == nil || isUnknown) && !strings.Contains(tag, "_")
	if !isWellFormed && !strings.EqualFold(tag, "auto") {
		return "", refuseField("LOCALE_INVALID", "locale")
	}
	for rest := tag; rest != ""; rest = rest[:max(strings.LastIndex(rest, "-"), 0)] {
		if at := slices.IndexFunc(locales, func(locale string) bool { return strings.EqualFold(locale, rest) }); at >= 0 {
			return locales[at], nil
		}
	}
	return "auto", nil
}

func parseFlow(request *portalv1.CreatePortalSessionRequest) (*flowParams, error) {
	flow := &flowParams{}
	var subscription string
	switch requested := request.Flow.(type) {
	case *portalv1.CreatePortalSessionRequest_PaymentMethodUpdate_:
		flow.Type = stripe.String("payment_method_update")
		return flow, nil
	case *portalv1.CreatePortalSessionRequest_CustomerUpdate_:
		flow.Type = stripe.String("customer_update")
		return flow, nil
	case *portalv1.CreatePortalSessionRequest_SubscriptionCancel_:
		subscription = requested.SubscriptionCancel.SubscriptionId
		flow.Type = stripe.String("subscription_cancel")
		flow.SubscriptionCancel = &cancelParams{Subscription: &subscription}
	case *portalv1.CreatePortalSessionRequest_SubscriptionUpdate_:
		subscription = requested.SubscriptionUpdate.SubscriptionId
		flow.Type = stripe.String("subscription_update")
		flow.SubscriptionUpdate = &updateParams{Subscription: &subscription}
	case *portalv1.CreatePortalSessionRequest_SubscriptionUpdateConfirm_:
		subscription = requested.SubscriptionUpdateConfirm.SubscriptionId
		flow.Type = stripe.String("subscription_update_confirm")
		item, err := parseItem(requested.SubscriptionUpdateConfirm.Item)
		if err != nil {
			return nil, err
		}
		flow.SubscriptionUpdateConfirm = &confirmParams{Subscription: &subscription, Items: []*itemParams{item}}
	}
	if !subscriptionID.MatchString(subscription) {
		return nil, refuseField("FLOW_INVALID", *flow.Type+".subscription_id")
	}
	return flow, nil
}

func parseItem(item *portalv1.CreatePortalSessionRequest_SubscriptionUpdateConfirm_Item) (*itemParams, error) {
	const field = "subscription_update_confirm.item"
	switch {
	case item == nil:
		return nil, refuseField("FLOW_INVALID", field)
	case !itemID.MatchString(item.Id):
		return nil, refuseField("FLOW_INVALID", field+".id")
	case item.PriceId != "" && !priceID.MatchString(item.PriceId):
		return nil, refuseField("FLOW_INVALID", field+".price_id")
	case item.Quantity != nil && *item.Quantity == 0:
		return nil, refuseField("FLOW_INVALID", field+".quantity")
	case item.PriceId == "" && item.Quantity == nil:
		return nil, refuseField("FLOW_INVALID", field)
	}
	change := &itemParams{ID: &item.Id}
	if item.PriceId != "" {
		change.Price = &item.PriceId
	}
	if item.Quantity != nil {
		change.Quantity = stripe.Int64(int64(*item.Quantity))
	}
	return change, nil
}
