//! Builders of captures, byte by byte: the reader under test must not be what made them.

use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;
use std::path::PathBuf;
use tempfile::TempDir;

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endian {
    Little,
    Big,
}

impl Endian {
    pub(crate) const BOTH: [Endian; 2] = [Endian::Little, Endian::Big];

    pub(crate) fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Endian::Little => value.to_le_bytes(),
            Endian::Big => value.to_be_bytes(),
        }
    }

    pub(crate) fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Endian::Little => value.to_le_bytes(),
            Endian::Big => value.to_be_bytes(),
        }
    }

    pub(crate) fn u64(self, value: u64) -> [u8; 8] {
        match self {
            Endian::Little => value.to_le_bytes(),
            Endian::Big => value.to_be_bytes(),
        }
    }
}

/// A classic pcap file.
#[derive(Clone)]
pub(crate) struct Pcap {
    pub(crate) bytes: Vec<u8>,
    endian: Endian,
    per_second: u64,
}

pub(crate) const MICRO: u64 = 1_000_000;
pub(crate) const NANO: u64 = 1_000_000_000;

impl Pcap {
    pub(crate) fn new(endian: Endian, per_second: u64, link: u32) -> Pcap {
        Pcap::with_snaplen(endian, per_second, link, 262_144)
    }

    pub(crate) fn with_snaplen(endian: Endian, per_second: u64, link: u32, snaplen: u32) -> Pcap {
        let magic = if per_second == NANO { 0xa1b2_3c4d } else { 0xa1b2_c3d4 };
        let mut bytes = endian.u32(magic).to_vec();
        bytes.extend([endian.u16(2), endian.u16(4)].concat());
        bytes.extend([endian.u32(0), endian.u32(0), endian.u32(snaplen), endian.u32(link)].concat());
        Pcap { bytes, endian, per_second }
    }

    /// Adds a frame at `at` nanoseconds.
    pub(crate) fn frame(self, at: u64, data: &[u8]) -> Pcap {
        let len = u32::try_from(data.len()).unwrap();
        self.record(at, len, len, data)
    }

    /// Adds a record with lengths that need not be true.
    pub(crate) fn record(mut self, at: u64, captured: u32, wire: u32, data: &[u8]) -> Pcap {
        let seconds = u32::try_from(at / NANO).unwrap();
        let fraction = u32::try_from(at % NANO / (NANO / self.per_second)).unwrap();
        for value in [seconds, fraction, captured, wire] {
            self.bytes.extend(self.endian.u32(value));
        }
        self.bytes.extend(data);
        self
    }
}

/// An Ethernet capture in little-endian nanoseconds with the given (time, data).
pub(crate) fn pcap(frames: &[(u64, &[u8])]) -> Vec<u8> {
    frames.iter().fold(Pcap::new(Endian::Little, NANO, 1), |pcap, (at, data)| pcap.frame(*at, data)).bytes
}

/// A pcapng file.
#[derive(Clone)]
pub(crate) struct Ng {
    pub(crate) bytes: Vec<u8>,
    endian: Endian,
}

impl Ng {
    pub(crate) fn new(endian: Endian) -> Ng {
        Ng { bytes: Vec::new(), endian }.section(endian)
    }

    pub(crate) fn section(mut self, endian: Endian) -> Ng {
        self.endian = endian;
        let body =
            [&endian.u32(0x1a2b_3c4d)[..], &endian.u16(1), &endian.u16(0), &endian.u64(u64::MAX)].concat();
        self.block(0x0a0d_0d0a, &body)
    }

    pub(crate) fn block(mut self, kind: u32, body: &[u8]) -> Ng {
        let padded = body.len().next_multiple_of(4);
        let len = self.endian.u32(u32::try_from(padded + 12).unwrap());
        self.bytes.extend(self.endian.u32(kind));
        self.bytes.extend(len);
        self.bytes.extend(body);
        self.bytes.extend(vec![0; padded - body.len()]);
        self.bytes.extend(len);
        self
    }

    pub(crate) fn option(&self, code: u16, value: &[u8]) -> Vec<u8> {
        let mut option =
            [self.endian.u16(code), self.endian.u16(u16::try_from(value.len()).unwrap())].concat();
        option.extend(value);
        option.resize(option.len().next_multiple_of(4), 0);
        option
    }

    pub(crate) fn interface(self, link: u16, snaplen: u32, options: &[u8]) -> Ng {
        let body =
            [&self.endian.u16(link)[..], &[0, 0], &self.endian.u32(snaplen), options, &[0, 0, 0, 0]].concat();
        self.block(1, &body)
    }

    /// An interface with its unit of time and offset in seconds.
    pub(crate) fn timed_interface(self, resolution: u8, offset: i64) -> Ng {
        let options =
            [self.option(9, &[resolution]), self.option(14, &self.endian.u64(offset.cast_unsigned()))]
                .concat();
        self.interface(1, 0, &options)
    }

    pub(crate) fn enhanced(self, interface: u32, ticks: u64, data: &[u8]) -> Ng {
        let len = u32::try_from(data.len()).unwrap();
        self.enhanced_claiming(interface, ticks, len, data)
    }

    pub(crate) fn enhanced_claiming(self, interface: u32, ticks: u64, captured: u32, data: &[u8]) -> Ng {
        let mut body = Vec::new();
        let (high, low) = (u32::try_from(ticks >> 32).unwrap(), u32::try_from(ticks & 0xffff_ffff).unwrap());
        for value in [interface, high, low, captured, captured] {
            body.extend(self.endian.u32(value));
        }
        body.extend(data);
        self.block(6, &body)
    }

    pub(crate) fn obsolete(self, interface: u16, ticks: u64, data: &[u8]) -> Ng {
        let mut body = [self.endian.u16(interface), self.endian.u16(7)].concat();
        let len = u32::try_from(data.len()).unwrap();
        let (high, low) = (u32::try_from(ticks >> 32).unwrap(), u32::try_from(ticks & 0xffff_ffff).unwrap());
        for value in [high, low, len, len] {
            body.extend(self.endian.u32(value));
        }
        body.extend(data);
        self.block(2, &body)
    }

    pub(crate) fn simple(self, wire: u32, data: &[u8]) -> Ng {
        let body = [&self.endian.u32(wire)[..], data].concat();
        self.block(3, &body)
    }
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Packs with a window of 2 to the power of `window_log` bytes.
pub(crate) fn zstd(bytes: &[u8], window_log: u32) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(window_log).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Files for one test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.0.path().to_owned()
    }

    pub(crate) fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}
