//! An interface: what it must be, must not do, and can.

use super::{Finding, Holds};
use crate::fastpath::attach::{obstacles, remedy};
use crate::fastpath::interface::{Interface, Link, Occupied, Offloads, Queues, Switch};
use std::io;

/// Frames longer than this lie in several parts, which not every driver can do.
const ONE_PART: u32 = 3498;

/// Everything about an interface.
pub(super) fn findings(name: &str) -> Vec<Finding> {
    let interface = match Interface::named(name) {
        Ok(Some(interface)) => interface,
        Ok(None) => return vec![Finding::lacks(name, Holds::No, "there is no such interface", "ip link")],
        Err(error) => return vec![untold(name, &error)],
    };
    let mut findings = vec![link(name, &interface)];
    match Offloads::of(interface.index) {
        Ok(offloads) => {
            findings.push(native(name, &interface, &offloads));
            findings.push(jumbo(name, &interface, &offloads));
            let obstacles = obstacles(&offloads);
            findings.extend(obstacles.map(|(switch, option, what)| obstacle(name, option, switch, what)));
            findings.push(filtering(name, &offloads));
        }
        Err(error) => findings.push(untold(name, &error)),
    }
    findings.push(queues(name, &interface));
    if interface.has_program == Occupied::Yes {
        findings.push(Finding::lacks(
            &format!("{name}, XDP"),
            Holds::Worse,
            "a program is attached already",
            format!("if it is not this sensor's: `ip link set dev {name} xdp off`; `bpftool net` shows whose it is"),
        ));
    }
    findings
}

fn untold(name: &str, error: &io::Error) -> Finding {
    Finding::lacks(
        name,
        Holds::Worse,
        format!("the kernel does not tell its state: {error}"),
        "ip -details link",
    )
}

fn link(name: &str, interface: &Interface) -> Finding {
    match interface.link() {
        Link::Up => Finding::holds(name, "up"),
        Link::NoCarrier => {
            Finding::lacks(name, Holds::Worse, "up, without carrier", "check the cable and the other end")
        }
        Link::Down => Finding::lacks(name, Holds::No, "down", format!("ip link set dev {name} up")),
    }
}

fn native(name: &str, interface: &Interface, offloads: &Offloads) -> Finding {
    let what = format!("{name}, driver");
    let driver = if interface.driver.is_empty() { "unknown driver" } else { &interface.driver };
    match (offloads.is_native(), offloads.takes_redirected()) {
        (Some(true), Some(true)) => {
            Finding::holds(&what, format!("{driver}: native XDP, takes redirected frames"))
        }
        (Some(true), _) => Finding::lacks(
            &what,
            Holds::Worse,
            format!("{driver}: native XDP, but it does not take redirected frames, which inline needs"),
            match driver {
                "veth" => "ethtool -K PEER gro on, at its other end".to_owned(),
                _ => "inline falls back to generic mode; use another interface for speed".to_owned(),
            },
        ),
        (Some(false), _) => Finding::lacks(
            &what,
            Holds::Worse,
            format!("{driver}: no native XDP"),
            "generic mode is used, at about twice the cost; use another interface for speed",
        ),
        (None, _) => Finding::holds(
            &what,
            format!("{driver}: before Linux 6.3 only an attempt tells whether XDP is native"),
        ),
    }
}

fn jumbo(name: &str, interface: &Interface, offloads: &Offloads) -> Finding {
    let what = format!("{name}, MTU");
    if interface.mtu > ONE_PART && offloads.takes_parts() == Some(false) {
        return Finding::lacks(
            &what,
            Holds::Worse,
            format!("{}: too long for its driver with native XDP", interface.mtu),
            format!("ip link set dev {name} mtu {ONE_PART}"),
        );
    }
    Finding::holds(&what, interface.mtu.to_string())
}

fn obstacle(name: &str, option: &str, switch: Switch, why: &str) -> Finding {
    let what = format!("{name}, {option}");
    match switch {
        Switch::Off => Finding::holds(&what, "off"),
        Switch::On | Switch::Fixed => Finding::lacks(&what, Holds::No, why, remedy(name, option, switch)),
    }
}

fn filtering(name: &str, offloads: &Offloads) -> Finding {
    let what = format!("{name}, rx-vlan-filter");
    match offloads.vlan_filtering() {
        Switch::Off => Finding::holds(&what, "off"),
        Switch::On | Switch::Fixed => Finding::lacks(
            &what,
            Holds::Worse,
            "on: frames of VLANs that this machine has no interface for may be dropped before they are seen",
            format!("ethtool -K {name} rx-vlan-filter off"),
        ),
    }
}

fn queues(name: &str, interface: &Interface) -> Finding {
    let what = format!("{name}, queues");
    match Queues::of(interface.index) {
        Ok(Some(Queues { receive, transmit, .. })) => {
            Finding::holds(&what, format!("{receive} to receive, {transmit} to transmit"))
        }
        Ok(None) => Finding::holds(&what, "its driver does not say"),
        Err(error) => untold(&what, &error),
    }
}
