//! `billing-portal-backfill`: records each tenant of the directory in the metadata of its Stripe customer. Only this binary
//! contains code that writes to customers; the service does not.
//!
//! - [`cli`]: the arguments and their validation.
//! - [`run`]: all tenants, the signals and the summary. [`report`]: the rows.
//! - [`tenant`]: one tenant: evidence, read, write, read back.
//! - [`evidence`]: what names a tenant at Stripe beside the directory.
//! - [`stripe`]: the requests. They have the transport, the attempts and the pace of the service.

mod cli;
mod evidence;
mod report;
mod run;
mod stripe;
mod tenant;

use std::process::ExitCode;

use billing_portal::commands::process;

fn main() -> ExitCode {
    process::execute(cli::PROGRAM, || {
        let config = cli::parse(std::env::args_os())?;
        Ok((config.logging.format, "warn", run::run(config)))
    })
}
