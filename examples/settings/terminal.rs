//! What is said on standard output. Its lines are read by tests too: a label at the line's start, white space, a value.

use std::io::{self, Write as _};

use tokio::sync::mpsc;

use crate::{
    people::PEOPLE,
    token::Issuer,
    world::{Stripe, World},
};

/// Prints a line. A reader that has gone away is no reason to end the page.
pub(crate) fn say(line: &str) {
    drop(writeln!(io::stdout().lock(), "{line}"));
}

/// Where everything is, and whom one can be.
pub(crate) fn announce(page: &str, world: &World) {
    let files = &world.files;
    say("");
    for (label, value) in [
        ("Settings page", page.to_owned()),
        ("gRPC service", world.service.authority().map_or_else(String::new, ToString::to_string)),
        ("Stripe", world.stripe.api_base().to_owned()),
        ("Flag file", files.flags().display().to_string()),
        ("Audit log", files.audit().display().to_string()),
        ("Directory", files.directory().display().to_string()),
    ] {
        say(&format!("{label:<16}{value}"));
    }
    say("\nPrepared people, to sign in as on the page:");
    for person in &PEOPLE {
        say(&format!("  {:<10}{}", person.id, person.story));
    }
    if let Stripe::Real { customer, .. } = &world.stripe {
        let tenant = PEOPLE.first().map_or("", |person| person.tenant.id);
        say(&format!(
            "\nThis is Stripe itself, in test mode. The tenant {tenant} is mapped to {customer}, and that customer's \
             metadata must hold tenant_id={tenant}, or its portal stays closed."
        ));
    }
    say("\nTo switch billing off, set \"state\" to \"DISABLED\" in the flag file; it counts within a second.");
    if let Some(arguments) = &world.arguments_for_a_service {
        say(&format!("\nStart the service, where it does not run yet, with:\nbilling-portal serve {arguments}"));
    }
    say("\nFrom another terminal (the token inside lives five minutes; Enter prints a fresh one):");
}

/// A line to paste that opens the first owner's portal. grpcurl knows the messages by reflection.
pub(crate) fn print_grpcurl(issuer: &Issuer, page: &str, world: &World) -> anyhow::Result<()> {
    let Some(owner) = PEOPLE.first() else { return Ok(()) };
    let token = issuer.mint(owner)?;
    let address = world.service.authority().map_or("", |authority| authority.as_str());
    say(&format!(
        "grpcurl -plaintext -H 'authorization: Bearer {token}' -d '{{\"return_url\":\"{}\"}}' {address} \
         billing.portal.v1.BillingPortal/CreatePortalSession\n",
        crate::billing::return_url(page)
    ));
    Ok(())
}

/// Each Enter. A thread of its own, because tokio's reader of standard input would hold the process at its end; a closed
/// standard input ends the thread and nothing else.
pub(crate) fn enters() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut line = String::new();
        while io::stdin().read_line(&mut line).is_ok_and(|bytes| bytes > 0) && sender.blocking_send(()).is_ok() {
            line.clear();
        }
    });
    receiver
}
