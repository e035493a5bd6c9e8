//! The terminal output. Tests parse the lines that start with a label, followed by spaces and a value.

use std::io::{self, Write as _};

use anyhow::Result;
use tokio::sync::mpsc;
use url::Url;

use crate::{
    billing::Action,
    environment::{Environment, Stripe},
    people::{self, PEOPLE},
    token::{AUDIENCE, ISSUER, Issuer, KEY_ID},
};

/// Prints a line to standard output. Ignores errors: the page keeps running after the reader closes the pipe.
pub(crate) fn print_line(line: &str) {
    drop(writeln!(io::stdout().lock(), "{line}"));
}

/// Prints the addresses, the files, the people to sign in as, and the next steps.
pub(crate) fn print_overview(page: &str, backend: &Url, environment: &Environment) {
    let files = &environment.files;
    print_line("");
    for (label, value) in [
        ("Settings page", page.to_owned()),
        ("gRPC service", environment.service.authority().map_or_else(String::new, ToString::to_string)),
        ("Stripe", environment.stripe.api_base().to_owned()),
        ("Issuer", ISSUER.to_owned()),
        ("Audience", AUDIENCE.to_owned()),
        ("Signing key", files.principal_key().display().to_string()),
        ("Flag file", files.flags().display().to_string()),
        ("Audit log", files.audit().display().to_string()),
        ("Directory", files.directory().display().to_string()),
    ] {
        print_line(&format!("{label:<16}{value}"));
    }
    print_line("\nOpen the settings page in a browser and sign in as one of:");
    for person in &PEOPLE {
        print_line(&format!("  {:<10}{}", person.id, person.description));
    }
    if let Stripe::Real { customer, .. } = &environment.stripe {
        let tenant = PEOPLE.first().map_or("", |person| person.tenant.id);
        print_line(&format!(
            "\nUsing Stripe in test mode. The tenant {tenant} is mapped to {customer}. The portal opens only if that \
             customer's metadata contains tenant_id={tenant}."
        ));
    }
    print_line(
        "\nTo switch billing off, set \"state\" to \"DISABLED\" in the flag file. It takes effect within a second.",
    );
    if let Some(arguments) = &environment.external_service_arguments {
        print_line(&format!("\nIf the service is not running yet, start it with:\nbilling-portal serve {arguments}"));
    }
    print_line(
        "\nTo use the service from another backend, paste these lines into another terminal and start it there:\n",
    );
    for (name, value) in variables(backend, environment) {
        print_line(&format!("export {name}={}", quote(&value)));
    }
    print_line(
        "\nThe two examples of such a backend are started with one of these lines:\n\n\
         cargo run --example bff\n\
         (cd examples/bff-typescript && npm ci && npm run build && npm start)\n",
    );
    print_line(match environment.external_service_arguments {
        None => "Each refused call is printed here, on one line.\n",
        Some(_) => "Each refused call of the page is printed here. The log of the service has all refused calls.\n",
    });
    print_line(
        "To call the service from another terminal, run the command below.\n\
         Its token expires after five minutes; press Enter to print a new one.\n\
         Type the name of another person before Enter for a token of that person.\n",
    );
}

/// Returns what another backend needs to call the service, sign tokens for it, and receive people who return from Stripe.
fn variables(backend: &Url, environment: &Environment) -> [(&'static str, String); 8] {
    [
        ("SERVICE", environment.service.authority().map_or_else(String::new, ToString::to_string)),
        ("PRINCIPAL_ISSUER", ISSUER.to_owned()),
        ("PRINCIPAL_AUDIENCE", AUDIENCE.to_owned()),
        ("PRINCIPAL_KEY_FILE", environment.files.principal_key().display().to_string()),
        ("PRINCIPAL_KEY_ID", KEY_ID.to_owned()),
        ("PORTAL_ORIGIN", environment.stripe.portal_origin().to_owned()),
        ("PUBLIC_ORIGIN", backend.origin().ascii_serialization()),
        ("PORT", backend.port_or_known_default().map_or_else(String::new, |port| port.to_string())),
    ]
}

/// Returns a value as one word of a POSIX shell.
pub(crate) fn quote(value: &str) -> String {
    if !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:,@%+=".contains(c)) {
        return value.to_owned();
    }
    format!("'{}'", value.replace('\'', r"'\''"))
}

/// Prints a grpcurl command that opens the portal as the named person, or as the first owner. It needs no proto file,
/// because the service has reflection on.
pub(crate) fn print_grpcurl(name: &str, issuer: &Issuer, page: &str, environment: &Environment) -> Result<()> {
    let found = if name.is_empty() { PEOPLE.first() } else { people::find(name) };
    let Some(person) = found else {
        print_line(&format!("Nobody has this name. The names are: {}\n", PEOPLE.each_ref().map(|p| p.id).join(", ")));
        return Ok(());
    };
    let token = issuer.mint(person)?;
    let address = environment.service.authority().map_or("", |authority| authority.as_str());
    print_line(&format!(
        "grpcurl -plaintext -H 'authorization: Bearer {token}' -d '{{\"return_url\":\"{}\"}}' {address} \
         billing.portal.v1.BillingPortal/CreatePortalSession\n",
        Action::Portal.request(page).return_url
    ));
    Ok(())
}

/// Sends each line that is typed, without white space around it. Reads on a separate thread, because tokio's standard input would keep
/// the process from exiting. Only the thread ends when standard input is closed.
pub(crate) fn typed_lines() -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut lines = io::stdin().lines().map_while(Result::ok);
        while lines.next().is_some_and(|line| sender.blocking_send(line.trim().to_owned()).is_ok()) {}
    });
    receiver
}
