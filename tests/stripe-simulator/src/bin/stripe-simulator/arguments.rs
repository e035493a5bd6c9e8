//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{ArgAction, Parser};
use stripe_simulator::{Injection, Permission, Settings};

use crate::{account::CustomerJson, configuration::ConfigurationJson};

/// A simulator of Stripe's API for customers, subscriptions, checkout sessions, portal sessions, portal configurations,
/// events and the account, as strict as Stripe and with configurable faults. Prints the base URL of the API and the keys of the account as NAME=value lines. Stops on
/// Ctrl-C or SIGTERM.
#[derive(Debug, Parser)]
#[command(after_help = AFTER_HELP, disable_help_flag = true, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Address to listen on; port 0 selects a free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4242")]
    pub(crate) listen: SocketAddr,

    /// API key for the mode in its prefix; can be repeated, once for each mode [default: random]
    #[arg(long, value_name = "KEY")]
    secret_key: Vec<String>,

    /// Additional key with only the given permissions, such as rk_test_x=customer_read,customer_portal_write
    #[arg(long, value_name = "KEY=PERMISSIONS", value_parser = restricted)]
    restricted_key: Vec<(String, Vec<Permission>)>,

    /// Account ID
    #[arg(long, value_name = "ID", default_value = "acct_1Simulated")]
    account: String,

    /// Origin of the session URLs [default: base URL of the API]
    #[arg(long, value_name = "ORIGIN")]
    portal_origin: Option<String>,

    /// Serve https with a certificate for loopback, signed by a CA that is generated at startup
    #[arg(long, requires = "ca_file")]
    tls: bool,

    /// File to write the certificate of that CA to, as PEM
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(crate) ca_file: Option<PathBuf>,

    /// Customer in JSON
    #[arg(long, value_name = "JSON")]
    pub(crate) customer: Vec<CustomerJson>,

    /// File of customers, one JSON object per line
    #[arg(long, value_name = "FILE")]
    pub(crate) customers: Vec<PathBuf>,

    /// Number of generated customers: cus_T000001 with the metadata tenant_id = tenant-1, and so on
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) tenants: u32,

    /// Portal configuration in JSON; each mode has the default bpc_default unless another default is added
    #[arg(long, value_name = "JSON")]
    pub(crate) configuration: Vec<ConfigurationJson>,

    /// Fault for all requests, with options, such as 'status-503 on=sessions first=2 should-retry=true'
    #[arg(long, value_name = "FAULT")]
    pub(crate) fault: Vec<Injection>,

    /// Print all faults with descriptions, and exit
    #[arg(long)]
    pub(crate) list_faults: bool,

    /// Print help
    #[arg(long, short, action = ArgAction::HelpShort)]
    help: Option<bool>,
}

const AFTER_HELP: &str = "\
Customer: {\"id\": \"cus_A\", \"metadata\": {\"tenant_id\": \"acme\"}} and optionally
  \"mode\": \"live\", \"name\", \"email\", \"deleted\": true, \"fault\": \"hang first=1\",
  \"subscriptions\": [{\"id\": \"sub_A\", \"items\": [{\"id\": \"si_A\", \"price\": \"price_A\", \"quantity\": 1}],
    \"status\": \"canceled\", \"metadata\": {}}],
  \"checkout_sessions\": [{\"id\": \"cs_A\", \"client_reference_id\": \"acme\", \"metadata\": {}}]
Configuration: {\"id\": \"bpc_A\"} and optionally \"mode\": \"live\", \"default\": true, \"active\": false, \"name\",
  \"prices\": [\"price_A\"], \"allowed_updates\": [\"email\"], \"login_page\": true, \"without\": [\"subscription_cancel\"]
A client can also choose a fault by using a customer with a fault in the metadata simulator_fault, or with an ID
  of cus_Fault and the name of the fault in camel case, such as cus_FaultStatus503.";

impl Arguments {
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings::default().account(&self.account);
        for key in &self.secret_key {
            settings = settings.secret_key(key);
        }
        for (key, permissions) in &self.restricted_key {
            settings = settings.restricted_key(key, permissions);
        }
        if let Some(origin) = &self.portal_origin {
            settings = settings.portal_origin(origin);
        }
        if self.tls { settings.tls() } else { settings }
    }
}

fn restricted(text: &str) -> Result<(String, Vec<Permission>), String> {
    let (key, names) = text.split_once('=').ok_or("expected KEY=PERMISSIONS")?;
    let permission = |name: &str| {
        Permission::from_name(name).ok_or_else(|| {
            let known = Permission::ALL.map(Permission::name).join(", ");
            format!("unknown permission '{name}'; expected one of {known}")
        })
    };
    let permissions = names.split(',').filter(|name| !name.is_empty()).map(permission).collect::<Result<_, _>>()?;
    Ok((key.to_owned(), permissions))
}
