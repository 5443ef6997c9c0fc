//! Variants of classic pcap files that only libpcap knows.

use super::note::{Damage, Fact};
use super::{Head, Refusal, classic};
use abi::address::{SECOND, Timestamp};
use pcap::{Capture, Error, Offline, Precision};
use std::os::fd::{AsRawFd, BorrowedFd};
use wire::frame::LinkType;

/// Bytes of the file header (draft-ietf-opsawg-pcap section 4).
const FILE_HEADER: u64 = 24;

/// Two variants of old, known to libpcap, with record headers of the usual length.
const FMESQUITA: u32 = 0xa1b2_34cd;
const NAVTEL: u32 = 0xa12b_3c4d;
/// Kuznetsov's patched tcpdump.
const KUZNETSOV: u32 = 0xa1b2_cd34;

/// A capture of such a variant.
pub(super) struct Libpcap {
    capture: Capture<Offline>,
    link: LinkType,
    frames: u64,
    /// Offset of the next record, in bytes.
    offset: u64,
    record_header: u64,
    /// The file header's limit: libpcap cuts longer records to it silently, after which `offset` is unknown.
    snaplen: u32,
    reached_snaplen: u64,
    ended: bool,
    damage: Option<Damage>,
}

/// Whether `beginning` is a classic capture's of any variant, and the length of its record headers, in bytes.
pub(super) fn record_header(beginning: &[u8]) -> Option<u64> {
    let written = u32::from_be_bytes(*beginning.first_chunk::<4>()?);
    match if written >> 24 == 0xa1 { written } else { written.swap_bytes() } {
        classic::MICRO | classic::NANO | FMESQUITA | NAVTEL => Some(16),
        // It adds the interface, the protocol and the packet type to each record.
        KUZNETSOV => Some(24),
        _ => None,
    }
}

impl Libpcap {
    /// Lets libpcap open the file or pipe behind `fd`, which may be closed afterwards.
    ///
    /// The name under `/proc` opens the very file that was looked at, even if its path has meanwhile been given to
    /// another, and works for pipes and for paths that are not UTF-8.
    pub(super) fn open(fd: BorrowedFd<'_>, beginning: &[u8]) -> Result<Libpcap, Refusal> {
        let path = format!("/proc/self/fd/{}", fd.as_raw_fd());
        let capture = Capture::from_file_with_precision(&path, Precision::Nano)
            .map_err(|error| Refusal::Header(words(error).replace(&path, "it")))?;
        let dlt = capture.get_datalink().0;
        let link = LinkType::of_dlt(dlt).ok_or(Refusal::LinkType(dlt))?;
        Ok(Libpcap {
            capture,
            link,
            frames: 0,
            offset: FILE_HEADER,
            record_header: record_header(beginning).unwrap_or(16),
            snaplen: snaplen(beginning),
            reached_snaplen: 0,
            ended: false,
            damage: None,
        })
    }

    /// The next frame, in libpcap's buffer.
    #[inline]
    pub(super) fn next_frame(&mut self) -> Option<(Head, &[u8])> {
        if self.ended {
            return None;
        }
        match self.capture.next_packet() {
            Ok(packet) => {
                // The file has unsigned fields of 32 bits, which libpcap extends with their sign: without the mask, every time
                // after 2038 would be one in the far future.
                const FIELD: u64 = 0xffff_ffff;
                let seconds = (packet.header.ts.tv_sec.cast_unsigned() & FIELD).saturating_mul(SECOND);
                // With precision `Nano`, libpcap keeps nanoseconds in the field of the microseconds.
                let fraction = packet.header.ts.tv_usec.cast_unsigned() & FIELD;
                let at = Timestamp(seconds.saturating_add(fraction));
                let captured = packet.header.caplen;
                self.frames = self.frames.wrapping_add(1);
                self.offset = self.offset.wrapping_add(self.record_header).wrapping_add(u64::from(captured));
                self.reached_snaplen = self.reached_snaplen.wrapping_add(u64::from(captured >= self.snaplen));
                Some((Head { at, link: self.link, wire_len: packet.header.len }, packet.data))
            }
            Err(error) => {
                self.ended = true;
                self.damage = damage(error);
                None
            }
        }
    }

    /// Offset of the next record, in bytes; a little low where libpcap cut records to the header's snaplen.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Frames delivered.
    pub(super) fn frames(&self) -> u64 {
        self.frames
    }

    /// What was wrong.
    pub(super) fn facts(self) -> Vec<Fact> {
        let at = if self.reached_snaplen == 0 { Some(self.offset) } else { None };
        match self.damage {
            Some(damage) => vec![Fact::Stopped { frames: self.frames, at, damage }],
            None if self.frames == 0 && self.ended => vec![Fact::NoFrames],
            None => Vec::new(),
        }
    }
}

/// The header's snaplen; a number that no record reaches where it is missing or 0, which libpcap takes for "no limit".
fn snaplen(beginning: &[u8]) -> u32 {
    let Some((magic, field)) = beginning
        .first_chunk::<4>()
        .and_then(|magic| Some((magic, beginning.get(16..)?.first_chunk::<4>()?)))
    else {
        return u32::MAX;
    };
    let written =
        if magic.first() == Some(&0xa1) { u32::from_be_bytes(*field) } else { u32::from_le_bytes(*field) };
    if written == 0 || written > i32::MAX.cast_unsigned() { u32::MAX } else { written }
}

/// libpcap's message as damage; none for the regular end.
fn damage(error: Error) -> Option<Damage> {
    if error == Error::NoMorePackets {
        return None;
    }
    let text = words(error);
    if text.starts_with("truncated dump file") {
        return Some(Damage::Cut);
    }
    let claimed = text
        .strip_prefix("invalid packet capture length ")
        .and_then(|rest| rest.split(',').next()?.parse::<u64>().ok());
    Some(claimed.map_or(Damage::Libpcap(text), Damage::Claims))
}

fn words(error: Error) -> String {
    if let Error::PcapError(text) = error { text } else { error.to_string() }
}
