//! Integration: every fault of the simulator, on each of the two requests, over TLS. Each has its documented reason, releases
//! no URL, and has no effect on later calls. The corpus has the faults over plain HTTP.

use billing_portal::grpc::proto::billing_portal_client::BillingPortalClient;
use stripe_simulator::{Endpoint, Fault, Injection};
use tonic::transport::Channel;

use crate::support::{
    ClientError, World,
    process::{Serving, binary, serve},
    world::{bearer, connect, home},
};

const PROTOCOL: &str = "STRIPE_PROTOCOL";
const REJECTED: &str = "STRIPE_RESPONSE_REJECTED";
const UNAVAILABLE: &str = "STRIPE_UNAVAILABLE";
const CREDENTIALS: &str = "STRIPE_CREDENTIALS";
const MISSING: &str = "BILLING_ACCOUNT_MISSING_AT_STRIPE";
const NO_PROOF: &str = "TENANT_PROOF_MISSING";
const NOT_CONFIGURED: &str = "PORTAL_NOT_CONFIGURED";
/// The fault does not affect this request, so the call succeeds.
const OPENS: &str = "OK";

/// The reason for a fault on reading the customer, and for the same fault on creating the session.
fn expected(fault: Fault) -> (&'static str, &'static str) {
    use Fault as F;
    match fault {
        F::OtherCustomer | F::OtherMode | F::WrongObject => (REJECTED, REJECTED),
        F::OtherReturnUrl | F::OtherFlow | F::OnBehalfOf | F::AfterExpiration | F::Replayed => (OPENS, REJECTED),
        F::UrlOnOtherHost | F::UrlOverHttp | F::UrlWithUserinfo | F::UrlWithPort | F::UrlEmpty => (OPENS, REJECTED),
        // No configuration is pinned here, so the service does not compare it.
        F::OtherConfiguration => (OPENS, OPENS),
        // A request that is lost with an idle connection is repeated.
        F::ResetReused | F::ClosedAfterResponse => (OPENS, OPENS),
        F::CustomerDeleted | F::CustomerOfOtherMode | F::CustomerMissing => (MISSING, MISSING),
        F::MetadataAbsent | F::MetadataEmpty | F::MetadataBlank | F::MetadataNotText => (NO_PROOF, OPENS),
        F::Redirect | F::Html | F::TruncatedJson | F::BodyTooLarge => (PROTOCOL, PROTOCOL),
        F::BodyDrips | F::Hang | F::HangInBody => (UNAVAILABLE, UNAVAILABLE),
        F::Reset | F::ResetInHead | F::ResetInBody | F::ConnectionRefused => (UNAVAILABLE, UNAVAILABLE),
        F::CertificateExpired | F::CertificateOfOtherName | F::CertificateOfUnknownCa => (UNAVAILABLE, UNAVAILABLE),
        F::LivemodeMismatch | F::Status401 | F::Status403 => (CREDENTIALS, CREDENTIALS),
        F::ConfigurationMissing | F::ConfigurationInactive | F::NoConfiguration => (OPENS, NOT_CONFIGURED),
        // No flow is requested here, so an error about a flow is unexpected.
        F::FlowSubscriptionMissing | F::FlowNotFound | F::FlowDisabled => (OPENS, PROTOCOL),
        F::ReturnUrlInvalid => (OPENS, "RETURN_URL_NOT_ALLOWED"),
        F::LocaleInvalid => (OPENS, "LOCALE_INVALID"),
        F::ParameterUnknown | F::Status402 | F::Status404 => (PROTOCOL, PROTOCOL),
        F::Status409 | F::LockTimeout => ("STRIPE_CONFLICT", "STRIPE_CONFLICT"),
        F::RateLimit | F::Status429 => ("STRIPE_RATE_LIMITED", "STRIPE_RATE_LIMITED"),
        F::Status500 | F::Status502 | F::Status503 | F::Status504 => (UNAVAILABLE, UNAVAILABLE),
        unknown => panic!("{unknown} has no expected reason"),
    }
}

async fn open(world: &World, channel: &Channel) -> String {
    let result = BillingPortalClient::new(channel.clone()).create_portal_session(bearer(&world.olivia(), home())).await;
    match result {
        Ok(response) => {
            let url = response.into_inner().url;
            assert_eq!(world.stripe.customer_of(&url).as_deref(), Some("cus_A"));
            OPENS.to_owned()
        }
        Err(status) => ClientError::of(&status).reason,
    }
}

/// Checks every fault on both requests.
async fn check_every_fault(world: &World, channel: &Channel) {
    for fault in Fault::ALL {
        let (on_customer, on_session) = expected(*fault);
        for (endpoint, reason) in [(Endpoint::Customers, on_customer), (Endpoint::Sessions, on_session)] {
            world.stripe.inject(Injection::from(*fault).on(endpoint));
            assert_eq!(open(world, channel).await, reason, "{fault} on {endpoint:?}");
            world.stripe.clear_faults();
        }
        // A fault must not affect later calls. A lost connection may cost one more attempt.
        assert_eq!(open(world, channel).await, OPENS, "after {fault}");
    }
}

const SHORT_TIMEOUT: &str = "--stripe-attempt-timeout=300ms";

#[tokio::test]
async fn every_fault_has_documented_reason_over_tls() {
    let world = World::over_tls().await;
    let ca_file = world.path("ca.pem");
    std::fs::write(&ca_file, world.stripe.ca_pem().unwrap()).unwrap();
    let arguments = world.settings(&["--listen=127.0.0.1:0", SHORT_TIMEOUT]);
    let mut command = binary();
    command.args(arguments).env("SSL_CERT_FILE", ca_file);
    let Serving { child: _child, address, .. } = serve(command).await;
    let channel = connect(address).await;
    check_every_fault(&world, &channel).await;
}
