//! Distinct bidirectional 5-tuples of the outermost packets, without any time-out: a figure that other tools give too.

use crate::flow::Key;
use abi::address::Ip;
use abi::headers::protocol;
use rustc_hash::FxHashSet;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Keys that are told apart; what comes after is counted as overflow.
const MOST: usize = 1 << 20;

/// The keys seen, by digest: with a million of them, two share one with a probability of 3 in 10^8.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    tcp: FxHashSet<u64>,
    udp: FxHashSet<u64>,
    seed: u64,
    /// Keys that could not be remembered.
    pub(crate) overflows: u64,
}

impl Keys {
    /// None seen. `seed` keys the digest.
    pub(crate) fn new(seed: u64) -> Keys {
        Keys { seed, ..Keys::default() }
    }

    /// Counts a key.
    pub(crate) fn add(&mut self, key: &Key) {
        let set = match key.protocol {
            protocol::TCP => &mut self.tcp,
            protocol::UDP => &mut self.udp,
            _ => return,
        };
        let Ip(a) = key.a;
        let Ip(b) = key.b;
        let mut bytes = [0u8; 36];
        bytes[..16].copy_from_slice(&a);
        bytes[16..32].copy_from_slice(&b);
        bytes[32..34].copy_from_slice(&key.ports.0.to_be_bytes());
        bytes[34..].copy_from_slice(&key.ports.1.to_be_bytes());
        let digest = xxh3_64_with_seed(&bytes, self.seed);
        if set.len() >= MOST {
            self.overflows += u64::from(!set.contains(&digest));
        } else {
            set.insert(digest);
        }
    }

    /// How many: TCP and UDP.
    pub(crate) fn count(&self) -> (u64, u64) {
        (self.tcp.len() as u64, self.udp.len() as u64)
    }
}

#[cfg(test)]
mod tests;
