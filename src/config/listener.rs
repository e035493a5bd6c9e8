//! The listeners: of gRPC, and of health alone.

use std::net::SocketAddr;

use clap::ArgAction;

use super::{error::SettingError, value};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Listener")]
pub(super) struct ListenerArguments {
    /// Address of the gRPC listener
    #[arg(long, env = "BILLING_PORTAL_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:50051", value_parser = value::address)]
    listen: SocketAddr,

    /// Address of a second listener, which serves only grpc.health.v1, in plain text, with every caller identity; off by default
    #[arg(long, env = "BILLING_PORTAL_HEALTH_LISTEN", value_name = "ADDRESS", value_parser = value::address, hide_short_help = true)]
    health_listen: Option<SocketAddr>,

    /// Whether server reflection is offered
    #[arg(long, env = "BILLING_PORTAL_REFLECTION", value_name = "BOOL", default_value_t = true, action = ArgAction::Set, hide_short_help = true)]
    reflection: bool,
}

/// Validated settings.
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    /// The address to listen on.
    pub address: SocketAddr,
    /// The address of the listener that serves only health, if there is one.
    pub health_address: Option<SocketAddr>,
    /// Whether server reflection is offered.
    pub reflection: bool,
}

impl ListenerArguments {
    pub(super) fn validate(self) -> Result<ListenerConfig, SettingError> {
        // Port 0 is a different port for each listener.
        if self.listen.port() != 0 && self.health_listen == Some(self.listen) {
            return Err(SettingError::new("--health-listen", "must be a different address than --listen"));
        }
        let Self { listen, health_listen, reflection } = self;
        Ok(ListenerConfig { address: listen, health_address: health_listen, reflection })
    }
}
