//! The reference settings page: a backend-for-frontend (BFF) that shows, opens and returns from the billing portal.
//!
//! [`web`] is the page, [`billing`] the one module that knows the service; these two are to be copied. The others build a
//! world around them: [`world`] and [`files`] the service with all that it reads, [`people`] who is in it, [`token`] how
//! the service learns who is signed in, [`arguments`], [`ports`] and [`terminal`] the command line.

mod arguments;
mod billing;
mod files;
mod people;
mod ports;
mod terminal;
mod token;
mod web;
mod world;

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
use tracing_subscriber::{filter::LevelFilter, util::SubscriberInitExt as _};
use url::Url;

use crate::{arguments::Arguments, billing::Billing, token::Issuer, web::App};

const DEFAULT_PAGE_ADDRESS: SocketAddr = SocketAddr::new(world::LOOPBACK, 3000);

/// How long the page's requests may go on after a signal: a little longer than its two calls to the service.
const PAGE_DRAIN: Duration = Duration::from_secs(15);

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    keep_the_terminal_calm();
    let (stop, stop_at_once) = (CancellationToken::new(), CancellationToken::new());
    let ended = match watch_signals(stop.clone(), stop_at_once.clone()) {
        Ok(()) => tokio::select! {
            ended = run(&arguments, stop) => ended,
            () = stop_at_once.cancelled() => Err(anyhow!("a second signal ended the drain")),
        },
        Err(error) => Err(error).context("signals can't be received"),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("settings: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The service logs at info by default; beside a page only what is wrong is of interest. The first logger installed is
/// the one that stays.
fn keep_the_terminal_calm() {
    if std::env::var_os("RUST_LOG").is_none() {
        let logger = tracing_subscriber::fmt().with_writer(io::stderr).with_ansi(io::stderr().is_terminal());
        drop(logger.with_max_level(LevelFilter::WARN).finish().try_init());
    }
}

fn watch_signals(stop: CancellationToken, stop_at_once: CancellationToken) -> io::Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::spawn(async move {
        for token in [stop, stop_at_once] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            token.cancel();
        }
    });
    Ok(())
}

/// From the first listener to the removal of the folder. The page is drained before the service, whose answers its last
/// requests wait for.
async fn run(arguments: &Arguments, stop: CancellationToken) -> Result<()> {
    let listener = ports::bind(arguments.page_address, DEFAULT_PAGE_ADDRESS).await?;
    // The service compares origins as a URL parser prints them: without the port where it is 80.
    let page = Url::parse(&format!("http://{}", listener.local_addr()?))?.origin().ascii_serialization();
    let issuer = Arc::new(Issuer::new()?);
    let mut world = world::prepare(arguments, &page, &issuer).await?;
    let stop_service = CancellationToken::new();
    let service = world.own_service.take().map(|(server, listener)| {
        let stopped = stop_service.clone().cancelled_owned();
        tokio::spawn(async move { server.serve(listener, stopped, std::future::pending()).await })
    });
    let billing = Billing::new(&world.service, Arc::clone(&issuer), &page);
    let app = App::new(page.clone(), world.stripe.portal_origin(), billing)?;
    let serving = axum::serve(listener, web::router(app)).with_graceful_shutdown(stop.clone().cancelled_owned());
    let mut serving = tokio::spawn(serving.into_future());

    terminal::announce(&page, &world);
    terminal::print_grpcurl(&issuer, &page, &world)?;
    let mut enters = terminal::enters();
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => {}
            Some(()) = enters.recv() => terminal::print_grpcurl(&issuer, &page, &world)?,
            ended = &mut serving => return ended?.context("the page ended"),
        }
    }
    terminal::say("Draining.");
    drop(tokio::time::timeout(PAGE_DRAIN, serving).await);
    stop_service.cancel();
    if let Some(service) = service {
        service.await??;
    }
    Ok(())
}
