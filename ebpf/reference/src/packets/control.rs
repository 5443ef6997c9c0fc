//! What every network needs, and what looks like it.

use abi::address::{Ip, Mac};

use super::dice::Dice;
use super::packet::{Packet, Transport};
use super::population::{any_mac, group, host, tags};

fn link(dice: &mut Dice, to: Mac, kind: u16) -> Vec<u8> {
    let mut frame = to.0.to_vec();
    frame.extend_from_slice(&any_mac(dice).0);
    for (tag, id) in tags(dice) {
        frame.extend_from_slice(&tag.to_be_bytes());
        frame.extend_from_slice(&id.to_be_bytes());
    }
    frame.extend_from_slice(&kind.to_be_bytes());
    frame
}

/// A frame that is not IP: ARP, EAPOL, LLDP, STP, LACP, pause, MPLS, `PPPoE`, IPX, LLC, industrial protocols, runts.
pub(super) fn foreign(dice: &mut Dice) -> Vec<u8> {
    let last = dice.pick(&[0, 1, 2, 3, 0x0e, 0x0f, 0x10, 0x21], 0);
    let to = if dice.once_in(2) { Mac([1, 0x80, 0xc2, 0, 0, last]) } else { any_mac(dice) };
    let kind = dice.pick(
        &[
            0x0806, 0x0806, 0x888e, 0x88cc, 0x0026, 0x8809, 0x8808, 0x8847, 0x8864, 0x8892, 0x88f7, 0,
            0x05ff, 0x9000,
        ],
        0x0806,
    );
    let mut frame = link(dice, to, kind);
    let len = dice.place(60);
    frame.extend_from_slice(&dice.bytes(len));
    if dice.once_in(20) {
        frame.truncate(dice.place(16));
    }
    frame
}

/// DHCP, neighbour discovery and group membership; now and then with the wrong hop limit, port, type or family.
pub(super) fn needed(dice: &mut Dice) -> Packet {
    let is_six = dice.once_in(2);
    let (src, src_mac) = host(dice, is_six);
    let (dst, dst_mac) = if dice.once_in(3) { host(dice, is_six) } else { group(dice, is_six) };
    let (transport, hops) = match (is_six, dice.roll(3)) {
        (false, 0) => (Transport::Other(2), 1),
        (false, _) => (
            Transport::Udp {
                ports: dice.pick(&[(68, 67), (67, 68), (67, 67), (68, 68), (67, 69)], (68, 67)),
            },
            64,
        ),
        (true, 0) => (
            Transport::Udp { ports: dice.pick(&[(546, 547), (547, 546), (547, 547), (67, 68)], (546, 547)) },
            1,
        ),
        (true, 1) => {
            (icmp(58, dice.pick(&[130, 131, 132, 143, 144, 129], 143)), dice.pick(&[1, 1, 1, 2, 255], 1))
        }
        (true, _) => (
            icmp(58, dice.pick(&[133, 134, 135, 136, 137, 132], 135)),
            dice.pick(&[255, 255, 255, 254, 1], 255),
        ),
    };
    // Rarely in the other family, where none of this is known.
    let transport =
        if dice.once_in(60) { if is_six { Transport::Other(2) } else { icmp(58, 135) } } else { transport };
    let extensions = if is_six && dice.once_in(3) { vec![0] } else { Vec::new() };
    let hops = if matches!(transport, Transport::Icmp { .. }) && !is_six { 255 } else { hops };
    Packet {
        src_mac,
        dst_mac,
        tags: tags(dice),
        is_six,
        src: if dice.once_in(4) && is_six { Ip::NONE } else { src },
        dst,
        hops,
        extensions,
        cut: None,
        behind: Vec::new(),
        transport,
        payload_len: dice.place(40),
    }
}

const fn icmp(protocol: u8, kind: u8) -> Transport {
    Transport::Icmp { protocol, kind, code: 0 }
}
