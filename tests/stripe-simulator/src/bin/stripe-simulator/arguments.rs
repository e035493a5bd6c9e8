//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{ArgAction, Parser};
use stripe_simulator::{Injection, Permission, Settings};

use crate::{account::Listed, configuration::ListedConfiguration};

/// A simulator of Stripe: customers, portal sessions, portal configurations and the account, as strict as Stripe, and as
/// faulty as it is told to be. It prints the API's base URL and the account's keys, one NAME=value a line, and ends with
/// Ctrl-C or SIGTERM.
#[derive(Debug, Parser)]
#[command(after_help = AFTER_HELP, disable_help_flag = true, max_term_width = 100)]
pub(crate) struct Arguments {
    /// Where to listen; port 0 for any
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4242")]
    pub(crate) listen: SocketAddr,

    /// The account's key of the mode that its prefix names, once for each mode [default: random]
    #[arg(long, value_name = "KEY")]
    secret_key: Vec<String>,

    /// A further key that may do only what it is permitted: rk_test_x=customer_read,customer_portal_write
    #[arg(long, value_name = "KEY=PERMISSIONS", value_parser = restricted)]
    restricted_key: Vec<(String, Vec<Permission>)>,

    /// The account's id
    #[arg(long, value_name = "ID", default_value = "acct_1Simulated")]
    account: String,

    /// Where the URLs of sessions lie [default: the API's base]
    #[arg(long, value_name = "ORIGIN")]
    portal_origin: Option<String>,

    /// Serve https, with a certificate for loopback of a CA that is made for it
    #[arg(long, requires = "ca_file")]
    tls: bool,

    /// Where to write that CA's certificate, as PEM
    #[arg(long, value_name = "FILE", requires = "tls")]
    pub(crate) ca_file: Option<PathBuf>,

    /// A customer as JSON
    #[arg(long, value_name = "JSON")]
    pub(crate) customer: Vec<Listed>,

    /// A file of customers, one JSON object a line
    #[arg(long, value_name = "FILE")]
    pub(crate) customers: Vec<PathBuf>,

    /// Customers cus_T000001 and so on, with metadata tenant_id = tenant-1 and so on
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) tenants: u32,

    /// A portal configuration as JSON; each mode has a default, bpc_default, until one takes its place
    #[arg(long, value_name = "JSON")]
    pub(crate) configuration: Vec<ListedConfiguration>,

    /// A fault that befalls whoever asks, with its limits: 'status-503 on=sessions first=2 should-retry=true'
    #[arg(long, value_name = "FAULT")]
    pub(crate) fault: Vec<Injection>,

    /// Print every fault with what it does, and end
    #[arg(long)]
    pub(crate) list_faults: bool,

    /// Print help
    #[arg(long, short, action = ArgAction::HelpShort)]
    help: Option<bool>,
}

const AFTER_HELP: &str = "\
A customer: {\"id\": \"cus_A\", \"metadata\": {\"tenant_id\": \"acme\"}}, and any of
  \"mode\": \"live\", \"name\", \"email\", \"deleted\": true, \"fault\": \"hang first=1\",
  \"subscriptions\": [{\"id\": \"sub_A\", \"items\": [{\"id\": \"si_A\", \"price\": \"price_A\", \"quantity\": 1}]}]
A configuration: {\"id\": \"bpc_A\"}, and any of \"mode\": \"live\", \"default\": true, \"active\": false, \"name\",
  \"prices\": [\"price_A\"], \"allowed_updates\": [\"email\"], \"login_page\": true, \"without\": [\"subscription_cancel\"]
A client chooses a fault, too: by a customer whose metadata has simulator_fault, or whose id is
  cus_Fault and the fault's name in camel case, such as cus_FaultStatus503.";

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
    let (key, names) = text.split_once('=').ok_or("it has no '='")?;
    let permission = |name: &str| {
        Permission::from_name(name).ok_or_else(|| {
            let known = Permission::ALL.map(Permission::name).join(", ");
            format!("'{name}' is none of {known}")
        })
    };
    let permissions = names.split(',').filter(|name| !name.is_empty()).map(permission).collect::<Result<_, _>>()?;
    Ok((key.to_owned(), permissions))
}
