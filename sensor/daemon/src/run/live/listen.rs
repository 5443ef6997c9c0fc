//! Where frames come from: the ring of copied ones, and `AF_PACKET` on mirror ports.

use super::WallClock;
use super::queue::Feeder;
use crate::fastpath::Taps;
use abi::address::{SECOND, Timestamp};
use pcap::{Active, Capture, Device, Direction, Error, Linktype, Precision, Stat};
use rustix::time::{ClockId, clock_gettime};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use wire::frame::LinkType;

/// How often the ring of copies and the kernel's buffers are emptied: the ring's 16 MiB are ten times as much as ten
/// gigabits a second bring in that time.
const PAUSE: Duration = Duration::from_millis(1);
/// Frames taken before the batches are sent, however many come.
const AT_ONCE: usize = 8192;
/// Frames taken at the end, though more may come.
const AT_END: usize = 1 << 18;

/// The longest frame that is taken whole.
const LONGEST: i32 = 65_535;
/// The kernel's buffer of a mirror port, in bytes.
const BUFFER: i32 = 64 << 20;
/// How long the kernel gathers frames before it hands them over, in milliseconds.
const GATHERING: i32 = 10;
/// After which the frames of all ports have been handed over.
const SETTLING: Duration = Duration::from_millis(25);
/// Bytes of a port that wait for the frames of others, at most.
const WAITING: usize = 16 << 20;

/// Brings the copied frames until it is to end.
pub(super) fn taps(mut taps: Taps, mut feeder: Feeder, clock: WallClock, ends: &AtomicBool) {
    loop {
        // Asked first, so that what is in the ring at the end is taken too.
        let is_last = ends.load(Ordering::Relaxed);
        let (mut taken, most) = (0, if is_last { AT_END } else { AT_ONCE });
        while taken < most {
            let frame = taps.take(|frame| {
                let sighted = frame.sighted();
                feeder.take((clock.at(sighted.at), LinkType::Ethernet), frame.bytes(), sighted.frame_len);
            });
            if frame.is_none() {
                break;
            }
            taken += 1;
        }
        feeder.send();
        if is_last {
            return;
        }
        if taken < AT_ONCE {
            std::thread::sleep(PAUSE);
        }
    }
}

/// Opens a mirror port: frames that arrive there, whole, with the time that the kernel gave them.
pub(super) fn open(name: &str) -> Result<Capture<Active>, Error> {
    let capture = Capture::from_device(Device::from(name))?;
    let capture = capture.snaplen(LONGEST).buffer_size(BUFFER).timeout(GATHERING).precision(Precision::Nano);
    // Not waiting within libpcap, which waits for a frame and not for the end (pcap(3PCAP) on read timeouts).
    let capture = capture.open()?.setnonblock()?;
    capture.direction(Direction::In)?;
    Ok(capture)
}

/// A mirror port, and the frames of it that wait for those of the others.
pub(super) struct Lane {
    capture: Capture<Active>,
    link: LinkType,
    heads: VecDeque<(Timestamp, usize, u32)>,
    bytes: Vec<u8>,
    /// Where the bytes of the first waiting frame begin.
    start: usize,
    /// What the kernel had lost when it was asked last; it counts with 32 bits, which wrap.
    lost: u32,
}

/// Brings the frames of the mirror ports, in the order of time, until it is to end. A tap has a port for each direction, and
/// the kernel hands the frames of each over a block at a time.
pub(super) fn captures(mut lanes: Vec<Lane>, mut feeder: Feeder, ends: &AtomicBool) {
    loop {
        // Asked first, so that what is in the kernel's buffers at the end is taken too.
        let is_last = ends.load(Ordering::Relaxed);
        let most = if is_last { AT_END } else { AT_ONCE };
        let taken: usize = lanes.iter_mut().map(|lane| lane.gather(most)).sum();
        let until = if is_last || lanes.len() == 1 { Timestamp(u64::MAX) } else { settled() };
        while let Some(lane) =
            lanes.iter_mut().filter(|lane| lane.is_due(until)).min_by_key(|lane| lane.next())
        {
            lane.give(&mut feeder);
        }
        feeder.send();
        for lane in &mut lanes {
            lane.count_losses(&feeder);
        }
        if is_last {
            return;
        }
        if taken < AT_ONCE {
            std::thread::sleep(PAUSE);
        }
    }
}

/// No frame that is older than this is to come from any port.
fn settled() -> Timestamp {
    let now = Duration::try_from(clock_gettime(ClockId::Realtime)).unwrap_or_default();
    Timestamp(u64::try_from(now.saturating_sub(SETTLING).as_nanos()).unwrap_or(u64::MAX))
}

impl Lane {
    /// Of an open port.
    pub(super) fn of(capture: Capture<Active>) -> Lane {
        let Linktype(dlt) = capture.get_datalink();
        let link = LinkType::of_dlt(dlt).unwrap_or(LinkType::Ethernet);
        Lane { capture, link, heads: VecDeque::new(), bytes: Vec::new(), start: 0, lost: 0 }
    }

    /// Takes what has come, and says how many frames that are.
    fn gather(&mut self, most: usize) -> usize {
        let mut taken = 0;
        // A port that is gone gives errors, and no frames any more; its interface is told of elsewhere.
        while taken < most
            && let Ok(packet) = self.capture.next_packet()
        {
            // With precision `Nano`, libpcap keeps nanoseconds in the field of the microseconds.
            let seconds = packet.header.ts.tv_sec.cast_unsigned().saturating_mul(SECOND);
            let at = Timestamp(seconds.saturating_add(packet.header.ts.tv_usec.cast_unsigned()));
            self.heads.push_back((at, packet.data.len(), packet.header.len));
            self.bytes.extend_from_slice(packet.data);
            taken += 1;
        }
        taken
    }

    fn next(&self) -> Option<Timestamp> {
        self.heads.front().map(|(at, ..)| *at)
    }

    /// Whether its first frame may go; also where too much waits.
    fn is_due(&self, until: Timestamp) -> bool {
        self.next().is_some_and(|at| at <= until || self.bytes.len() >= WAITING)
    }

    fn give(&mut self, feeder: &mut Feeder) {
        let Some((at, len, wire_len)) = self.heads.pop_front() else { return };
        let end = self.start.saturating_add(len);
        feeder.take((at, self.link), self.bytes.get(self.start..end).unwrap_or_default(), wire_len);
        self.start = end;
        if self.heads.is_empty() || self.start >= WAITING {
            self.bytes.drain(..self.start.min(self.bytes.len()));
            self.start = 0;
        }
    }

    fn count_losses(&mut self, feeder: &Feeder) {
        let Ok(Stat { dropped, if_dropped, .. }) = self.capture.stats() else { return };
        let now = dropped.wrapping_add(if_dropped);
        feeder.lost(u64::from(now.wrapping_sub(self.lost)));
        self.lost = now;
    }
}
