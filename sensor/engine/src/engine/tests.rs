//! What is kept inside, which no row shows.

use super::{Captured, Engine, Settings};
use crate::output::Outputs;
use crate::watch::Watch;
use abi::address::Timestamp;
use detectors::detector::Detector;
use fixtures::capture::START;
use fixtures::frames::Host;
use fixtures::traffic::attacks::spoofed_syn_flood;
use wire::frame::LinkType;

#[test]
fn flows_that_wait_for_an_answer_are_no_more_than_the_table_holds() {
    let detector = Detector::new(detectors::settings::Settings::default(), None);
    let settings = Settings { flows: 500, ..Settings::default() };
    let mut engine = Engine::new(&settings, None, Watch::Detect(Box::new(detector)));
    let mut out = Outputs::default();
    for frame in spoofed_syn_flood(Host::numbered(9), Host::numbered(1), 80, 5_000, 1) {
        let wire_len = u32::try_from(frame.bytes.len()).unwrap();
        // At one and the same time, so that nothing is ever due.
        let at = Timestamp(START);
        engine.step(Captured { at, link: LinkType::Ethernet, bytes: &frame.bytes, wire_len }, &mut out);
        out.clear();
        assert!(engine.waiting.len() <= 500);
    }
    assert_eq!(engine.waiting.len(), 500);
}
