//! Reads captures of the kinds in the test set, and hands the TCP streams in them, in order, to a dissector.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use abi::address::Timestamp;
use wire::Side;

/// The folder of captures, or a loud word that the test was skipped.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("WARDLINE_DATA").map(PathBuf::from).filter(|path| path.is_dir());
    if folder.is_none() {
        eprintln!("SKIPPED: the captures are not here; set WARDLINE_DATA to their folder");
    }
    folder
}

/// The counts that an independent program made of a capture.
pub(crate) fn truth(capture: &Path) -> serde_json::Value {
    let mut name = capture.as_os_str().to_owned();
    name.push(".truth.json");
    let text = std::fs::read_to_string(&name).unwrap_or_else(|error| panic!("{}: {error}", name.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", name.display()))
}

/// What a dissector is told of one connection.
pub(crate) trait Listener {
    /// The next bytes of a side.
    fn feed(&mut self, from: Side, at: Timestamp, bytes: &[u8]);
    /// Bytes of a side are not in the capture.
    fn gap(&mut self, from: Side, missing: u64);
    /// The connection is over.
    fn finish(&mut self, at: Timestamp);
}

/// Hands every TCP connection of a capture to a listener of its own.
pub(crate) fn streams<L: Listener>(capture: &Path, mut make: impl FnMut(&str, &str) -> L) -> Vec<L> {
    let mut open: HashMap<(Vec<u8>, u16, Vec<u8>, u16), usize> = HashMap::new();
    let mut connections: Vec<Connection<L>> = Vec::new();
    for (link, at, frame) in frames(capture) {
        let Some(segment) = segment(link, &frame) else { continue };
        let from = (segment.source.clone(), segment.source_port);
        let to = (segment.target.clone(), segment.target_port);
        let mut key = (from.0.clone(), from.1, to.0.clone(), to.1);
        let mut side = Side::Client;
        let opens = segment.flags & 0x12 == 0x02;
        if let Some(&place) = open.get(&(to.0.clone(), to.1, from.0.clone(), from.1)) {
            key = (to.0.clone(), to.1, from.0.clone(), from.1);
            side = Side::Server;
            assert!(place < connections.len());
        } else if let Some(&place) = open.get(&key)
            && opens
            && connections[place].client.started()
            && connections[place].client.first != segment.sequence
        {
            open.remove(&key);
        }
        let place = *open.entry(key).or_insert_with(|| {
            let name = |(ip, port): &(Vec<u8>, u16)| match ip.as_slice() {
                [a, b, c, d] => format!("{a}.{b}.{c}.{d}:{port}"),
                ip => format!("{ip:02x?}:{port}"),
            };
            connections.push(Connection {
                client: Direction::default(),
                server: Direction::default(),
                last: at,
                listener: make(&name(&from), &name(&to)),
            });
            connections.len() - 1
        });
        connections[place].take(side, at, &segment);
    }
    connections.into_iter().map(Connection::finish).collect()
}

struct Connection<L> {
    client: Direction,
    server: Direction,
    last: Timestamp,
    listener: L,
}

#[derive(Default)]
struct Direction {
    first: u32,
    next: Option<u32>,
    early: BTreeMap<u32, Vec<u8>>,
}

impl Direction {
    fn started(&self) -> bool {
        self.next.is_some()
    }
}

impl<L: Listener> Connection<L> {
    fn take(&mut self, side: Side, at: Timestamp, segment: &Segment<'_>) {
        let &Segment { sequence, flags, payload, .. } = segment;
        self.last = at;
        let direction = match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        if flags & 0x02 != 0 {
            // Data in a SYN is no part of the stream before the handshake ends.
            direction.first = sequence;
            direction.next = Some(sequence.wrapping_add(1));
            return;
        }
        let next = direction.next.get_or_insert_with(|| {
            direction.first = sequence;
            sequence
        });
        if payload.is_empty() {
            return;
        }
        let ahead = sequence.wrapping_sub(*next).cast_signed();
        let kept = direction.early.entry(sequence.wrapping_sub(direction.first)).or_default();
        if kept.len() < payload.len()
            && ahead.wrapping_add_unsigned(u32::try_from(payload.len()).unwrap()) > 0
        {
            *kept = payload.to_vec();
        }
        self.drain(side, at);
    }

    fn drain(&mut self, side: Side, at: Timestamp) {
        let direction = match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        };
        let Some(next) = &mut direction.next else { return };
        while let Some(entry) = direction.early.first_entry() {
            let ahead = entry.key().wrapping_add(direction.first).wrapping_sub(*next).cast_signed();
            if ahead > 0 {
                return;
            }
            let bytes = entry.remove();
            let known = usize::try_from(ahead.unsigned_abs()).unwrap().min(bytes.len());
            let fresh = &bytes[known..];
            *next = next.wrapping_add(u32::try_from(fresh.len()).unwrap());
            if !fresh.is_empty() {
                self.listener.feed(side, at, fresh);
            }
        }
    }

    fn finish(mut self) -> L {
        for side in [Side::Client, Side::Server] {
            loop {
                let direction = match side {
                    Side::Client => &mut self.client,
                    Side::Server => &mut self.server,
                };
                let (Some((offset, _)), Some(next)) =
                    (direction.early.first_key_value(), &mut direction.next)
                else {
                    break;
                };
                let place = offset.wrapping_add(direction.first);
                let missing = place.wrapping_sub(*next);
                *next = place;
                self.listener.gap(side, u64::from(missing));
                self.drain(side, self.last);
            }
        }
        self.listener.finish(self.last);
        self.listener
    }
}

struct Segment<'a> {
    source: Vec<u8>,
    target: Vec<u8>,
    source_port: u16,
    target_port: u16,
    sequence: u32,
    flags: u8,
    payload: &'a [u8],
}

fn u16_at(bytes: &[u8], place: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(place..)?.first_chunk()?))
}

fn segment(link: u32, frame: &[u8]) -> Option<Segment<'_>> {
    let mut ip = match link {
        0 => frame.get(4..)?,
        1 => frame.get(12..)?,
        101 => frame,
        _ => return None,
    };
    if link == 1 {
        while matches!(u16_at(ip, 0)?, 0x8100 | 0x88a8) {
            ip = ip.get(4..)?;
        }
        ip = ip.get(2..)?;
    }
    let (source, target, tcp) = match ip.first()? >> 4 {
        4 if ip.get(9) == Some(&6) => {
            let header = usize::from(ip[0] & 15) * 4;
            let total = usize::from(u16_at(ip, 2)?);
            (ip.get(12..16)?, ip.get(16..20)?, ip.get(header..total.min(ip.len()))?)
        }
        6 if ip.get(6) == Some(&6) => {
            let total = usize::from(u16_at(ip, 4)?) + 40;
            (ip.get(8..24)?, ip.get(24..40)?, ip.get(40..total.min(ip.len()))?)
        }
        _ => return None,
    };
    Some(Segment {
        source: source.to_vec(),
        target: target.to_vec(),
        source_port: u16_at(tcp, 0)?,
        target_port: u16_at(tcp, 2)?,
        sequence: u32::from_be_bytes(*tcp.get(4..)?.first_chunk()?),
        flags: *tcp.get(13)?,
        payload: tcp.get(usize::from(tcp.get(12)? >> 4) * 4..)?,
    })
}

/// The frames of a little-endian pcap, or of a pcapng that zstd may have packed: link type, time, bytes.
pub(crate) fn frames(capture: &Path) -> Vec<(u32, Timestamp, Vec<u8>)> {
    let mut bytes = std::fs::read(capture).unwrap();
    if bytes.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let mut unpacked = Vec::new();
        let mut decoder = zstd::stream::read::Decoder::new(bytes.as_slice()).unwrap();
        decoder.window_log_max(27).unwrap();
        std::io::Read::read_to_end(&mut decoder, &mut unpacked).unwrap();
        bytes = unpacked;
    }
    let word = |bytes: &[u8], place: usize| -> u32 {
        bytes.get(place..).and_then(|rest| rest.first_chunk()).map_or(0, |word| u32::from_le_bytes(*word))
    };
    let mut frames = Vec::new();
    if bytes.starts_with(&0xa1b2_c3d4_u32.to_le_bytes()) {
        let link = word(&bytes, 20);
        let mut rest = &bytes[24..];
        while let Some((header, behind)) = rest.split_at_checked(16) {
            let len = usize::try_from(word(header, 8)).unwrap().min(behind.len());
            let at = u64::from(word(header, 0)) * 1_000_000_000 + u64::from(word(header, 4)) * 1000;
            frames.push((link, Timestamp(at), behind[..len].to_vec()));
            rest = &behind[len..];
        }
        return frames;
    }
    assert!(bytes.starts_with(&0x0a0d_0d0a_u32.to_le_bytes()), "{}: an unknown format", capture.display());
    let mut rest = bytes.as_slice();
    let mut link = 1;
    while rest.len() >= 12 {
        let len = usize::try_from(word(rest, 4)).unwrap().max(12);
        let Some((block, behind)) = rest.split_at_checked(len) else { break };
        if word(block, 0) == 1 {
            link = word(block, 8) & 0xffff;
        }
        if word(block, 0) == 6 {
            let high_low = (u64::from(word(block, 12)) << 32) | u64::from(word(block, 16));
            let captured = usize::try_from(word(block, 20)).unwrap();
            frames.push((link, Timestamp(high_low), block[28..28 + captured].to_vec()));
        }
        rest = behind;
    }
    frames
}
