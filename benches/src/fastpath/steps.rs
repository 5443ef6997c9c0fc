//! What the programs do that drive the measured ones, and those that these are measured against.

use super::object::{Map, Pieces, Program, Step, code, helper};
use Step::{Leave, Out, Plain, Wide};

/// Flows that a mixer can hold.
pub const MOST_FLOWS: u32 = 131_072;

const COUNT: usize = 0;
const FLOWS: usize = 1;
const JUMP: usize = 2;
const PORTS: usize = 3;
const LINES: usize = 4;
/// The maps that all of them share.
pub const MAPS: [Map; 5] = [
    Map { name: "COUNT", shape: [2, 4, 16, 1, 0] },
    Map { name: "FLOWS", shape: [2, 4, 16, MOST_FLOWS, 0] },
    Map { name: "JUMP", shape: [3, 4, 4, 1, 0] },
    Map { name: "PORTS", shape: [14, 4, 4, 2, 0] },
    Map { name: "LINES", shape: [2, 4, 64, 4 * MOST_FLOWS, 0] },
];

/// Instructions that do nothing.
const IDLE: usize = 240;

/// Calls of the clock that take about a microsecond.
const PAUSES: usize = 28;

/// What a mixer does beside its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Nothing.
    Mixer,
    /// Each frame is of a flow that was not there before.
    Fresh,
    /// It waits for about a microsecond before each frame.
    Paced,
    /// It restores what a router changes in frames, whose memory is used again: the destination and source address of the
    /// link, and the time to live. What it sends by the interface of this index.
    Generator([u8; 12], u32),
}

/// One frame out of the table over the addresses and ports of the frame at hand, then the program in the jump table. Each
/// field is written by one store, as wide as programs read it: a load that waits for two stores would not happen with frames
/// that a network card wrote.
fn mixer(kind: Kind) -> Vec<Step> {
    let mut steps = vec![Plain(code::MOVE, (6, 1), 0, 0)];
    if kind == Kind::Paced {
        steps.extend([Plain(code::CALL, (0, 0), 0, helper::CLOCK); PAUSES]);
    }
    steps.extend([
        // The count, and which of its bits name a flow.
        Plain(code::PUT32, (10, 0), -4, 0),
        Step::Map(1, COUNT),
        Plain(code::MOVE, (2, 10), 0, 0),
        Plain(code::ADD, (2, 0), 0, -4),
        Plain(code::CALL, (0, 0), 0, helper::LOOK_UP),
        Leave(code::IF_EQUAL, (0, 0), 0),
        Plain(code::LOAD64, (8, 0), 0, 0),
        Plain(code::MOVE, (9, 8), 0, 0),
        Plain(code::ADD, (9, 0), 0, 1),
        Plain(code::STORE64, (0, 9), 0, 0),
        Plain(code::MOVE, (9, 8), 0, 0),
        Plain(code::LOAD64, (1, 0), 8, 0),
        Plain(code::AND_WITH, (8, 1), 0, 0),
        // The flow.
        Plain(code::STORE32, (10, 8), -4, 0),
        Step::Map(1, FLOWS),
        Plain(code::MOVE, (2, 10), 0, 0),
        Plain(code::ADD, (2, 0), 0, -4),
        Plain(code::CALL, (0, 0), 0, helper::LOOK_UP),
        Leave(code::IF_EQUAL, (0, 0), 0),
        // The frame.
        Plain(code::LOAD32, (2, 6), 0, 0),
        Plain(code::LOAD32, (3, 6), 4, 0),
        Plain(code::MOVE, (4, 2), 0, 0),
        Plain(code::ADD, (4, 0), 0, 42),
        Leave(code::IF_ABOVE, (4, 3), 0),
    ]);
    if let Kind::Generator(link, _) = kind {
        steps.extend(restoring(link));
    }
    steps.push(Plain(code::LOAD64, (1, 0), 0, 0));
    if kind == Kind::Fresh {
        // 24 bits of the count become the lower bytes of the source address; 10 is the highest.
        steps.extend([
            Plain(code::AND, (9, 0), 0, 0x00ff_ffff),
            Plain(code::OR, (9, 0), 0, 0x0a00_0000),
            Plain(code::BIG_ENDIAN, (9, 0), 0, 32),
            Wide(3, 0xffff_ffff_0000_0000),
            Plain(code::AND_WITH, (1, 3), 0, 0),
            Plain(code::OR_WITH, (1, 9), 0, 0),
        ]);
    }
    steps.extend([
        Plain(code::STORE64, (2, 1), 26, 0),
        Plain(code::LOAD64, (1, 0), 8, 0),
        Plain(code::STORE32, (2, 1), 34, 0),
        Plain(code::RIGHT, (1, 0), 0, 32),
        Plain(code::STORE16, (2, 1), 24, 0),
    ]);
    if let Kind::Generator(_, port) = kind {
        let port = i32::try_from(port).unwrap_or(0);
        let redirect = [
            Plain(code::SET, (1, 0), 0, port),
            Plain(code::SET, (2, 0), 0, 0),
            Plain(code::CALL, (0, 0), 0, helper::REDIRECT),
            Plain(code::EXIT, (0, 0), 0, 0),
        ];
        steps.extend(redirect);
    } else {
        steps.push(Plain(code::MOVE, (1, 6), 0, 0));
        steps.extend(jump());
    }
    steps.push(Out);
    steps
}

/// The link's addresses, destination first, and the time to live.
fn restoring(link: [u8; 12]) -> Vec<Step> {
    let mut steps = Vec::new();
    let half =
        |at: usize| link.get(at..).and_then(|rest| rest.first_chunk::<2>()).copied().unwrap_or_default();
    for at in (0..6).step_by(2) {
        let place = i16::try_from(at).unwrap_or(0);
        steps.push(Plain(code::PUT16, (2, 0), place, i32::from(u16::from_ne_bytes(half(at)))));
    }
    let [s0, s1, s2, s3, s4, s5] =
        [half(6), half(8), half(10)].as_flattened().first_chunk().copied().unwrap_or_default();
    steps.extend([
        Wide(1, u64::from_ne_bytes([s0, s1, s2, s3, s4, s5, 0x08, 0x00])),
        Plain(code::STORE64, (2, 1), 6, 0),
        // 64 hops, UDP.
        Plain(code::PUT16, (2, 0), 22, i32::from(u16::from_ne_bytes([64, 17]))),
    ]);
    steps
}

/// To the program in the jump table.
const fn jump() -> [Step; 3] {
    [Step::Map(2, JUMP), Plain(code::SET, (3, 0), 0, 0), Plain(code::CALL, (0, 0), 0, helper::TAIL_CALL)]
}

fn trivial(name: &'static str, action: i32, pieces: Pieces) -> Program {
    Program {
        name,
        pieces,
        steps: vec![Plain(code::SET, (0, 0), 0, action), Plain(code::EXIT, (0, 0), 0, 0)],
    }
}

/// Reads type and protocol of the frame and drops it.
fn reading() -> Vec<Step> {
    vec![
        Plain(code::LOAD32, (2, 1), 0, 0),
        Plain(code::LOAD32, (3, 1), 4, 0),
        Plain(code::MOVE, (4, 2), 0, 0),
        Plain(code::ADD, (4, 0), 0, 34),
        Leave(code::IF_ABOVE, (4, 3), 0),
        Plain(code::LOAD16, (4, 2), 12, 0),
        Leave(code::IF_NOT, (4, 0), 8),
        Plain(code::LOAD8, (4, 2), 23, 0),
        Leave(code::IF_NOT, (4, 0), 17),
        Plain(code::SET, (0, 0), 0, 1),
        Plain(code::EXIT, (0, 0), 0, 0),
        Out,
    ]
}

/// On to the other port, whatever it is: from the first port of the map to the second.
fn redirecting() -> Vec<Step> {
    vec![
        Step::Map(1, PORTS),
        Plain(code::SET, (2, 0), 0, 1),
        Plain(code::SET, (3, 0), 0, 0),
        Plain(code::CALL, (0, 0), 0, helper::REDIRECT_MAP),
        Plain(code::EXIT, (0, 0), 0, 0),
    ]
}

/// Fetches one line of memory that is the flow's own, counts in it, and lets the frame pass: what no program that remembers
/// flows can do without. The lines of flows one after another lie anywhere, in as much memory as they need or in four times
/// that. It is made as long as a program that judges: of two short ones the processor would run the next while it waits.
fn touching(shift: i32) -> Vec<Step> {
    let mut steps = vec![
        Plain(code::LOAD32, (2, 1), 0, 0),
        Plain(code::LOAD32, (3, 1), 4, 0),
        Plain(code::MOVE, (4, 2), 0, 0),
        Plain(code::ADD, (4, 0), 0, 38),
        Leave(code::IF_ABOVE, (4, 3), 0),
        Plain(code::LOAD32, (4, 2), 26, 0),
        Plain(code::BIG_ENDIAN, (4, 0), 0, 32),
        Plain(code::AND, (4, 0), 0, 0x00ff_ffff),
        Plain(code::ADD, (4, 0), 0, -256),
        Plain(code::LEFT, (4, 0), 0, 4),
        Plain(code::LOAD8, (5, 2), 33, 0),
        Plain(code::ADD, (5, 0), 0, -1),
        Plain(code::OR_WITH, (4, 5), 0, 0),
        Plain(code::TIMES, (4, 0), 0, 0x1e37_79b1),
        Plain(code::AND, (4, 0), 0, 0x0001_ffff),
        Plain(code::LEFT, (4, 0), 0, shift),
        Plain(code::STORE32, (10, 4), -4, 0),
    ];
    // Not 0: setting that costs a processor nothing.
    steps.extend([Plain(code::SET, (5, 0), 0, 7); IDLE]);
    steps.extend([
        Step::Map(1, LINES),
        Plain(code::MOVE, (2, 10), 0, 0),
        Plain(code::ADD, (2, 0), 0, -4),
        Plain(code::CALL, (0, 0), 0, helper::LOOK_UP),
        Leave(code::IF_EQUAL, (0, 0), 0),
        Plain(code::LOAD64, (1, 0), 0, 0),
        Plain(code::ADD, (1, 0), 0, 1),
        Plain(code::STORE64, (0, 1), 0, 0),
        Plain(code::SET, (0, 0), 0, 2),
        Plain(code::EXIT, (0, 0), 0, 0),
        Out,
    ]);
    steps
}

/// Counts the frame and drops it.
fn sinking() -> Vec<Step> {
    vec![
        Plain(code::PUT32, (10, 0), -4, 0),
        Step::Map(1, COUNT),
        Plain(code::MOVE, (2, 10), 0, 0),
        Plain(code::ADD, (2, 0), 0, -4),
        Plain(code::CALL, (0, 0), 0, helper::LOOK_UP),
        Leave(code::IF_EQUAL, (0, 0), 0),
        Plain(code::LOAD64, (1, 0), 0, 0),
        Plain(code::ADD, (1, 0), 0, 1),
        Plain(code::STORE64, (0, 1), 0, 0),
        Plain(code::SET, (0, 0), 0, 1),
        Plain(code::EXIT, (0, 0), 0, 0),
        Out,
    ]
}

/// All programs, of one kind.
pub fn programs(kind: Kind, pieces: Pieces) -> Vec<Program> {
    let mut programs = vec![
        Program { name: "mixer", pieces, steps: mixer(kind) },
        Program { name: "jump", pieces, steps: jump().into_iter().chain([Out]).collect() },
        Program { name: "reading", pieces, steps: reading() },
        Program { name: "redirecting", pieces, steps: redirecting() },
        Program { name: "dense", pieces, steps: touching(0) },
        Program { name: "spread", pieces, steps: touching(2) },
        Program { name: "sink", pieces, steps: sinking() },
    ];
    programs.extend([trivial("pass", 2, pieces), trivial("drop", 1, pieces)]);
    programs
}
