//! Networks of addresses, and who in them is believed.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use http::HeaderMap;
use http::header::{FORWARDED, HeaderName};

/// Addresses with the same first bits, as in `10.0.0.0/8`; one address alone,
/// as in `::1`, is a network of one.
///
/// ```
/// use herbarium_http::Network;
///
/// let inside: Network = "10.0.0.0/8".parse()?;
/// assert!(inside.contains("10.1.2.3".parse()?));
/// assert!(inside.contains("::ffff:10.1.2.3".parse()?));
/// assert!(!inside.contains("11.1.2.3".parse()?));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "read a network: expected an address, or one with a length as in `10.0.0.0/8`, found `{found}`"
)]
pub struct NotANetwork {
    /// What was there.
    pub found: String,
}

impl Network {
    /// Whether the address is in it. IPv4 in the clothes of IPv6 is IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differing = u32::from(ours) ^ u32::from(theirs);
                differing.leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differing = u128::from(ours) ^ u128::from(theirs);
                differing.leading_zeros() >= u32::from(self.bits)
            }
            _ => false,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        parse(text.trim()).ok_or_else(|| NotANetwork { found: text.to_owned() })
    }
}

fn parse(text: &str) -> Option<Network> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits.parse::<u8>().ok()?)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.unwrap_or(most);
    (bits <= most).then_some(Network { address, bits })
}

/// Whom limits for one address are for: a customer of IPv6 has a /64.
pub(crate) fn household(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) >> 64 << 64).into(),
        address @ IpAddr::V4(_) => address,
    }
}

/// The header by which a proxy says for whom it asks. Only one is looked at:
/// a proxy that sets one passes on whatever the client wrote into the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, as most proxies have it.
    #[default]
    XForwardedFor,
    /// `Forwarded`, as in RFC 7239.
    Forwarded,
}

/// Proxies that are believed when they say for whom they ask.
///
/// The client is the last address on their list that is not one of them: what
/// stands before it, the client may have written itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrustedProxies {
    /// Where they are.
    pub networks: Vec<Network>,
    /// Whether those who come over a unix socket are, too.
    pub unix: bool,
    /// How they say it.
    pub header: ForwardedHeader,
}

impl TrustedProxies {
    /// Whether this is one of them.
    pub fn trust(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }

    /// For whom a request is: `peer`, or whom it names if it is believed.
    pub(crate) fn client(&self, peer: Option<IpAddr>, headers: &HeaderMap) -> Option<IpAddr> {
        let is_believed = peer.map_or(self.unix, |peer| self.trust(peer));
        if !is_believed {
            return peer;
        }
        let name = match self.header {
            ForwardedHeader::XForwardedFor => X_FORWARDED_FOR,
            ForwardedHeader::Forwarded => FORWARDED,
        };
        let mut client = peer;
        for line in headers.get_all(name).iter().rev() {
            for hop in line.to_str().unwrap_or_default().rsplit(',') {
                // Whoever wrote something else cannot be followed further.
                let Some(address) = self.address(hop) else { return client };
                client = Some(address);
                if !self.trust(address) {
                    return client;
                }
            }
        }
        client
    }

    fn address(&self, hop: &str) -> Option<IpAddr> {
        let named = match self.header {
            ForwardedHeader::XForwardedFor => hop,
            ForwardedHeader::Forwarded => hop.split(';').find_map(|pair| {
                let (name, value) = pair.split_once('=')?;
                name.trim().eq_ignore_ascii_case("for").then_some(value)
            })?,
        };
        read_address(named.trim().trim_matches('"'))
    }
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// With or without a port, IPv6 with or without brackets.
fn read_address(text: &str) -> Option<IpAddr> {
    let address: Option<IpAddr> = text.parse().ok();
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|it| it.ip()));
    let bare = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    address.or_else(bare).map(|it| it.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(header: ForwardedHeader, peer: &str, lines: &[&'static str], expected: &str) {
        let networks = vec!["10.0.0.0/8".parse().expect("a network"), "::1".parse().expect("one")];
        let proxies = TrustedProxies { networks, unix: false, header };
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", http::HeaderValue::from_static(line));
            headers.append("forwarded", http::HeaderValue::from_static(line));
        }
        let client = proxies.client(peer.parse().ok(), &headers);
        assert_eq!(client, expected.parse().ok(), "{peer} {lines:?}");
    }

    #[test]
    fn the_last_address_that_is_not_a_proxy_is_the_client() {
        use ForwardedHeader::{Forwarded, XForwardedFor};
        check(XForwardedFor, "10.0.0.1", &["1.1.1.1, 2.2.2.2, 10.0.0.2"], "2.2.2.2");
        check(XForwardedFor, "10.0.0.1", &["1.1.1.1", "2.2.2.2"], "2.2.2.2");
        check(XForwardedFor, "10.0.0.1", &["1.1.1.1:80"], "1.1.1.1");
        check(XForwardedFor, "::1", &["[2001:db8::1]:80"], "2001:db8::1");
        check(XForwardedFor, "9.9.9.9", &["1.1.1.1"], "9.9.9.9");
        check(XForwardedFor, "10.0.0.1", &[], "10.0.0.1");
        check(XForwardedFor, "10.0.0.1", &["1.1.1.1, nonsense, 10.0.0.2"], "10.0.0.2");
        check(
            Forwarded,
            "10.0.0.1",
            &["for=1.1.1.1, for=\"[2001:db8::1]:80\";proto=https"],
            "2001:db8::1",
        );
        check(Forwarded, "10.0.0.1", &["proto=https;For=1.1.1.1"], "1.1.1.1");
        check(Forwarded, "10.0.0.1", &["for=unknown"], "10.0.0.1");
    }

    #[test]
    fn a_network_of_ipv6_is_one_household() {
        let address: IpAddr = "2001:db8:1:2:3:4:5:6".parse().expect("an address");
        assert_eq!(household(address), "2001:db8:1:2::".parse::<IpAddr>().expect("an address"));
    }

    #[test]
    fn a_network_has_a_length_that_fits() {
        for wrong in ["", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/", "a/8", "10.0.0/8"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
        let all: Network = "0.0.0.0/0".parse().expect("a network");
        assert!(all.contains("255.1.2.3".parse().expect("an address")));
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_header_says_is_read_without_harm(line in "[ -~]{0,80}") {
            let networks = vec!["10.0.0.0/8".parse().expect("a network")];
            let mut headers = HeaderMap::new();
            let value = http::HeaderValue::from_str(&line).expect("a value");
            headers.append("x-forwarded-for", value.clone());
            headers.append("forwarded", value);
            for header in [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded] {
                let proxies = TrustedProxies { networks: networks.clone(), unix: false, header };
                let other = "9.9.9.9".parse().ok();
                proptest::prop_assert_eq!(proxies.client(other, &headers), other);
                let proxy = "10.0.0.1".parse().ok();
                proptest::prop_assert!(proxies.client(proxy, &headers).is_some());
            }
        }

        #[test]
        fn what_a_client_invents_is_not_believed(
            invented in "[0-9a-f.:, ]{0,40}",
            client: std::net::IpAddr,
        ) {
            let (networks, header) = (Vec::new(), ForwardedHeader::XForwardedFor);
            let proxies = TrustedProxies { networks, unix: true, header };
            let mut headers = HeaderMap::new();
            let line = format!("{invented}, {client}");
            let value = http::HeaderValue::from_str(&line).expect("a value");
            headers.append("x-forwarded-for", value);
            let found = proxies.client(None, &headers);
            proptest::prop_assert_eq!(found, Some(client.to_canonical()));
        }

        #[test]
        fn a_network_is_read_as_it_is_written(address: std::net::IpAddr, bits in 0..=32_u8) {
            let network = Network { address, bits };
            proptest::prop_assert_eq!(network.to_string().parse(), Ok(network));
        }
    }
}
