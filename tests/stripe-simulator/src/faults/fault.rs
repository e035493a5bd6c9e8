//! Every fault and every lie, by a name that metadata, command lines and test tables share.

use std::{fmt, str::FromStr};

use crate::{
    connection::Delivery::{Drip, Hang, Reset, ResetInBody, ResetInHead},
    faults::{
        effect::Effect::{self, Change, Deliver, Outage, Refuse},
        lies, noise, refusals,
    },
    outage::Outage::{Certificate, Refused},
    tls::Flaw,
};

macro_rules! faults {
    ($(#[doc = $doc:literal] $variant:ident $name:literal $effect:expr;)+) => {
        /// What Stripe may do wrong, or what may go wrong on the way to it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Fault {
            $(#[doc = $doc] $variant,)+
        }

        impl Fault {
            /// Every fault.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// Its stable name, in kebab case.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What it does, as one line.
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
    /// Another customer is told, and the URL opens that customer's portal.
    OtherCustomer "other-customer" Change(lies::other_customer);
    /// The mode told is the other one.
    OtherMode "other-mode" Change(lies::other_mode);
    /// The session leads back to another URL.
    OtherReturnUrl "other-return-url" Change(lies::other_return_url);
    /// The session has another flow than was asked for.
    OtherFlow "other-flow" Change(lies::other_flow);
    /// The session has another configuration than was asked for.
    OtherConfiguration "other-configuration" Change(lies::other_configuration);
    /// The session is on behalf of a connected account.
    OnBehalfOf "on-behalf-of" Change(lies::on_behalf_of);
    /// The session's URL lies on another host.
    UrlOnOtherHost "url-on-other-host" Change(lies::url_on_other_host);
    /// The session's URL is http; where the portal is http itself, https.
    UrlOverHttp "url-over-http" Change(lies::url_over_http);
    /// The session's URL has user information before its host.
    UrlWithUserinfo "url-with-userinfo" Change(lies::url_with_userinfo);
    /// The session's URL has a port; where the portal has one, another.
    UrlWithPort "url-with-port" Change(lies::url_with_port);
    /// The session's URL is empty.
    UrlEmpty "url-empty" Change(lies::url_empty);
    /// The object is of another kind.
    WrongObject "wrong-object" Change(lies::wrong_object);
    /// The session can be recovered after it has expired.
    AfterExpiration "after-expiration" Change(lies::after_expiration);
    /// The answer is said to be the replay of an earlier call's.
    Replayed "replayed" Change(lies::replayed);
    /// The customer is told as deleted, and gets no session.
    CustomerDeleted "customer-deleted" Refuse(refusals::customer_deleted);
    /// The customer is only there in the other mode.
    CustomerOfOtherMode "customer-of-other-mode" Refuse(refusals::customer_of_other_mode);
    /// The customer is not there.
    CustomerMissing "customer-missing" Refuse(refusals::customer_missing);
    /// The customer has no member `metadata`.
    MetadataAbsent "metadata-absent" Change(lies::metadata_absent);
    /// The customer's metadata is an empty object.
    MetadataEmpty "metadata-empty" Change(lies::metadata_empty);
    /// Each value of the customer's metadata is an empty text.
    MetadataBlank "metadata-blank" Change(lies::metadata_blank);
    /// Each value of the customer's metadata is a number.
    MetadataNotText "metadata-not-text" Change(lies::metadata_not_text);
    /// 302 to the same path.
    Redirect "redirect" Change(noise::redirect);
    /// 200 with a page of HTML.
    Html "html" Change(noise::html);
    /// 200 with the first half of the JSON, as if it were all.
    TruncatedJson "truncated-json" Change(noise::truncated_json);
    /// 200 with JSON that white space makes larger than 64 KiB.
    BodyTooLarge "body-too-large" Change(noise::body_too_large);
    /// 200 with a body that comes a byte at a time, for ever.
    BodyDrips "body-drips" Deliver(Drip);
    /// No byte of the answer, for ever.
    Hang "hang" Deliver(Hang);
    /// The connection is reset before the answer.
    Reset "reset" Deliver(Reset);
    /// The connection is reset in the middle of the answer's head.
    ResetInHead "reset-in-head" Deliver(ResetInHead);
    /// The connection is reset in the middle of the answer's body.
    ResetInBody "reset-in-body" Deliver(ResetInBody);
    /// Connections are refused; every client's, for a refused connection names no customer.
    ConnectionRefused "connection-refused" Outage(Refused);
    /// The certificate has expired; over plain HTTP the connection is closed unread.
    CertificateExpired "certificate-expired" Outage(Certificate(Flaw::Expired));
    /// The certificate is for another name; over plain HTTP the connection is closed unread.
    CertificateOfOtherName "certificate-of-other-name" Outage(Certificate(Flaw::OtherName));
    /// The certificate is of an unknown CA; over plain HTTP the connection is closed unread.
    CertificateOfUnknownCa "certificate-of-unknown-ca" Outage(Certificate(Flaw::UnknownCa));
    /// 400, the key is of the other mode: `livemode_mismatch`.
    LivemodeMismatch "livemode-mismatch" Refuse(refusals::livemode_mismatch);
    /// 400, `resource_missing` for the configuration.
    ConfigurationMissing "configuration-missing" Refuse(refusals::configuration_missing);
    /// 400 about the configuration, without a code.
    ConfigurationInactive "configuration-inactive" Refuse(refusals::configuration_inactive);
    /// 400 for want of a default configuration: neither code nor parameter, only the text.
    NoConfiguration "no-configuration" Refuse(refusals::no_configuration);
    /// 400, `resource_missing` for a flow's subscription.
    FlowSubscriptionMissing "flow-subscription-missing" Refuse(refusals::flow_subscription_missing);
    /// 404, `resource_missing` for a flow's subscription.
    FlowNotFound "flow-not-found" Refuse(refusals::flow_not_found);
    /// 400 about a flow that the configuration does not allow, without a code.
    FlowDisabled "flow-disabled" Refuse(refusals::flow_disabled);
    /// 400, `url_invalid` for the return URL.
    ReturnUrlInvalid "return-url-invalid" Refuse(refusals::return_url_invalid);
    /// 400 about the locale, without a code.
    LocaleInvalid "locale-invalid" Refuse(refusals::locale_invalid);
    /// 400, `parameter_unknown` for a parameter that no one sent.
    ParameterUnknown "parameter-unknown" Refuse(refusals::parameter_unknown);
    /// 401, the key has expired: `api_key_expired`.
    Status401 "status-401" Refuse(refusals::unauthorized);
    /// 402, which the endpoints do not document.
    Status402 "status-402" Refuse(refusals::request_failed);
    /// 403, a permission is lacking.
    Status403 "status-403" Refuse(refusals::forbidden);
    /// 404, the URL is unknown.
    Status404 "status-404" Refuse(refusals::not_found);
    /// 409, another request with the same key is in progress: `idempotency_key_in_use`.
    Status409 "status-409" Refuse(refusals::conflict);
    /// 429, the object is locked by another request: `lock_timeout`.
    LockTimeout "lock-timeout" Refuse(refusals::lock_timeout);
    /// 429, too many requests: `rate_limit`.
    RateLimit "rate-limit" Refuse(refusals::rate_limit);
    /// 429 and an empty body.
    Status429 "status-429" Change(noise::bare_429);
    /// 500, Stripe's own failure in the middle of the work, which replays repeat.
    Status500 "status-500" Refuse(refusals::internal);
    /// 502 and a page of HTML; the work was done.
    Status502 "status-502" Change(noise::bad_gateway);
    /// 503, before any work.
    Status503 "status-503" Refuse(refusals::unavailable);
    /// 504 and a page of HTML; the work was done.
    Status504 "status-504" Change(noise::gateway_timeout);
}

impl Fault {
    /// The fault that a customer's id names by itself: `cus_Fault`, the name in camel case, and, to have several, an `x` with
    /// anything behind it: `cus_FaultStatus503`, `cus_FaultUrlOverHttpx2`.
    #[must_use]
    pub fn of_customer_id(id: &str) -> Option<Self> {
        let rest = id.strip_prefix("cus_Fault")?;
        Self::ALL.iter().copied().find(|fault| {
            let after = rest.strip_prefix(fault.camel_case().as_str());
            after.is_some_and(|after| after.is_empty() || after.starts_with('x'))
        })
    }

    /// The name as ids spell it.
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
        found.ok_or_else(|| format!("there is no fault '{name}'"))
    }
}
