//! What an operator may turn, and what the detectors count about themselves.

use abi::address::SECOND;

/// Settings of a detector.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Surprise of a novelty, in -log10 of its probability, from which it is worth a look.
    pub novelty: f64,
    /// How long a novelty waits for a better explanation, in nanoseconds.
    pub hold: u64,
    /// The same for devices that benign time does not know, in nanoseconds: what they are is learned meanwhile.
    pub newcomer_hold: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { novelty: 2.0, hold: 6 * SECOND, newcomer_hold: 20 * SECOND }
    }
}

/// What found no room: every table is bounded, and what is lost is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overflow {
    /// Devices that could not be remembered.
    pub devices: u64,
    /// Services and operations that could not be remembered.
    pub acts: u64,
    /// Triples of client, server and service that could not be remembered.
    pub pairs: u64,
    /// Long flows whose running totals could not be remembered.
    pub flows: u64,
    /// Address bindings that could not be remembered.
    pub bindings: u64,
    /// Names (AE titles, sending applications) that could not be remembered.
    pub names: u64,
    /// DNS zones and their clients that could not be followed.
    pub zones: u64,
    /// Sources whose fan-out, servers whose floods and pairs whose rhythm could not be followed.
    pub windows: u64,
    /// Novelties that could not wait for a better explanation and were dropped.
    pub held: u64,
}

impl Overflow {
    /// Everything that was lost, together.
    pub fn total(&self) -> u64 {
        [
            self.devices,
            self.acts,
            self.pairs,
            self.flows,
            self.bindings,
            self.names,
            self.zones,
            self.windows,
            self.held,
        ]
        .iter()
        .fold(0, |sum, count| sum.saturating_add(*count))
    }
}
