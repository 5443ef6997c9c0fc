//! IPv6 neighbour discovery (RFC 4861): who claims which address, and who says that it is a router.

use abi::address::{Ip, Mac};

/// A neighbour discovery message, as far as identity needs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discovery {
    /// The sender says that an address is at a link-layer address.
    Advertisement {
        /// The address.
        target: Ip,
        /// The link-layer address of option 2, if given.
        mac: Option<Mac>,
    },
    /// The sender asks, and tells its own link-layer address.
    Solicitation {
        /// The link-layer address of option 1, if given.
        mac: Option<Mac>,
    },
    /// The sender says that it is a router.
    Router,
}

/// Options that are looked at; a message seldom has more than three.
const OPTIONS: usize = 8;

/// Reads an `ICMPv6` message from its type on.
pub fn read(bytes: &[u8]) -> Option<Discovery> {
    match bytes.first()? {
        134 => Some(Discovery::Router),
        135 => Some(Discovery::Solicitation { mac: link_layer(bytes.get(24..)?, 1) }),
        136 => {
            let target = Ip(*bytes.get(8..)?.first_chunk()?);
            Some(Discovery::Advertisement { target, mac: link_layer(bytes.get(24..)?, 2) })
        }
        _ => None,
    }
}

fn link_layer(mut options: &[u8], kind: u8) -> Option<Mac> {
    for _ in 0..OPTIONS {
        let &[this, units, ..] = options else { return None };
        let len = usize::from(units) * 8;
        if len == 0 {
            return None;
        }
        if this == kind {
            return Some(Mac(*options.get(2..)?.first_chunk()?));
        }
        options = options.get(len..)?;
    }
    None
}
