//! In steady state a frame allocates nothing: neither in a bulk transfer that is read, nor in a stream or datagrams that
//! nobody reads, nor in copies, nor with a policy in force.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what several tests share may fail like a test"
)]

use abi::address::Timestamp;
use detectors::detector::Detector;
use engine::engine::{Captured, Engine, Settings};
use engine::output::Outputs;
use engine::watch::Watch;
use fixtures::frames::{Envelope, Host, Segment, flag};
use fixtures::traffic::dicom::{self, Association, command};
use fixtures::traffic::{Closing, Conversation};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use wire::frame::LinkType;

/// The system's allocator, and a count of how often this thread asked it for memory.
struct Counting;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

#[expect(unsafe_code, reason = "only the allocator itself can count allocations")]
// SAFETY: every call is handed to the system's allocator as it came; counting touches no memory of its callers.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.with(|asked| asked.set(asked.get() + 1));
        // SAFETY: the caller keeps the contract of `alloc`, which is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the pointer came from `System` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        ASKED.with(|asked| asked.set(asked.get() + 1));
        // SAFETY: the pointer came from `System` with this layout.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const FRAMES: u32 = 100_000;
/// Frames before the count begins: queues and tables get their size.
const WARM_UP: u32 = 20_000;

const POLICY: &str = "
version: 1
segments:
  all: { match: { ip: 10.77.0.0/16 } }
allow:
  - { id: any, from: all, to: all, service: dicom }
";

/// An engine under measurement.
struct Bench {
    engine: Engine,
    out: Outputs,
    at: u64,
}

impl Bench {
    fn new() -> Bench {
        let source = policies::Source { name: "p.yaml".to_owned(), text: POLICY.to_owned() };
        let policy = policies::compile(&[source]).unwrap();
        let detector = Detector::new(detectors::settings::Settings::default(), None);
        let watch = Watch::Detect(Box::new(detector));
        let before = ASKED.get();
        let engine = Engine::new(&Settings::default(), Some(policy), watch);
        assert!(ASKED.get() > before, "allocations are seen");
        Bench { engine, out: Outputs::default(), at: fixtures::capture::START }
    }

    fn step(&mut self, bytes: &[u8]) {
        self.at += 20_000;
        let wire_len = u32::try_from(bytes.len()).unwrap();
        let captured = Captured { at: Timestamp(self.at), link: LinkType::Ethernet, bytes, wire_len };
        self.engine.step(captured, &mut self.out);
    }

    /// How many allocations the frames that `next` makes led to, apart from its own.
    fn measure(&mut self, mut next: impl FnMut(u32, &mut Vec<u8>)) -> u64 {
        let mut bytes = Vec::with_capacity(4096);
        let mut allocations = 0;
        for index in 0..WARM_UP + FRAMES {
            next(index, &mut bytes);
            let before = ASKED.get();
            self.step(&bytes);
            if index >= WARM_UP {
                allocations += ASKED.get() - before;
            }
        }
        assert!(self.out.is_empty(), "steady state gives no row");
        allocations
    }
}

/// The two directions of an open conversation, ready to be numbered on.
struct Template {
    data: Vec<u8>,
    ack: Vec<u8>,
    seq: u32,
    back: u32,
    payload: u32,
}

impl Template {
    /// What comes after these frames of an open conversation: segments with this payload, and their acknowledgments.
    fn after(frames: &[fixtures::capture::Frame], ports: (u16, u16), payload: &[u8]) -> Template {
        let (client, server) = (Host::numbered(1), Host::numbered(2));
        let (mut seq, mut back) = (0, 0);
        for frame in frames {
            let headers = *abi::headers::read_ethernet(&frame.bytes).headers();
            let number = u32::from_be_bytes(frame.bytes[38..42].try_into().unwrap());
            let syn = u32::from(headers.tcp_flags & flag::SYN != 0);
            let next = number.wrapping_add(headers.payload_len).wrapping_add(syn);
            if headers.src_port == ports.0 { seq = next } else { back = next }
        }
        let segment = |ports: (u16, u16)| Segment {
            source_port: ports.0,
            destination_port: ports.1,
            flags: flag::ACK,
            window: 64_000,
            ..Segment::default()
        };
        Template {
            data: Envelope::between(client, server).tcp(&segment(ports), payload),
            ack: Envelope::between(server, client).tcp(&segment((ports.1, ports.0)), b""),
            seq,
            back,
            payload: u32::try_from(payload.len()).unwrap(),
        }
    }

    /// Two segments and an acknowledgment, again and again.
    fn write(&mut self, index: u32, bytes: &mut Vec<u8>) {
        let is_ack = index % 3 == 2;
        bytes.clear();
        bytes.extend_from_slice(if is_ack { &self.ack } else { &self.data });
        let [_, _, high, low] = index.to_be_bytes();
        bytes[18..20].copy_from_slice(&[high, low]);
        let (seq, ack) = if is_ack { (self.back, self.seq) } else { (self.seq, self.back) };
        bytes[38..42].copy_from_slice(&seq.to_be_bytes());
        bytes[42..46].copy_from_slice(&ack.to_be_bytes());
        if !is_ack {
            self.seq = self.seq.wrapping_add(self.payload);
        }
    }
}

fn conversation(ports: (u16, u16)) -> Conversation {
    Conversation::between(Host::numbered(1), Host::numbered(2)).ports(ports.0, ports.1).closing(Closing::Open)
}

#[test]
fn a_bulk_store_in_progress_allocates_nothing() {
    let ports = (50_000, 104);
    let association = Association::default();
    let request = dicom::command_set(
        command::STORE,
        1,
        dicom::CT_IMAGE_STORAGE,
        &[(0x1000, b"1.2.3\0".to_vec()), (0x0700, vec![0, 0]), (0x0800, vec![0, 0])],
    );
    // One data set of 200 MB, in fragments of a segment each: header (6), length (4), context, control, bytes.
    let image = dicom::image("ACME", "M", 1000);
    let mut begun = association.message(3, &request, Some(&image));
    // The last fragment of the data set is not the last any more.
    let control = begun.len() - image.len() - 1;
    assert_eq!(begun[control], 2);
    begun[control] = 0;
    let frames = conversation(ports)
        .client_says(&association.request())
        .server_says(&association.accept())
        .client_says(&begun)
        .frames();
    let mut bench = Bench::new();
    for frame in &frames {
        bench.step(&frame.bytes);
    }
    let mut fragment = vec![4, 0, 0, 0, 5, 0xae, 0, 0, 5, 0xaa, 3, 0];
    fragment.resize(1460, 7);
    let mut template = Template::after(&frames, ports, &fragment);
    bench.out.clear();
    assert_eq!(bench.measure(|index, bytes| template.write(index, bytes)), 0);
    // And it was read all the while: its end gives the row.
    let (last, response) = (
        [&[4, 0, 0, 0, 0, 8, 0, 0, 0, 4, 3, 2][..], &[1, 1]].concat(),
        dicom::command_set(
            command::STORE | command::RESPONSE,
            1,
            dicom::CT_IMAGE_STORAGE,
            &[(0x0800, vec![1, 1]), (0x0900, vec![0, 0])],
        ),
    );
    let (client, server) = (Host::numbered(1), Host::numbered(2));
    let end = Segment {
        source_port: ports.0,
        destination_port: ports.1,
        seq: template.seq,
        ack: template.back,
        flags: flag::ACK,
        ..Segment::default()
    };
    bench.step(&Envelope::between(client, server).id(7).tcp(&end, &last));
    let answer = Segment {
        source_port: ports.1,
        destination_port: ports.0,
        seq: template.back,
        ack: template.seq.wrapping_add(14),
        flags: flag::ACK,
        ..Segment::default()
    };
    bench.step(
        &Envelope::between(server, client).id(8).tcp(&answer, &association.message(3, &response, None)),
    );
    let ops: Vec<&str> = bench.out.sessions.iter().map(|row| row.exchange.said.op()).collect();
    assert_eq!(ops, ["c-store"]);
}

#[test]
fn a_stream_that_nobody_reads_allocates_nothing() {
    for payload in [&[0x5a; 1400][..], b"", b"x"] {
        let ports = (50_000, 9_999);
        let frames = conversation(ports).client_says(&vec![0x5a; 40_000]).frames();
        let mut bench = Bench::new();
        for frame in &frames {
            bench.step(&frame.bytes);
        }
        let mut template = Template::after(&frames, ports, payload);
        assert_eq!(bench.measure(|index, bytes| template.write(index, bytes)), 0, "{}", payload.len());
    }
}

#[test]
fn a_stream_met_midway_allocates_nothing() {
    let ports = (50_000, 9_999);
    let mut template = Template::after(&[], ports, &[0x5a; 1000]);
    assert_eq!(Bench::new().measure(|index, bytes| template.write(index, bytes)), 0);
}

#[test]
fn datagrams_that_nobody_reads_allocate_nothing() {
    let (client, server) = (Host::numbered(1), Host::numbered(2));
    let there = Envelope::between(client, server).udp((40_000, 9_000), &[0x99; 300]);
    let back = Envelope::between(server, client).udp((9_000, 40_000), &[0x98; 30]);
    let allocations = Bench::new().measure(|index, bytes| {
        bytes.clear();
        bytes.extend_from_slice(if index % 2 == 0 { &there } else { &back });
        let [_, _, high, low] = index.to_be_bytes();
        bytes[18..20].copy_from_slice(&[high, low]);
    });
    assert_eq!(allocations, 0);
}

#[test]
fn copies_of_a_mirror_and_echoes_allocate_nothing() {
    let (client, server) = (Host::numbered(1), Host::numbered(2));
    let echo = Envelope::between(client, server).icmp(8, 0, &[0; 60]);
    let allocations = Bench::new().measure(|index, bytes| {
        bytes.clear();
        bytes.extend_from_slice(&echo);
        let [_, _, high, low] = (index / 2).to_be_bytes();
        bytes[18..20].copy_from_slice(&[high, low]);
    });
    assert_eq!(allocations, 0);
}
