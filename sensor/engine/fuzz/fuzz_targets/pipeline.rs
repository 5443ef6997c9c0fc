//! Any bytes as a run of frames of any link type: the whole machine takes them, and gives them back counted.
#![no_main]

use abi::address::Timestamp;
use detectors::detector::Detector;
use engine::engine::{Captured, Engine, Settings};
use engine::output::Outputs;
use engine::watch::Watch;
use libfuzzer_sys::fuzz_target;
use wire::frame::LinkType;

const LINKS: [LinkType; 6] = [
    LinkType::Ethernet,
    LinkType::RawIp,
    LinkType::Null,
    LinkType::Loop,
    LinkType::LinuxSll,
    LinkType::LinuxSll2,
];

fuzz_target!(|bytes: &[u8]| {
    let watch = Watch::Detect(Box::new(Detector::new(Default::default(), None)));
    let mut engine = Engine::new(&Settings { flows: 64, ..Settings::default() }, None, watch);
    let mut out = Outputs::default();
    let (mut frames, mut rest) = (0, bytes);
    // Each frame: one byte of link type, one of length, one of time.
    while let [link, len, step, tail @ ..] = rest {
        let (frame, after) = tail.split_at(usize::from(*len).min(tail.len()));
        frames += 1;
        let at = Timestamp(u64::from(*step) * 1_000_000_000 * frames);
        let link = LINKS[usize::from(*link) % LINKS.len()];
        engine.step(Captured { at, link, bytes: frame, wire_len: u32::from(*len) }, &mut out);
        rest = after;
    }
    let Ok(()) = engine.wind_up(&mut out, |_, _| Ok::<(), std::convert::Infallible>(()));
    assert_eq!(engine.finish().0.summary.packets, frames);
});
