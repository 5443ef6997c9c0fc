//! Frames that are cut, that lie, or that are noise.

use super::dice::Dice;
use super::packet::Written;

fn set(bytes: &mut [u8], at: usize, value: u8) {
    if let Some(byte) = bytes.get_mut(at) {
        *byte = value;
    }
}

fn set_half(bytes: &mut [u8], at: usize, value: u16) {
    let [high, low] = value.to_be_bytes();
    set(bytes, at, high);
    set(bytes, at.saturating_add(1), low);
}

/// Does one kind of damage to a packet.
pub(super) fn damaged(written: Written, is_six: bool, dice: &mut Dice) -> Vec<u8> {
    let Written { mut bytes, network, transport } = written;
    let network_at = |offset: usize| network.saturating_add(offset);
    let transport_at = |offset: usize| transport.saturating_add(offset);
    match dice.roll(13) {
        // Cut anywhere, and right at the edges of the layers.
        0 => bytes.truncate(dice.place(bytes.len().saturating_add(1))),
        1 => bytes.truncate(network_at(dice.pick(&[0, 1, 19, 20, 21, 39, 40, 41, 47, 48], 0))),
        2 | 3 => {
            bytes.truncate(transport_at(dice.pick(&[0, 1, 3, 4, 5, 7, 8, 11, 12, 13, 14, 19, 20], 0)));
            fit(&mut bytes, network, is_six, dice);
        }
        // A datagram that claims another length than it has.
        4 | 5 => {
            let len = dice.pick(&[0, 1, 4, 8, 19, 20, 21, 23, 24, 28, 32, 33, 34, 40, 60, 1500, 0xffff], 0);
            set_half(&mut bytes, network_at(if is_six { 4 } else { 2 }), len);
        }
        // Version and header length; next header.
        6 => set(&mut bytes, network, dice.byte()),
        7 => {
            let next = dice.pick(&[0, 1, 2, 6, 17, 43, 44, 50, 51, 58, 59, 60, 132, 135, 139, 140, 255], 0);
            set(&mut bytes, network_at(if is_six { 6 } else { 9 }), next);
        }
        // Fragment fields of IPv4; length of the first extension header of IPv6.
        8 => set_half(&mut bytes, network_at(if is_six { 41 } else { 6 }), dice.half() & 0x2003),
        // Data offset and flags of TCP, length of UDP.
        9 => set(&mut bytes, transport_at(12), dice.byte()),
        10 => set_half(&mut bytes, transport_at(4), dice.pick(&[0, 1, 7, 8, 9, 0xffff], 0)),
        // Noise.
        11 => {
            let at = dice.place(bytes.len().min(96));
            set(&mut bytes, at, dice.byte());
        }
        // Padding behind the datagram.
        _ => {
            let len = dice.place(50);
            bytes.extend_from_slice(&dice.bytes(len));
        }
    }
    bytes
}

/// Half of the time the datagram's length is made to fit what is left of it.
fn fit(bytes: &mut [u8], network: usize, is_six: bool, dice: &mut Dice) {
    let left = bytes.len().saturating_sub(network);
    if dice.once_in(2) {
        let (at, len) = if is_six { (4, left.saturating_sub(40)) } else { (2, left) };
        set_half(bytes, network.saturating_add(at), u16::try_from(len).unwrap_or(u16::MAX));
    }
}
