//! New flows: what the first frame of each costs.

use super::Row;
use crate::fastpath::Failure;
use crate::fastpath::frames::{ALLOWED, Shape, flow, frame};
use crate::fastpath::measure::{Figure, uninterrupted};
use crate::fastpath::object::Pieces;
use crate::fastpath::programs::Rig;
use crate::fastpath::steps::Kind;
use crate::fastpath::subject::Ours;
use crate::fastpath::world::Rules;
use daemon::fastpath::Mode;
use std::time::Duration;

const LEN: usize = 64;
const SLOTS: usize = 524_288;
/// Bursts of new flows that fill a quarter of the table.
const BURSTS: u32 = 16;
const BURST: u32 = 8192;

/// The rows of new flows.
pub fn rows() -> Vec<Row> {
    measure().unwrap_or_else(|why| vec![Row::absent("new flows", &why)])
}

fn measure() -> Result<Vec<Row>, Failure> {
    let mut subject = Ours::load(Mode::Routed, SLOTS, Rules::Ten)?;
    let mut rig = Rig::load(Kind::Fresh, Pieces::Many)?;
    rig.set_flows(&[flow(0, ALLOWED, LEN)])?;
    let pass = rig.program("pass")?;
    let frame = frame(Shape::V4, ALLOWED, LEN);
    let (mut floors, mut news, mut full) = (Vec::new(), Vec::new(), Vec::new());
    uninterrupted(|| {
        for _ in 0..BURSTS {
            rig.aim(&pass)?;
            floors.push(rig.run("mixer", &frame, BURST)?);
            rig.aim(&subject.program)?;
            news.push(rig.run("mixer", &frame, BURST)?);
            while subject.fastpath.event().is_some() {}
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    })?;
    // Until every place is taken, and then over live flows.
    rig.run("mixer", &frame, 2_000_000)?;
    uninterrupted(|| {
        for _ in 0..BURSTS {
            full.push(rig.run("mixer", &frame, BURST)?);
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    })?;
    let floor = Figure::of(floors);
    let (news, full) = (Figure::of(news).over(&floor), Figure::of(full).over(&floor));
    let rate = 1e3 / news.middle;
    let text = format!("{rate:.2} M/s ({:.0} ns, least {:.0})", news.middle, news.least);
    let full_text = format!("{:.2} M/s ({:.0} ns, least {:.0})", 1e3 / full.middle, full.middle, full.least);
    Ok(vec![
        Row::judged("new flows, table filled to a quarter", text, ("≥ 2 M/s", rate >= 2.0)),
        Row::told("new flows in place of live ones, table full", full_text),
    ])
}
