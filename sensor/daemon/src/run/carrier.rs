//! The link state of two ports that stand in one wire: what is plugged in at one end must notice that the other end is
//! gone, or its redundant path would never be taken.
//!
//! A port without carrier has the other one set down; when the carrier comes back, the other is set up again.

use crate::fastpath::interface::Link;
use std::time::Duration;

/// How long a port that was set up may take to find its partner: 10GBASE-T and some optics need several seconds.
const SETTLING: Duration = Duration::from_secs(10);

/// One of the two ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The first.
    First,
    /// The second.
    Second,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// This port is to be set up.
    Raise(Side),
    /// This port is to be set down.
    Lower(Side),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was done to it.
    Free,
    /// It was set down because the other has no carrier.
    Lowered,
    /// It was set up, and has until then to find its partner.
    Settling(Duration),
}

/// The two ports.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wire {
    states: [State; 2],
}

impl Wire {
    /// Two ports, of which an earlier process may have set one down.
    pub(super) fn new(lowered: [bool; 2]) -> Wire {
        Wire { states: lowered.map(|lowered| if lowered { State::Lowered } else { State::Free }) }
    }

    /// Which ports are set down because of the other.
    pub(super) fn lowered(&self) -> [bool; 2] {
        self.states.map(|state| state == State::Lowered)
    }

    /// What is to be done when the ports are like this. `now` only grows.
    pub(super) fn step(&mut self, links: [Link; 2], now: Duration) -> Option<Order> {
        let up = links.map(|link| link == Link::Up);
        for (state, up) in self.states.iter_mut().zip(up) {
            if let State::Settling(until) = *state
                && (up || now >= until)
            {
                *state = State::Free;
            }
        }
        let [first, second] = &mut self.states;
        match (first, second, up) {
            // Whoever is set down has no carrier; it is the other one that counts.
            (State::Lowered, _, [_, false]) | (_, State::Lowered, [false, _]) => None,
            (state @ State::Lowered, _, [_, true]) => {
                *state = State::Settling(now.saturating_add(SETTLING));
                Some(Order::Raise(Side::First))
            }
            (_, state @ State::Lowered, [true, _]) => {
                *state = State::Settling(now.saturating_add(SETTLING));
                Some(Order::Raise(Side::Second))
            }
            (State::Free, state @ (State::Free | State::Settling(_)), [false, true]) => {
                *state = State::Lowered;
                Some(Order::Lower(Side::Second))
            }
            (state @ (State::Free | State::Settling(_)), State::Free, [true, false]) => {
                *state = State::Lowered;
                Some(Order::Lower(Side::First))
            }
            (State::Free | State::Settling(_), State::Free | State::Settling(_), [_, _]) => None,
        }
    }
}

#[cfg(test)]
mod tests;
