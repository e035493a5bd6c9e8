//! The settings page example with a service whose requests to Stripe wait until the test lets them through.

use billing_portal::{server::Server, wiring};
use tempfile::TempDir;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
};

use super::example::Example;
use super::settings::config;

pub(crate) struct GatedStripe {
    pub(crate) example: Example,
    is_open: watch::Sender<bool>,
    waiting: watch::Receiver<usize>,
    _state: TempDir,
    /// Ends the service and the proxy when it is dropped.
    _tasks: JoinSet<()>,
}

impl GatedStripe {
    pub(crate) async fn start() -> Self {
        let state = tempfile::tempdir().unwrap();
        let service = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let example = Example::start(&[
            &format!("--service=http://{}", service.local_addr().unwrap()),
            &format!("--state-dir={}", state.path().display()),
        ])
        .await;
        let proxy = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let command = example.value("billing-portal serve ");
        let mut arguments: Vec<_> = command.split(' ').map(str::to_owned).collect();
        let api_base = arguments.iter().position(|argument| argument == "--stripe-api-base").unwrap() + 1;
        arguments[api_base] = format!("http://{}", proxy.local_addr().unwrap());
        let server = Server::new(wiring::build(config(arguments)).await.unwrap());

        let (is_open, gate) = watch::channel(false);
        let (arrivals, waiting) = watch::channel(0);
        let mut tasks = JoinSet::new();
        tasks.spawn(async { server.serve(service, std::future::pending(), std::future::pending()).await.unwrap() });
        let stripe = example.value("Stripe").trim_start_matches("http://").to_owned();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut client, _)) = proxy.accept().await {
                arrivals.send_modify(|count| *count += 1);
                let (mut gate, stripe) = (gate.clone(), stripe.clone());
                connections.spawn(async move {
                    drop(gate.wait_for(|is_open| *is_open).await);
                    let mut stripe = TcpStream::connect(stripe).await.unwrap();
                    drop(tokio::io::copy_bidirectional(&mut client, &mut stripe).await);
                });
            }
        });
        Self { example, is_open, waiting, _state: state, _tasks: tasks }
    }

    /// Waits until the service has connected to Stripe for the first time.
    pub(crate) async fn wait_for_request(&self) {
        self.waiting.clone().wait_for(|count| *count > 0).await.unwrap();
    }

    /// Lets all requests through.
    pub(crate) fn open(&self) {
        self.is_open.send_replace(true);
    }
}
