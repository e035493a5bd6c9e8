//! The gRPC listener.

use std::net::SocketAddr;

use clap::ArgAction;

use super::value;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Listener")]
pub(super) struct ListenerArguments {
    /// Address of the gRPC listener
    #[arg(long, env = "BILLING_PORTAL_LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:50051", value_parser = value::address)]
    listen: SocketAddr,

    /// Whether server reflection is offered
    #[arg(long, env = "BILLING_PORTAL_REFLECTION", value_name = "BOOL", default_value_t = true, action = ArgAction::Set, hide_short_help = true)]
    reflection: bool,
}

/// Validated settings.
#[derive(Clone, Debug)]
pub struct ListenerConfig {
    /// The address to listen on.
    pub address: SocketAddr,
    /// Whether server reflection is offered.
    pub reflection: bool,
}

impl ListenerArguments {
    pub(super) fn validate(self) -> ListenerConfig {
        ListenerConfig { address: self.listen, reflection: self.reflection }
    }
}
