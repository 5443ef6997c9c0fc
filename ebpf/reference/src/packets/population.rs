//! Few machines, few ports and few tags, so that flows, answers and moves meet. The policies of [`crate::example`] speak of
//! these addresses.

use abi::address::{Ip, Mac};

use super::dice::Dice;

/// The IPv4 addresses of machines: inside, outside, in no segment, none.
const FOUR: [[u8; 4]; 15] = [
    [10, 77, 10, 5],
    [10, 77, 10, 6],
    [10, 77, 20, 7],
    [10, 77, 30, 8],
    [10, 77, 30, 69],
    [10, 77, 50, 10],
    [10, 77, 50, 11],
    [10, 77, 50, 30],
    [10, 77, 60, 3],
    [10, 77, 80, 4],
    [8, 8, 8, 8],
    [192, 168, 9, 9],
    [203, 0, 113, 7],
    [0, 0, 0, 0],
    [172, 31, 0, 1],
];

/// The IPv6 addresses of machines by their first words and their last: local, global, link-local, translated, none.
const SIX: [([u16; 4], u16); 12] = [
    ([0xfd00, 0x77, 0x10, 0], 5),
    ([0xfd00, 0x77, 0x20, 0], 7),
    ([0xfd00, 0x77, 0x30, 0], 8),
    ([0xfd00, 0x77, 0x30, 0], 0x69),
    ([0xfd00, 0x77, 0x50, 0], 0x10),
    ([0xfd00, 0x77, 0x50, 0], 0x11),
    ([0xfd00, 0x77, 0x50, 1], 0x11),
    ([0xfd00, 0x88, 0, 0], 1),
    ([0x2001, 0x4860, 0, 0], 0x8888),
    ([0xfe80, 0, 0, 0], 1),
    ([0x64, 0xff9b, 0, 0], 0x808),
    ([0, 0, 0, 0], 0),
];

const GROUPS_FOUR: [[u8; 4]; 6] = [
    [224, 0, 0, 1],
    [224, 0, 0, 251],
    [239, 255, 255, 250],
    [255, 255, 255, 255],
    [10, 77, 10, 255],
    [240, 0, 0, 1],
];
const GROUPS_SIX: [([u16; 4], u16); 3] =
    [([0xff02, 0, 0, 0], 1), ([0xff05, 0, 0, 0], 2), ([0xff02, 0, 0, 0], 0x16)];

/// Ports at and around the edges of the policies' services.
const PORTS: [u16; 24] = [
    0, 22, 53, 67, 68, 80, 104, 123, 161, 443, 445, 546, 547, 1023, 1024, 2575, 5353, 8100, 11_112, 11_114,
    24_105, 40_000, 40_001, 65_535,
];

/// Who asks whom for what in the policies: places in [`FOUR`], protocol, and port.
const ASKED: [(usize, usize, u8, u16); 14] = [
    (0, 6, 6, 104),
    (0, 6, 6, 443),
    (0, 5, 17, 53),
    (1, 2, 6, 104),
    (2, 7, 6, 443),
    (7, 2, 6, 8100),
    (3, 4, 17, 24_105),
    (4, 3, 6, 40_000),
    (3, 4, 6, 2575),
    (8, 7, 6, 443),
    (9, 10, 6, 443),
    (5, 10, 17, 123),
    (11, 5, 6, 53),
    (8, 8, 17, 5353),
];

/// VLAN identifiers, no tag, a priority tag, and the reserved one.
const VLANS: [u16; 7] = [10, 20, 30, 40, 0, 4094, 4095];
const TAG_KINDS: [u16; 4] = [0x8100, 0x8100, 0x88a8, 0x9100];

/// MAC addresses of machines have numbers from 0, those of routers from here on.
const ROUTERS: u8 = 0xf0;

pub(super) const fn machine(number: u8) -> Mac {
    Mac([0x02, 0x77, 0, 0, 0, number])
}

pub(super) fn router(dice: &mut Dice) -> Mac {
    machine(ROUTERS.saturating_add(dice.pick(&[0, 1, 2], 0)))
}

fn six((first, last): ([u16; 4], u16)) -> Ip {
    let [a, b, c, d] = first;
    Ip(std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, last).octets())
}

/// A machine's address and its usual MAC address.
pub(super) fn host(dice: &mut Dice, is_six: bool) -> (Ip, Mac) {
    let number = if is_six { dice.place(SIX.len()) } else { dice.place(FOUR.len()) };
    let mac = machine(u8::try_from(number).unwrap_or_default());
    let ip = if is_six {
        // An IPv4 address in IPv6, which no host should send (RFC 4942 section 2.2).
        if dice.once_in(40) {
            Ip::v4([10, 77, 10, 5])
        } else {
            SIX.get(number).map_or(Ip::NONE, |ip| six(*ip))
        }
    } else {
        FOUR.get(number).map_or(Ip::NONE, |ip| Ip::v4(*ip))
    };
    (ip, mac)
}

/// A question that policies speak of: sender, receiver, protocol, and port.
pub(super) fn question(dice: &mut Dice) -> ((Ip, Mac), (Ip, Mac), u8, u16) {
    let (from, to, protocol, port) = dice.pick(&ASKED, (0, 6, 6, 104));
    let side = |place: usize| {
        let ip = FOUR.get(place).map_or(Ip::NONE, |ip| Ip::v4(*ip));
        (ip, machine(u8::try_from(place).unwrap_or_default()))
    };
    (side(from), side(to), protocol, port)
}

/// A group or broadcast address and the MAC address that goes with it.
pub(super) fn group(dice: &mut Dice, is_six: bool) -> (Ip, Mac) {
    if is_six {
        let ip = six(dice.pick(&GROUPS_SIX, ([0xff02, 0, 0, 0], 1)));
        let [.., a, b, c, d] = ip.0;
        return (ip, Mac([0x33, 0x33, a, b, c, d]));
    }
    let octets = dice.pick(&GROUPS_FOUR, [224, 0, 0, 1]);
    let [first, b, c, d] = octets;
    let is_broadcast = first == 255 || d == 255;
    (Ip::v4(octets), if is_broadcast { Mac([0xff; 6]) } else { Mac([1, 0, 0x5e, b & 0x7f, c, d]) })
}

pub(super) fn port(dice: &mut Dice) -> u16 {
    dice.pick(&PORTS, 443)
}

/// The tags of a frame: mostly none or one, sometimes more than are read.
pub(super) fn tags(dice: &mut Dice) -> Vec<(u16, u16)> {
    let count = match dice.roll(60) {
        0..40 => 0,
        40..52 => 1,
        52..57 => 2,
        57 => 3,
        58 => 4,
        _ => 5,
    };
    (0..count).map(|_| (dice.pick(&TAG_KINDS, 0x8100), dice.pick(&VLANS, 10))).collect()
}

/// Any machine's MAC address, that of a group, or none.
pub(super) fn any_mac(dice: &mut Dice) -> Mac {
    match dice.roll(16) {
        0 => Mac([0xff; 6]),
        1 => Mac([1, 0x80, 0xc2, 0, 0, dice.pick(&[0, 2, 3, 14, 15, 16, 33], 0)]),
        2 | 3 => router(dice),
        4 => Mac::NONE,
        _ => machine(dice.pick(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 0)),
    }
}
