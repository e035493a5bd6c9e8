//! The reference settings page: a backend for frontend (BFF) that shows the billing action, opens Stripe's billing
//! portal and handles the return from it.
//!
//! Copy from [`web`], the page, and [`billing`], the only module that calls the service. The other modules make the
//! example run on its own: [`environment`] and [`files`] set up the service and everything it reads, [`people`] defines
//! the sample tenants and users, [`token`] signs principal tokens, and [`arguments`], [`ports`], [`terminal`] and
//! [`refusals`] are the command line.

mod arguments;
mod billing;
mod environment;
mod files;
mod people;
mod ports;
mod refusals;
mod terminal;
mod token;
mod web;

use std::{
    future::IntoFuture as _,
    io::{self, IsTerminal as _},
    net::SocketAddr,
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow};
use clap::Parser as _;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};
use url::Url;

use crate::{arguments::Arguments, billing::Billing, token::Issuer, web::App};

const DEFAULT_PAGE_ADDRESS: SocketAddr = SocketAddr::new(environment::LOOPBACK, 3000);

/// How long requests to the page may take after the first signal: a little longer than the two calls to the service
/// that a click can cause.
const PAGE_DRAIN: Duration = Duration::from_secs(15);

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    install_logs(&arguments);
    let (drain, abort) = (CancellationToken::new(), CancellationToken::new());
    let result = match watch_signals(drain.clone(), abort.clone()) {
        Ok(()) => tokio::select! {
            result = run(&arguments, drain) => result,
            () = abort.cancelled() => Err(anyhow!("drain aborted by a second signal")),
        },
        Err(error) => Err(error).context("cannot install signal handlers"),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("settings: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Installs a logger before the service does, whose default level is info. The first logger installed stays in place.
fn install_logs(arguments: &Arguments) {
    if std::env::var_os("RUST_LOG").is_some() {
        return;
    }
    let mut levels = Targets::new().with_default(LevelFilter::WARN).with_target(refusals::LOG, LevelFilter::OFF);
    if arguments.service.is_some() {
        // The service is another process, so the page reports what it receives from it.
        levels = levels.with_target(env!("CARGO_CRATE_NAME"), LevelFilter::INFO);
    }
    let lines = fmt::layer().with_writer(io::stderr).with_ansi(io::stderr().is_terminal()).with_filter(levels);
    drop(tracing_subscriber::registry().with(lines).with(refusals::Causes.with_filter(refusals::calls())).try_init());
}

/// Cancels `drain` on the first SIGTERM or SIGINT, and `abort` on the second.
fn watch_signals(drain: CancellationToken, abort: CancellationToken) -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        for token in [drain, abort] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            token.cancel();
        }
    });
    Ok(())
}

/// Runs the example until `stop` is cancelled. Drains the page before the service, because the page's last requests
/// still call the service.
async fn run(arguments: &Arguments, stop: CancellationToken) -> Result<()> {
    let listener = ports::bind(arguments.page_address, DEFAULT_PAGE_ADDRESS).await?;
    // The service compares origins in normalized form, which omits port 80.
    let page = Url::parse(&format!("http://{}", listener.local_addr()?))?.origin().ascii_serialization();
    let issuer = Arc::new(Issuer::new()?);
    let mut environment = environment::prepare(arguments, &page, &issuer).await?;
    let stop_service = CancellationToken::new();
    let service = environment.local_service.take().map(|(server, listener)| {
        let stopped = stop_service.clone().cancelled_owned();
        tokio::spawn(async move { server.serve(listener, stopped, std::future::pending()).await })
    });
    let billing = Billing::new(&environment.service, Arc::clone(&issuer), &page);
    let app = App::new(page.clone(), environment.stripe.portal_origin(), billing)?;
    let serving = axum::serve(listener, web::router(app)).with_graceful_shutdown(stop.clone().cancelled_owned());
    let mut serving = tokio::spawn(serving.into_future());

    terminal::print_overview(&page, &arguments.backend_origin, &environment);
    terminal::print_grpcurl("", &issuer, &page, &environment)?;
    let mut typed = terminal::typed_lines();
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => {}
            Some(name) = typed.recv() => terminal::print_grpcurl(&name, &issuer, &page, &environment)?,
            result = &mut serving => return result?.context("the settings page stopped unexpectedly"),
        }
    }
    terminal::print_line("Shutting down");
    drop(tokio::time::timeout(PAGE_DRAIN, serving).await);
    stop_service.cancel();
    if let Some(service) = service {
        service.await??;
    }
    Ok(())
}
