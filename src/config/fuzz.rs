//! URLs in the settings. Their values may contain a password, which no message repeats.

use std::{collections::HashMap, ffi::OsString};

use url::Url;

use super::{database_url, egress};
use crate::{
    adapters::directory::{Database, Host, PgSslMode},
    fuzz,
};

/// Seeds have it where a password belongs, or where people put it by mistake.
const PASSWORD: &str = "hunter2";

/// The input is `DATABASE_URL`.
#[test]
fn database_url() {
    fuzz::run("database_url", |input| {
        let text = fuzz::text(input);
        let servers = match database_url::parse(text) {
            Ok(Database::Postgres(servers)) => servers,
            Ok(Database::Sqlite(path)) => {
                let path = path.to_str().unwrap();
                return assert!(text.starts_with("sqlite:") && !path.is_empty() && !path.contains(char::is_control));
            }
            Err(error) => return assert!(!error.to_string().contains(PASSWORD), "{error}"),
        };
        assert!(
            (1..=6).contains(&servers.addresses.len()) && servers.addresses.iter().all(|address| address.port != 0)
        );
        for (position, address) in servers.addresses.iter().enumerate() {
            assert!(!servers.addresses[..position].contains(address));
            // A name ends where every reader of it ends it.
            if let Host::Name(name) = &address.host {
                assert!(
                    !name.is_empty()
                        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte))
                );
            }
        }
        let texts = [&servers.user, &servers.database, &servers.application_name];
        assert!(texts.iter().all(|text| !text.is_empty() && !text.contains(char::is_control)));
        if !servers.addresses.iter().all(|address| address.is_loopback()) {
            assert!(servers.password.is_none());
            let is_stated = text.contains("disable") || text.contains('%');
            assert!(
                matches!(servers.ssl_mode, PgSslMode::VerifyFull)
                    || matches!(servers.ssl_mode, PgSslMode::Disable) && is_stated
            );
        }
        assert!(!format!("{:?}", servers.password).contains(PASSWORD));
    });
}

/// The first line of the input is a URL. The others are variables, such as `HTTPS_PROXY=http://proxy:3128`.
#[test]
fn proxy() {
    fuzz::run("proxy", |input| {
        let mut lines = fuzz::text(input).lines();
        let Ok(url) = Url::parse(lines.next().unwrap_or_default()) else { return };
        let variables: HashMap<_, _> = lines.filter_map(|line| line.split_once('=')).collect();
        let set = |name: &str| {
            let values = [name, &name.to_lowercase()].map(|name| variables.get(name));
            values.into_iter().flatten().any(|value| !value.is_empty())
        };
        let proxy = egress::proxy_for(&url, |name| variables.get(name).map(OsString::from));
        match proxy {
            Ok(Some(proxy)) => {
                assert!(url.scheme() == "https" && (set("HTTPS_PROXY") || set("ALL_PROXY")));
                let shown = format!("{proxy} {proxy:?}");
                assert!(!shown.contains(['@', '/', '?', '#', '\n']) && proxy.to_string().contains(':'), "{shown}");
                assert!(
                    ["NO_PROXY", "no_proxy"].iter().all(|name| variables.get(name).is_none_or(|list| *list != "*"))
                );
            }
            Ok(None) => assert!(url.scheme() != "https" || set("NO_PROXY") || !set("HTTPS_PROXY") && !set("ALL_PROXY")),
            Err(error) => assert!(!error.to_string().contains(PASSWORD), "{error}"),
        }
    });
}
