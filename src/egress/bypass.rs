//! The hosts that are reached without a proxy.

use std::net::IpAddr;

use hyper_util::client::proxy::matcher::Matcher;
use url::Url;

/// Returns whether a `NO_PROXY` list names the host of a URL: itself, a domain above it, its address, a network that contains its
/// address, or `*`. An entry with a port counts only for that port.
///
/// # Errors
/// The position, from 1, of an entry that cannot name any host.
pub fn is_bypassed(list: &str, url: &Url) -> Result<bool, usize> {
    let port = url.port_or_known_default();
    let entries = list.split(|separator: char| separator == ',' || separator.is_whitespace());
    let mut hosts = Vec::new();
    for (position, entry) in (1_usize..).zip(entries.filter(|entry| !entry.is_empty())) {
        let (host, only_for) = parse_entry(entry).ok_or(position)?;
        if only_for.is_none() || only_for == port {
            hosts.push(host);
        }
    }
    // For the matcher, `*` does not include addresses.
    if hosts.contains(&"*") {
        return Ok(true);
    }
    // Intercepts everything except the list.
    let matcher = Matcher::builder().all("http://proxy").no(hosts.join(",")).build();
    Ok(url.as_str().parse().is_ok_and(|uri| matcher.intercept(&uri).is_none()))
}

/// Returns the host and the port of an entry, or `None` if it cannot name any host.
fn parse_entry(entry: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = match entry.rsplit_once(':') {
        // An IPv6 address without brackets has no port.
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port)),
        Some(_) | None => (entry, None),
    };
    let port = port.map(|port| port.parse().ok().filter(|port| *port != 0).ok_or(())).transpose().ok()?;
    if let Some(address) = host.strip_prefix('[') {
        let address = address.strip_suffix(']')?;
        return address.parse::<IpAddr>().is_ok().then_some((address, port));
    }
    if host == "*" || host.parse::<IpAddr>().is_ok() || is_network(host) {
        return Some((host, port));
    }
    let domain = host.strip_prefix("*.").unwrap_or(host);
    is_domain(domain.strip_prefix('.').unwrap_or(domain)).then_some((domain, port))
}

fn is_network(text: &str) -> bool {
    text.split_once('/').is_some_and(|(address, length)| {
        let bits = address.parse().map(|address: IpAddr| if address.is_ipv4() { 32 } else { 128 });
        let length = length.parse().ok().filter(|number: &u8| number.to_string() == length);
        bits.is_ok_and(|bits| length.is_some_and(|length| length <= bits))
    })
}

/// Returns whether the host of a URL can be this domain. A host whose last label is a number is an address.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    text.split('.').all(is_label) && !text.rsplit('.').next().is_some_and(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_names_hosts_domains_addresses_networks_and_ports() {
        for (list, url, expected) in [
            ("", "https://api.stripe.com", false),
            ("*", "https://api.stripe.com", true),
            ("*", "https://10.0.0.1", true),
            ("x *:8443", "https://[::1]:8443", true),
            ("*:8443", "https://10.0.0.1", false),
            ("api.stripe.com", "https://api.stripe.com", true),
            ("API.Stripe.com", "https://api.stripe.com", true),
            ("other.test, stripe.com", "https://api.stripe.com", true),
            ("other.test .stripe.com", "https://api.stripe.com", true),
            ("*.stripe.com", "https://api.stripe.com", true),
            ("pi.stripe.com", "https://api.stripe.com", false),
            ("api.stripe.com.evil.test", "https://api.stripe.com", false),
            ("api.stripe.com:443", "https://api.stripe.com", true),
            ("api.stripe.com:8443", "https://api.stripe.com", false),
            ("api.stripe.com:8443", "https://api.stripe.com:8443", true),
            ("10.0.0.1", "https://10.0.0.1:8443/jwks.json", true),
            ("10.0.0.1:8443", "https://10.0.0.1:8443/jwks.json", true),
            ("10.0.0.0/8", "https://10.1.2.3", true),
            ("10.0.0.0/8", "https://11.1.2.3", false),
            ("::1", "https://[::1]", true),
            ("[::1]", "https://[::1]:8443", true),
            ("[::1]:443", "https://[::1]", true),
            ("[::1]:8443", "https://[::1]", false),
            ("2001:db8::/32", "https://[2001:db8::1]", true),
            ("10.0.0.0/8", "https://api.stripe.com", false),
            ("localhost,,", "https://127.0.0.1", false),
            (".svc,.cluster.local,_x.example.com,169.254.169.254/32", "https://api.stripe.com", false),
        ] {
            assert_eq!(is_bypassed(list, &url.parse().unwrap()), Ok(expected), "{list} {url}");
        }
    }

    #[test]
    fn no_proxy_refuses_entries_that_cannot_name_any_host() {
        let url = "https://api.stripe.com".parse().unwrap();
        for entry in [
            "10.0.0.0/99",
            "10.0.0.0/",
            "10.0.0.0/+8",
            "10.0.0.0/008",
            "10.0.0/8",
            "::1/129",
            "stripe.com/24",
            "http://stripe.com",
            "stripe.com/",
            "[::1",
            "::1]",
            "[stripe.com]",
            "[::1]x",
            "fe80::1%eth0",
            "stripe.com:99999",
            "stripe.com:0",
            "stripe.com:",
            "stripe.com:https",
            "user@stripe.com",
            "10.0.0.256",
            "10.0",
            "10.*",
            "*.10.0.0.1",
            "**",
            "*stripe.com",
            "*.*",
            "*.",
            ".",
            "..stripe.com",
            "stripe..com",
            "stripe.com.",
            "bücher.example",
        ] {
            assert_eq!(is_bypassed(entry, &url), Err(1), "{entry}");
            // The list is checked as a whole, and empty entries do not count.
            assert_eq!(is_bypassed(&format!("*, {entry}"), &url), Err(2), "{entry}");
            assert_eq!(is_bypassed(&format!("a,,b,{entry}"), &url), Err(3), "{entry}");
        }
    }
}
