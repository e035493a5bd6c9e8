//! The hosts and ports of a URL: libpq allows several, which the parser of URLs does not know.

use url::Url;

use super::DatabaseUrlError as Error;
use crate::adapters::directory::{Address, Host};

const DEFAULT_PORT: u16 = 5432;

/// The maximum number of hosts. Each has at least half a second of the time in which a call must get a connection.
const MAX_HOSTS: usize = 6;

/// Splits a URL into a URL with one host, which means nothing, and the hosts and ports that it contained, each as a list
/// separated by commas. The lists are empty if the URL contains none.
pub(super) fn split(text: &str) -> Result<(Url, String, String), Error> {
    let (scheme, rest) = text.split_once("://").ok_or(Error::NotAUrl)?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let url = Url::parse(&format!("{scheme}://{user}@host{path}")).map_err(|_| Error::NotAUrl)?;
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for host in hosts.split(',').filter(|_| !hosts.is_empty()) {
        let host = Url::parse(&format!("{scheme}://{host}")).map_err(|_| Error::NotAUrl)?;
        names.push(host.host_str().ok_or(Error::NotAUrl)?.to_owned());
        ports.push(host.port().map(|port| port.to_string()).unwrap_or_default());
    }
    let ports = if ports.iter().all(String::is_empty) { String::new() } else { ports.join(",") };
    Ok((url, names.join(","), ports))
}

/// Returns the address of each host by the rules of libpq: one port for each host, or one for all; a port that is missing is
/// the default one.
pub(super) fn addresses(hosts: &str, ports: &str) -> Result<Vec<Address>, Error> {
    let (hosts, ports): (Vec<_>, Vec<_>) = (hosts.split(',').collect(), ports.split(',').collect());
    if hosts.len() > MAX_HOSTS {
        return Err(Error::TooManyHosts(MAX_HOSTS));
    }
    if ports.len() != 1 && ports.len() != hosts.len() {
        return Err(Error::PortCount);
    }
    let mut addresses = Vec::new();
    for (name, number) in hosts.into_iter().zip(ports.into_iter().cycle()) {
        let address = Address { host: host(name)?, port: port(number)? };
        if addresses.contains(&address) {
            return Err(Error::DuplicateHost);
        }
        addresses.push(address);
    }
    Ok(addresses)
}

fn host(text: &str) -> Result<Host, Error> {
    if text.starts_with('/') {
        return Ok(Host::Socket(text.into()));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let is_name = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if is_name || bare.parse::<std::net::IpAddr>().is_ok() {
        Ok(Host::Name(bare.to_owned()))
    } else {
        Err(Error::BadHost)
    }
}

fn port(text: &str) -> Result<u16, Error> {
    match text {
        "" => Ok(DEFAULT_PORT),
        text => text.parse().ok().filter(|port| *port != 0).ok_or(Error::BadPort),
    }
}
