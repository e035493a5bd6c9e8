//! The terminal output. Tests parse the lines that start with a label, followed by spaces and a value.

use std::io::{self, Write as _};

use tokio::sync::mpsc;

use crate::{
    environment::{Environment, Stripe},
    people::PEOPLE,
    token::Issuer,
};

/// Prints a line to standard output. Ignores errors: the page keeps running after the reader closes the pipe.
pub(crate) fn print_line(line: &str) {
    drop(writeln!(io::stdout().lock(), "{line}"));
}

/// Prints the addresses, the files, the people to sign in as, and the next steps.
pub(crate) fn print_overview(page: &str, environment: &Environment) {
    let files = &environment.files;
    print_line("");
    for (label, value) in [
        ("Settings page", page.to_owned()),
        ("gRPC service", environment.service.authority().map_or_else(String::new, ToString::to_string)),
        ("Stripe", environment.stripe.api_base().to_owned()),
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
        "\nTo call the service from another terminal, run the command below.\n\
         Its token expires after five minutes; press Enter to print a new one.\n",
    );
}

/// Prints a grpcurl command that opens the portal as the first owner. It needs no proto file, because the service has
/// reflection on.
pub(crate) fn print_grpcurl(issuer: &Issuer, page: &str, environment: &Environment) -> anyhow::Result<()> {
    let Some(owner) = PEOPLE.first() else { return Ok(()) };
    let token = issuer.mint(owner)?;
    let address = environment.service.authority().map_or("", |authority| authority.as_str());
    print_line(&format!(
        "grpcurl -plaintext -H 'authorization: Bearer {token}' -d '{{\"return_url\":\"{}\"}}' {address} \
         billing.portal.v1.BillingPortal/CreatePortalSession\n",
        crate::billing::return_url(page)
    ));
    Ok(())
}

/// Sends a message each time Enter is pressed. Reads on a separate thread, because tokio's standard input would keep
/// the process from exiting. Only the thread ends when standard input is closed.
pub(crate) fn enter_presses() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut line = String::new();
        while io::stdin().read_line(&mut line).is_ok_and(|bytes| bytes > 0) && sender.blocking_send(()).is_ok() {
            line.clear();
        }
    });
    receiver
}
