//! All faults, by the names used in metadata, on command lines and in test tables.

use std::{fmt, str::FromStr};

use crate::{
    connection::Delivery::{Drip, Hang, HangInBody, Reset, ResetInBody, ResetInHead, ResetReused, ThenClose},
    faults::{
        effect::Effect::{self, Change, Deliver, Outage, Refuse},
        malformed, refusals, wrong_content,
    },
    outage::Outage::{Certificate, Refused},
    tls::Flaw,
};

macro_rules! faults {
    ($(#[doc = $doc:literal] $variant:ident $name:literal $effect:expr;)+) => {
        /// A failure of Stripe or of the connection to it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Fault {
            $(#[doc = $doc] $variant,)+
        }

        impl Fault {
            /// Every fault.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The stable name, in kebab case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// A one-line description.
            #[must_use]
            pub fn description(self) -> &'static str {
                match self { $(Self::$variant => $doc.trim_ascii(),)+ }
            }

            pub(crate) fn effect(self) -> Effect {
                match self { $(Self::$variant => $effect,)+ }
            }
        }
    };
}

faults! {
    /// The response is for another customer, and the URL opens that customer's portal.
    OtherCustomer "other-customer" Change(wrong_content::other_customer);
    /// The response has the other mode in `livemode`.
    OtherMode "other-mode" Change(wrong_content::other_mode);
    /// The session has another return URL than requested.
    OtherReturnUrl "other-return-url" Change(wrong_content::other_return_url);
    /// The session has another flow than requested.
    OtherFlow "other-flow" Change(wrong_content::other_flow);
    /// The session has another configuration than requested.
    OtherConfiguration "other-configuration" Change(wrong_content::other_configuration);
    /// The session is on behalf of a connected account.
    OnBehalfOf "on-behalf-of" Change(wrong_content::on_behalf_of);
    /// The session's URL is on another host.
    UrlOnOtherHost "url-on-other-host" Change(wrong_content::url_on_other_host);
    /// The session's URL is http, or https if the portal is served over http.
    UrlOverHttp "url-over-http" Change(wrong_content::url_over_http);
    /// The session's URL has user information before its host.
    UrlWithUserinfo "url-with-userinfo" Change(wrong_content::url_with_userinfo);
    /// The session's URL has a port, or another port if the portal has one.
    UrlWithPort "url-with-port" Change(wrong_content::url_with_port);
    /// The session's URL is empty.
    UrlEmpty "url-empty" Change(wrong_content::url_empty);
    /// The object has another type.
    WrongObject "wrong-object" Change(wrong_content::wrong_object);
    /// The session can be recovered after it expires.
    AfterExpiration "after-expiration" Change(wrong_content::after_expiration);
    /// The response is marked as a replay of an earlier request.
    Replayed "replayed" Change(wrong_content::replayed);
    /// The customer is returned as deleted, and sessions are refused.
    CustomerDeleted "customer-deleted" Refuse(refusals::customer_deleted);
    /// The customer exists only in the other mode.
    CustomerOfOtherMode "customer-of-other-mode" Refuse(refusals::customer_of_other_mode);
    /// The customer does not exist.
    CustomerMissing "customer-missing" Refuse(refusals::customer_missing);
    /// The customer has no `metadata` member.
    MetadataAbsent "metadata-absent" Change(wrong_content::metadata_absent);
    /// The customer's metadata is an empty object.
    MetadataEmpty "metadata-empty" Change(wrong_content::metadata_empty);
    /// Each value of the customer's metadata is an empty string.
    MetadataBlank "metadata-blank" Change(wrong_content::metadata_blank);
    /// Each value of the customer's metadata is a number.
    MetadataNotText "metadata-not-text" Change(wrong_content::metadata_not_text);
    /// 302 to the same path.
    Redirect "redirect" Change(malformed::redirect);
    /// 200 with an HTML page.
    Html "html" Change(malformed::html);
    /// 200 with the first half of the JSON as the complete body.
    TruncatedJson "truncated-json" Change(malformed::truncated_json);
    /// 200 with JSON that is padded with whitespace to more than 64 KiB.
    BodyTooLarge "body-too-large" Change(malformed::body_too_large);
    /// 200 with an endless body that arrives one byte at a time.
    BodyDrips "body-drips" Deliver(Drip);
    /// No response is ever sent.
    Hang "hang" Deliver(Hang);
    /// The response stops in the middle of its body, and the connection stays open.
    HangInBody "hang-in-body" Deliver(HangInBody);
    /// The connection is reset before the response.
    Reset "reset" Deliver(Reset);
    /// The connection is reset in the middle of the response head.
    ResetInHead "reset-in-head" Deliver(ResetInHead);
    /// The connection is reset in the middle of the response body.
    ResetInBody "reset-in-body" Deliver(ResetInBody);
    /// The connection is reset before the response if it has delivered an earlier response.
    ResetReused "reset-reused" Deliver(ResetReused);
    /// The connection is closed after the response, without an announcement.
    ClosedAfterResponse "closed-after-response" Deliver(ThenClose);
    /// All connections are refused, not only those for a customer with this fault.
    ConnectionRefused "connection-refused" Outage(Refused);
    /// The certificate has expired; over plain HTTP the connection is closed immediately.
    CertificateExpired "certificate-expired" Outage(Certificate(Flaw::Expired));
    /// The certificate is for another name; over plain HTTP the connection is closed immediately.
    CertificateOfOtherName "certificate-of-other-name" Outage(Certificate(Flaw::OtherName));
    /// The certificate is from an unknown CA; over plain HTTP the connection is closed immediately.
    CertificateOfUnknownCa "certificate-of-unknown-ca" Outage(Certificate(Flaw::UnknownCa));
    /// 400, the key has the other mode: `livemode_mismatch`.
    LivemodeMismatch "livemode-mismatch" Refuse(refusals::livemode_mismatch);
    /// 400 with `resource_missing` for the configuration.
    ConfigurationMissing "configuration-missing" Refuse(refusals::configuration_missing);
    /// 400 for an inactive configuration, without a code.
    ConfigurationInactive "configuration-inactive" Refuse(refusals::configuration_inactive);
    /// 400 for a missing default configuration, without a code or a parameter.
    NoConfiguration "no-configuration" Refuse(refusals::no_configuration);
    /// 400 with `resource_missing` for the subscription of a flow.
    FlowSubscriptionMissing "flow-subscription-missing" Refuse(refusals::flow_subscription_missing);
    /// 404 with `resource_missing` for the subscription of a flow.
    FlowNotFound "flow-not-found" Refuse(refusals::flow_not_found);
    /// 400 for a flow that the configuration does not allow, without a code.
    FlowDisabled "flow-disabled" Refuse(refusals::flow_disabled);
    /// 400 with `url_invalid` for the return URL.
    ReturnUrlInvalid "return-url-invalid" Refuse(refusals::return_url_invalid);
    /// 400 for the locale, without a code.
    LocaleInvalid "locale-invalid" Refuse(refusals::locale_invalid);
    /// 400 with `parameter_unknown` for a parameter that was not sent.
    ParameterUnknown "parameter-unknown" Refuse(refusals::parameter_unknown);
    /// 401, the key has expired: `api_key_expired`.
    Status401 "status-401" Refuse(refusals::unauthorized);
    /// 402, an error that is not documented for these endpoints.
    Status402 "status-402" Refuse(refusals::request_failed);
    /// 403, the key lacks a permission.
    Status403 "status-403" Refuse(refusals::forbidden);
    /// 404, the URL is unknown.
    Status404 "status-404" Refuse(refusals::not_found);
    /// 409, another request with the same key is in progress: `idempotency_key_in_use`.
    Status409 "status-409" Refuse(refusals::conflict);
    /// 429, the object is locked by another request: `lock_timeout`.
    LockTimeout "lock-timeout" Refuse(refusals::lock_timeout);
    /// 429, too many requests: `rate_limit`.
    RateLimit "rate-limit" Refuse(refusals::rate_limit);
    /// 429 with an empty body.
    Status429 "status-429" Change(malformed::bare_429);
    /// 500, a failure at Stripe during processing, which is kept for replays.
    Status500 "status-500" Refuse(refusals::internal);
    /// 502 with an HTML page, after the request was processed.
    Status502 "status-502" Change(malformed::bad_gateway);
    /// 503, before the request is processed.
    Status503 "status-503" Refuse(refusals::unavailable);
    /// 504 with an HTML page, after the request was processed.
    Status504 "status-504" Change(malformed::gateway_timeout);
}

impl Fault {
    /// Returns the fault in a customer ID, which is `cus_Fault` and the name in camel case: `cus_FaultStatus503`. A suffix
    /// that starts with `x` allows several IDs for one fault: `cus_FaultUrlOverHttpx2`.
    #[must_use]
    pub fn of_customer_id(id: &str) -> Option<Self> {
        let rest = id.strip_prefix("cus_Fault")?;
        Self::ALL.iter().copied().find(|fault| {
            let suffix = rest.strip_prefix(fault.camel_case().as_str());
            suffix.is_some_and(|suffix| suffix.is_empty() || suffix.starts_with('x'))
        })
    }

    /// Returns the name in camel case, as in customer IDs.
    #[must_use]
    pub fn camel_case(self) -> String {
        let capital = |word: &str| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        };
        self.name().split('-').map(capital).collect()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().copied().find(|fault| fault.name() == name);
        found.ok_or_else(|| format!("unknown fault '{name}'"))
    }
}
