//! One IP packet in parts, and its bytes.

use abi::address::{Ip, Mac};

use super::dice::Dice;

/// A packet before it is written.
#[derive(Clone, Debug)]
pub(super) struct Packet {
    pub(super) src_mac: Mac,
    pub(super) dst_mac: Mac,
    /// Ethernet type and identifier of each tag, from the outside.
    pub(super) tags: Vec<(u16, u16)>,
    pub(super) is_six: bool,
    pub(super) src: Ip,
    pub(super) dst: Ip,
    pub(super) hops: u8,
    /// IPv4: words of options, at most 10. IPv6: numbers of extension headers.
    pub(super) extensions: Vec<u8>,
    pub(super) cut: Option<Cut>,
    /// Extension headers behind the fragment header.
    pub(super) behind: Vec<u8>,
    pub(super) transport: Transport,
    pub(super) payload_len: usize,
}

/// Where a packet stands in a fragmented one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    pub(super) id: u32,
    /// In units of eight bytes.
    pub(super) offset: u16,
    pub(super) more: u16,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Transport {
    Tcp {
        ports: (u16, u16),
        flags: u8,
    },
    Udp {
        ports: (u16, u16),
    },
    Sctp {
        ports: (u16, u16),
    },
    Icmp {
        protocol: u8,
        kind: u8,
        code: u8,
    },
    /// No ports.
    Other(u8),
}

impl Transport {
    pub(super) const fn protocol(self) -> u8 {
        match self {
            Transport::Tcp { .. } => 6,
            Transport::Udp { .. } => 17,
            Transport::Sctp { .. } => 132,
            Transport::Icmp { protocol, .. } | Transport::Other(protocol) => protocol,
        }
    }

    fn bytes(self, payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(payload.len().saturating_add(20));
        let both = |out: &mut Vec<u8>, (src, dst): (u16, u16)| {
            out.extend_from_slice(&src.to_be_bytes());
            out.extend_from_slice(&dst.to_be_bytes());
        };
        match self {
            Transport::Tcp { ports, flags } => {
                both(&mut out, ports);
                out.extend_from_slice(&[0, 0, 0, 1, 0, 0, 0, 2, 0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
            }
            Transport::Udp { ports } => {
                both(&mut out, ports);
                out.extend_from_slice(&half(payload.len().saturating_add(8)));
                out.extend_from_slice(&[0, 0]);
            }
            Transport::Sctp { ports } => {
                both(&mut out, ports);
                out.extend_from_slice(&[0; 8]);
            }
            Transport::Icmp { kind, code, .. } => out.extend_from_slice(&[kind, code, 0, 0, 0, 1, 0, 1]),
            Transport::Other(_) => {}
        }
        out.extend_from_slice(payload);
        out
    }
}

/// A packet's bytes and where its headers begin.
pub(super) struct Written {
    pub(super) bytes: Vec<u8>,
    pub(super) network: usize,
    pub(super) transport: usize,
}

fn half(len: usize) -> [u8; 2] {
    u16::try_from(len).unwrap_or(u16::MAX).to_be_bytes()
}

impl Packet {
    /// An answer: everything turned round. Of what has no answer, the same again from the other side.
    pub(super) fn answered(&self) -> Packet {
        let transport = match self.transport {
            Transport::Tcp { ports: (src, dst), flags } => Transport::Tcp { ports: (dst, src), flags },
            Transport::Udp { ports: (src, dst) } => Transport::Udp { ports: (dst, src) },
            Transport::Sctp { ports: (src, dst) } => Transport::Sctp { ports: (dst, src) },
            Transport::Icmp { protocol, kind, code } => {
                let kind = match (protocol, kind) {
                    (1, 8) => 0,
                    (1, 0) => 8,
                    (1, 13 | 17) | (58, 128 | 139) => kind.saturating_add(1),
                    (1, 14 | 18) | (58, 129 | 140) => kind.saturating_sub(1),
                    (_, _) => kind,
                };
                Transport::Icmp { protocol, kind, code }
            }
            Transport::Other(protocol) => Transport::Other(protocol),
        };
        let [src_mac, dst_mac] = [self.dst_mac, self.src_mac];
        Packet { src_mac, dst_mac, src: self.dst, dst: self.src, transport, ..self.clone() }
    }

    pub(super) fn written(&self, dice: &mut Dice) -> Written {
        let payload = dice.bytes(self.payload_len);
        let is_later = self.cut.is_some_and(|cut| cut.offset > 0);
        // What a later fragment begins with is no header, even if it looks like one.
        let mut body =
            if is_later && dice.once_in(2) { dice.bytes(24) } else { self.transport.bytes(&payload) };
        // First fragments that end within their transport header (RFC 1858).
        if self.cut.is_some_and(|cut| cut.offset == 0) && dice.once_in(5) {
            body.truncate(dice.pick(&[8, 16], 8));
        }
        let transport_len = body.len();
        let mut next = self.transport.protocol();
        if self.is_six {
            next = chain(&self.behind, next, &mut body);
            if let Some(cut) = self.cut {
                let mut header = vec![next, 0];
                header.extend_from_slice(&((cut.offset << 3) | cut.more).to_be_bytes());
                header.extend_from_slice(&cut.id.to_be_bytes());
                body.splice(0..0, header);
                next = 44;
            }
            next = chain(&self.extensions, next, &mut body);
        } else if self.behind.contains(&51) {
            next = chain(&[51], next, &mut body);
        }
        let mut bytes = self.link();
        let network = bytes.len();
        if self.is_six {
            self.six(next, body.len(), &mut bytes);
        } else {
            self.four(next, body.len(), &mut bytes);
        }
        bytes.extend_from_slice(&body);
        let transport = bytes.len().saturating_sub(transport_len);
        Written { bytes, network, transport }
    }

    fn link(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(160);
        bytes.extend_from_slice(&self.dst_mac.0);
        bytes.extend_from_slice(&self.src_mac.0);
        for (kind, id) in &self.tags {
            bytes.extend_from_slice(&kind.to_be_bytes());
            // Priority bits that are no part of the identifier.
            bytes.extend_from_slice(&(id | 0xa000).to_be_bytes());
        }
        bytes.extend_from_slice(if self.is_six { &[0x86, 0xdd] } else { &[8, 0] });
        bytes
    }

    fn four(&self, next: u8, body_len: usize, out: &mut Vec<u8>) {
        let words = self.extensions.len().min(10);
        let header_len = words.saturating_mul(4).saturating_add(20);
        let [_, _, _, _, _, _, _, _, _, _, _, _, src @ ..] = self.src.0;
        let [_, _, _, _, _, _, _, _, _, _, _, _, dst @ ..] = self.dst.0;
        out.push(u8::try_from(words).unwrap_or_default().saturating_add(0x45));
        out.push(0);
        out.extend_from_slice(&half(body_len.saturating_add(header_len)));
        let (id, place) = self.cut.map_or((0, 0x4000), |cut| (cut.id, cut.offset | (cut.more << 13)));
        out.extend_from_slice(&u16::try_from(id & 0xffff).unwrap_or_default().to_be_bytes());
        out.extend_from_slice(&place.to_be_bytes());
        out.extend_from_slice(&[self.hops, next, 0, 0]);
        out.extend_from_slice(&src);
        out.extend_from_slice(&dst);
        // Router alert (RFC 2113), or no-operations.
        (0..words).for_each(|_| out.extend_from_slice(&[0x94, 4, 0, 0]));
    }

    fn six(&self, next: u8, body_len: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(&[0x60, 0, 0, 0]);
        out.extend_from_slice(&half(body_len));
        out.extend_from_slice(&[next, self.hops]);
        out.extend_from_slice(&self.src.0);
        out.extend_from_slice(&self.dst.0);
    }
}

/// Puts extension headers in front of a body, the first one outermost; tells the number of the outermost.
fn chain(kinds: &[u8], innermost: u8, body: &mut Vec<u8>) -> u8 {
    let mut next = innermost;
    for kind in kinds.iter().rev() {
        // AH counts words beyond the first two, the others eight bytes beyond the first.
        let header: &[u8] = match kind {
            51 => &[next, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            44 => &[next, 0, 0, 0, 0, 0, 0, 9],
            60 => &[next, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            _ => &[next, 0, 1, 4, 0, 0, 0, 0],
        };
        body.splice(0..0, header.iter().copied());
        next = *kind;
    }
    next
}
