//! Integration: https to Stripe and to the key set through an egress proxy.

mod misbehavior;
mod tinyproxy;
mod tunnel;

use std::path::PathBuf;

use tokio::process::Command;

use crate::support::{
    Issuer, World,
    key_server::{CannedResponse, KeyServer},
    process::{Serving, binary, serve},
    settings::override_settings,
};

/// Stripe and a key server over TLS, and a file with the CAs of both.
pub(super) struct Servers {
    pub(super) world: World,
    keys: KeyServer,
}

impl Servers {
    pub(super) async fn start() -> Self {
        let world = World::over_tls().await;
        let keys = KeyServer::start(key_set(&world.issuer)).await;
        let servers = Self { world, keys };
        servers.trust(&std::fs::read_to_string(servers.keys.ca_file()).unwrap());
        servers.trust(servers.world.stripe.ca_pem().unwrap());
        servers
    }

    fn ca_file(&self) -> PathBuf {
        self.world.path("ca.pem")
    }

    /// Adds a CA to the file.
    fn trust(&self, pem: &str) {
        let trusted = std::fs::read_to_string(self.ca_file()).unwrap_or_default();
        std::fs::write(self.ca_file(), trusted + pem).unwrap();
    }

    /// The server of Stripe's API, as a proxy sees it.
    fn stripe(&self) -> String {
        self.world.stripe.base_url().strip_prefix("https://").unwrap().to_owned()
    }

    /// The server of the key set, as a proxy sees it.
    fn key_server(&self) -> String {
        self.keys.url.strip_prefix("https://").unwrap().split('/').next().unwrap().to_owned()
    }

    /// A command of the binary with the settings for these servers.
    fn command(&self, settings: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut arguments =
            self.world.settings(&["--listen=127.0.0.1:0", &format!("--principal-jwks={}", self.keys.url)]);
        override_settings(&mut arguments, settings);
        let mut command = binary();
        command.env("SSL_CERT_FILE", self.ca_file()).envs(variables.iter().copied()).args(arguments);
        command
    }

    /// Starts the service, and sends the world's calls to it.
    pub(super) async fn serve(&mut self, settings: &[&str], variables: &[(&str, &str)]) -> Serving {
        let mut command = self.command(settings, variables);
        command.env("RUST_LOG", "trace");
        let serving = serve(command).await;
        self.world.connect_to(serving.address).await;
        serving
    }
}

fn key_set(issuer: &Issuer) -> CannedResponse {
    (200, None, issuer.jwks().to_string())
}
