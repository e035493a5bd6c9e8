//! Everything that the page depends on: the folder with the service's files, the directory, Stripe, and the service.

use std::{net::SocketAddr, path::PathBuf};

use anyhow::{Context as _, Result, anyhow};
use axum::{http::Uri, middleware::from_fn};
use billing_portal::{
    commands::{self, EarlyExit},
    server::Server,
    telemetry, wiring,
};
use stripe_simulator::{Customer, Mode, Simulator, Subscription};
use tokio::net::TcpListener;

use crate::{
    arguments::Arguments,
    files::Files,
    people::{ACME, TENANTS},
    ports, refusals, terminal,
    token::{AUDIENCE, ISSUER, Issuer},
};

const DEFAULT_SERVICE_ADDRESS: SocketAddr = SocketAddr::new(LOOPBACK, 50051);
const DEFAULT_STRIPE_ADDRESS: SocketAddr = SocketAddr::new(LOOPBACK, 4242);

/// The interface of every default address.
pub(crate) const LOOPBACK: std::net::IpAddr = std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

/// The Stripe API that the service calls.
pub(crate) enum Stripe {
    /// The simulator. It stops when it is dropped.
    Simulated(Simulator),
    /// Stripe in test mode.
    Real { key_file: PathBuf, customer: String },
}

impl Stripe {
    pub(crate) fn api_base(&self) -> &str {
        match self {
            Self::Simulated(simulator) => simulator.base_url(),
            Self::Real { .. } => "https://api.stripe.com",
        }
    }

    /// The origin of the billing portal, for the page's Content-Security-Policy.
    pub(crate) fn portal_origin(&self) -> &str {
        match self {
            Self::Simulated(simulator) => simulator.base_url(),
            Self::Real { .. } => "https://billing.stripe.com",
        }
    }

    /// The value of `--stripe-session-hosts`, which takes a host name, or a whole origin on loopback.
    fn session_host(&self) -> &str {
        match self {
            Self::Simulated(simulator) => simulator.base_url(),
            Self::Real { .. } => "billing.stripe.com",
        }
    }
}

/// The dependencies of the page.
pub(crate) struct Environment {
    pub(crate) files: Files,
    pub(crate) stripe: Stripe,
    /// The URL of the service.
    pub(crate) service: Uri,
    /// The service to run in this process; `None` with `--service`.
    pub(crate) local_service: Option<(Server, TcpListener)>,
    /// The arguments that an external service needs; `None` without `--service`.
    pub(crate) external_service_arguments: Option<String>,
}

/// Starts the Stripe simulator, writes the files, and prepares the service without serving it. It accepts the return URLs
/// of `page` and of another backend.
pub(crate) async fn prepare(arguments: &Arguments, page: &str, issuer: &Issuer) -> Result<Environment> {
    let stripe = stripe(arguments).await?;
    let mut files = Files::create(arguments.state_dir.as_deref())?;
    files.write_flags()?;
    files.write_key_set(&issuer.key_set())?;
    files.write_principal_key(&issuer.private_key())?;
    match &stripe {
        Stripe::Simulated(simulator) => files.write_stripe_key(simulator.secret_key(Mode::Test))?,
        Stripe::Real { key_file, .. } => files.use_stripe_key(key_file),
    }
    files.write_directory(&mapped_tenants(&stripe))?;
    let origins = format!("{page},{}", arguments.backend_origin.origin().ascii_serialization());
    if let Some(service) = arguments.service.clone() {
        drop(telemetry::install(None, "info")?);
        let listen = service.authority().map_or_else(String::new, ToString::to_string);
        let arguments = service_arguments(&listen, &origins, &files, &stripe);
        let arguments = arguments.iter().map(|argument| terminal::quote(argument)).collect::<Vec<_>>().join(" ");
        return Ok(Environment {
            files,
            stripe,
            service,
            local_service: None,
            external_service_arguments: Some(arguments),
        });
    }
    let listener = ports::bind(arguments.service_address, DEFAULT_SERVICE_ADDRESS).await?;
    let address = listener.local_addr()?;
    let server = server(service_arguments(&address.to_string(), &origins, &files, &stripe)).await?;
    let service = format!("http://{address}").parse().context("the service's address is not a valid URL")?;
    Ok(Environment {
        files,
        stripe,
        service,
        local_service: Some((server, listener)),
        external_service_arguments: None,
    })
}

async fn stripe(arguments: &Arguments) -> Result<Stripe> {
    if let (Some(key_file), Some(customer)) = (&arguments.stripe_secret_key_file, &arguments.stripe_customer) {
        return Ok(Stripe::Real { key_file: key_file.clone(), customer: customer.clone() });
    }
    let listener = ports::bind(arguments.stripe_address, DEFAULT_STRIPE_ADDRESS).await?;
    let simulator = Simulator::start(listener).context("cannot start the Stripe simulator")?;
    for tenant in TENANTS {
        if let Some(customer) = tenant.customer {
            let email = format!("accounts@{}.example", tenant.id);
            let customer = Customer::new(customer).name(tenant.name).email(email.as_str());
            simulator.add_customer(customer.metadata("tenant_id", tenant.id));
        }
    }
    if let Some(customer) = ACME.customer {
        simulator.add_subscription(Subscription::new("sub_AcmeTeam", customer).item("si_AcmeTeam", "price_Team", 12));
    }
    Ok(Stripe::Simulated(simulator))
}

/// Returns the tenants of the directory with their customers. With real Stripe, only the customer from the command line
/// exists.
fn mapped_tenants(stripe: &Stripe) -> Vec<(&'static str, String)> {
    match stripe {
        Stripe::Simulated(_) => {
            TENANTS.iter().filter_map(|tenant| Some((tenant.id, tenant.customer?.to_owned()))).collect()
        }
        Stripe::Real { customer, .. } => vec![(ACME.id, customer.clone())],
    }
}

/// Returns the service's arguments. All settings that depend on the environment are explicit, so that
/// `BILLING_PORTAL_*` variables in the developer's shell have no effect on them. Limits and timeouts keep their
/// defaults.
fn service_arguments(listen: &str, origins: &str, files: &Files, stripe: &Stripe) -> Vec<String> {
    [
        ("--listen", listen.to_owned()),
        ("--caller-identity", "none".to_owned()),
        ("--principal-jwks", files.key_set().display().to_string()),
        ("--principal-issuer", ISSUER.to_owned()),
        ("--principal-audience", AUDIENCE.to_owned()),
        ("--return-url-origins", origins.to_owned()),
        ("--database-url", format!("sqlite:{}", files.directory().display())),
        ("--ownership", "token-and-directory".to_owned()),
        ("--flags-file", files.flags().display().to_string()),
        ("--flag-key", crate::files::FLAG_KEY.to_owned()),
        ("--stripe-secret-key-file", files.stripe_key().display().to_string()),
        ("--stripe-mode", "test".to_owned()),
        ("--stripe-api-base", stripe.api_base().to_owned()),
        ("--stripe-session-hosts", stripe.session_host().to_owned()),
        ("--stripe-tenant-metadata-key", "tenant_id".to_owned()),
        ("--audit", format!("file:{}", files.audit().display())),
        ("--reflection", "true".to_owned()),
    ]
    .into_iter()
    .flat_map(|(flag, value)| [flag.to_owned(), value])
    .collect()
}

async fn server(arguments: Vec<String>) -> Result<Server> {
    let arguments = std::iter::once("billing-portal".to_owned()).chain(arguments);
    let command = commands::parse(arguments).map_err(|exit| match exit {
        EarlyExit::HelpOrVersion(text) => anyhow!("{text}"),
        EarlyExit::Setting(error) => anyhow!("{error}"),
    })?;
    let config = command.config().context("a command without the settings of the service")?;
    drop(telemetry::install(config.logging.format, "info")?);
    let mut service = wiring::build(config.clone()).await?;
    service.routes = service.routes.layer(from_fn(refusals::print));
    Ok(Server::new(service))
}
