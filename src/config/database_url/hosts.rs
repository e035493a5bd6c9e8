//! The hosts and ports of a URL: libpq allows several, which the parser of URLs does not know.

use url::{ParseError, Url};

use super::DatabaseUrlError as Error;
use crate::adapters::directory::{Address, Host};

const DEFAULT_PORT: u16 = 5432;

/// The maximum number of hosts. Each has at least half a second of the time in which a call must get a connection.
const MAX_HOSTS: usize = 6;

/// Splits a URL into a URL with one host, which means nothing, and the hosts and ports that it contained, each as a list
/// separated by commas. The lists are empty if the URL contains none. Errors count the hosts from 1.
pub(super) fn split(text: &str) -> Result<(Url, String, String), Error> {
    let (scheme, rest) = text.split_once("://").ok_or(Error::NotAUrl)?;
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let (user, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let url = Url::parse(&format!("{scheme}://{user}@host{path}")).map_err(|_| Error::NotAUrl)?;
    let (mut names, mut ports) = (Vec::new(), Vec::new());
    for (position, host) in (1..).zip(hosts.split(',')).filter(|_| !hosts.is_empty()) {
        let host = Url::parse(&format!("{scheme}://{host}")).map_err(|error| {
            // The host before this `@` would be a user name, and what follows its `:` a password with a special character.
            if path.contains('@') {
                Error::NotAUrl
            } else if error == ParseError::InvalidPort {
                Error::BadPort(position)
            } else if error == ParseError::EmptyHost {
                Error::EmptyHost(position)
            } else {
                Error::BadHost(position)
            }
        })?;
        names.push(host.host_str().ok_or(Error::EmptyHost(position))?.to_owned());
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
    for ((position, name), number) in (1..).zip(hosts).zip(ports.into_iter().cycle()) {
        let address = Address { host: host(name, position)?, port: port(number).ok_or(Error::BadPort(position))? };
        if addresses.contains(&address) {
            return Err(Error::DuplicateHost);
        }
        addresses.push(address);
    }
    Ok(addresses)
}

fn host(text: &str, position: usize) -> Result<Host, Error> {
    if text.is_empty() {
        return Err(Error::EmptyHost(position));
    }
    if text.starts_with('/') {
        return Ok(Host::Socket(text.into()));
    }
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let is_name = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte));
    if is_name || bare.parse::<std::net::IpAddr>().is_ok() {
        Ok(Host::Name(bare.to_owned()))
    } else {
        Err(Error::BadHost(position))
    }
}

fn port(text: &str) -> Option<u16> {
    match text {
        "" => Some(DEFAULT_PORT),
        text => text.parse().ok().filter(|port| *port != 0),
    }
}
