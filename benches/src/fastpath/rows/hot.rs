//! One flow, again and again: what a frame costs where everything is at hand.

use super::Row;
use crate::fastpath::Failure;
use crate::fastpath::frames::{ALLOWED, Shape, frame};
use crate::fastpath::measure::{Burst, Figure, alternate};
use crate::fastpath::object::Pieces;
use crate::fastpath::programs::Rig;
use crate::fastpath::steps::Kind;
use crate::fastpath::subject::{Filter, Ours};
use crate::fastpath::world::Rules;
use abi::headers::read_ethernet;
use abi::state::Tap;
use aya::programs::ProgramFd;
use daemon::fastpath::Mode;
use std::cell::RefCell;

const REPEAT: u32 = 100_000;
const ROUNDS: usize = 31;
const LEN: usize = 64;
const SLOTS: usize = 524_288;
const SHAPES: [(Shape, &str); 3] = [(Shape::V4, "IPv4"), (Shape::V6, "IPv6"), (Shape::Qinq, "IPv4 in QinQ")];

/// The rows of one flow.
pub fn rows(filter: &mut Result<Filter, Failure>, ports: [u32; 2]) -> Vec<Row> {
    let mut rows = Vec::new();
    rows.extend(kept(filter).unwrap_or_else(|why| vec![Row::absent("hot flow", &why)]));
    let redirect = redirected(ports);
    rows.push(redirect.unwrap_or_else(|why| Row::absent("hot flow with redirect", &why)));
    rows.push(tapped().unwrap_or_else(|why| Row::absent("a tapped frame", &why)));
    rows.push(policies().unwrap_or_else(|why| Row::absent("number of rules", &why)));
    rows
}

/// How long our program takes over a frame.
fn ours(subject: &mut Ours, frame: &[u8]) -> Result<f64, Failure> {
    subject.fastpath.test_run(frame, REPEAT / 10)?;
    Ok(subject.fastpath.test_run(frame, REPEAT)?.duration.as_secs_f64() * 1e9)
}

/// How long a program of a rig takes over a frame.
fn theirs(rig: &mut Rig, name: &'static str, frame: &[u8]) -> Result<f64, Failure> {
    rig.run(name, frame, REPEAT / 10)?;
    rig.run(name, frame, REPEAT)
}

fn kept(filter: &mut Result<Filter, Failure>) -> Result<Vec<Row>, Failure> {
    let mut subject = Ours::load(Mode::Routed, SLOTS, Rules::Ten)?;
    let mut rig = Rig::load(Kind::Mixer, Pieces::Many)?;
    let mut rows = Vec::new();
    for (shape, name) in SHAPES {
        let frame = frame(shape, ALLOWED, LEN);
        let mut floor = || theirs(&mut rig, "pass", &frame);
        let mut own = || ours(&mut subject, &frame);
        let figures = match filter {
            Err(_) => alternate(ROUNDS, &mut [&mut floor, &mut own])?,
            Ok(Filter { rig }) => {
                let (pass, program) = (rig.program("pass")?, Filter::program()?);
                let rig = RefCell::new(rig);
                let called = |program: &ProgramFd| {
                    let mut rig = rig.borrow_mut();
                    rig.aim(program)?;
                    theirs(&mut rig, "jump", &frame)
                };
                let bursts: &mut [Burst<'_>] =
                    &mut [&mut floor, &mut own, &mut || called(&pass), &mut || called(&program)];
                alternate(ROUNDS, bursts)?
            }
        };
        rows.extend(judged(name, &figures, filter.as_ref().err()));
    }
    Ok(rows)
}

fn judged(name: &str, figures: &[Figure], why: Option<&Failure>) -> Vec<Row> {
    let [floor, own, rest @ ..] = figures else { return Vec::new() };
    let own = own.over(floor);
    let text = format!("{:.1} ns (least {:.0})", own.middle, own.least);
    let mut rows = vec![Row::judged(format!("hot flow, {name}, net"), text, ("≤ 12 ns", own.middle <= 12.0))];
    let name = format!("xdp-filter over it, {name}");
    rows.push(match (rest, why) {
        ([jump, filtered], _) => {
            let other = filtered.over(jump);
            let ratio = other.middle / own.middle;
            let text = format!("{:.1} ns, {ratio:.1} ×", other.middle);
            Row::judged(name, text, ("≥ 6.5 ×", ratio >= 6.5))
        }
        (_, Some(why)) => Row::absent(name, why),
        (_, None) => Row::told(name, "not measured".to_owned()),
    });
    rows
}

fn redirected(ports: [u32; 2]) -> Result<Row, Failure> {
    let mut subject = Ours::load(Mode::Inline(ports), SLOTS, Rules::Ten)?;
    let mut rig = Rig::load(Kind::Mixer, Pieces::Many)?;
    rig.set_ports(ports)?;
    let frame = frame(Shape::V4, ALLOWED, LEN);
    let rig = RefCell::new(rig);
    let mut floor = || theirs(&mut rig.borrow_mut(), "pass", &frame);
    let mut bare = || theirs(&mut rig.borrow_mut(), "redirecting", &frame);
    let mut own = || ours(&mut subject, &frame);
    let figures = alternate(ROUNDS, &mut [&mut floor, &mut bare, &mut own])?;
    let [floor, bare, own] = figures.as_slice() else { return Err("no figures".into()) };
    let (bare, own) = (bare.over(floor), own.over(floor));
    let text =
        format!("{:.1} ns (least {:.0}); a bare redirect {:.1} ns", own.middle, own.least, bare.middle);
    Ok(Row::judged("the same with redirect, net", text, ("≤ 20 ns", own.middle <= 20.0)))
}

/// A frame that is copied to userspace, beside the same one of a flow that is not.
fn tapped() -> Result<Row, Failure> {
    // As many as the ring has room for.
    const COPIES: u32 = 20_000;
    let mut subject = Ours::load(Mode::Routed, SLOTS, Rules::Ten)?;
    let frame = frame(Shape::V4, ALLOWED, LEN);
    let reading = read_ethernet(&frame);
    let subject = RefCell::new(&mut subject.fastpath);
    let mut run = |tap| -> Result<f64, Failure> {
        let mut fastpath = subject.borrow_mut();
        fastpath.test_run(&frame, 1)?;
        if !fastpath.state().set_tap(reading.headers(), tap) {
            return Err("the flow is not known".into());
        }
        let took = fastpath.test_run(&frame, COPIES)?.duration.as_secs_f64() * 1e9;
        let mut copies = 0;
        while fastpath.tapped(|_| ()).is_some() {
            copies += 1;
        }
        if tap == Tap::Kept && copies < COPIES { Err(format!("{copies} copies").into()) } else { Ok(took) }
    };
    let run = RefCell::new(&mut run);
    let figures =
        alternate(ROUNDS, &mut [&mut || run.borrow_mut()(Tap::Off), &mut || run.borrow_mut()(Tap::Kept)])?;
    let [off, kept] = figures.as_slice() else { return Err("no figures".into()) };
    let text = format!("{:.0} ns more than one that is not", kept.over(off).middle);
    Ok(Row::told("a tapped frame (64 bytes)", text))
}

fn policies() -> Result<Row, Failure> {
    let mut few = Ours::load(Mode::Routed, SLOTS, Rules::Ten)?;
    let mut most = Ours::load(Mode::Routed, SLOTS, Rules::Most)?;
    let frame = frame(Shape::V4, ALLOWED, LEN);
    let figures = alternate(ROUNDS, &mut [&mut || ours(&mut few, &frame), &mut || ours(&mut most, &frame)])?;
    let [few, most] = figures.as_slice() else { return Err("no figures".into()) };
    let text = format!(
        "{:+.1} ns (65,535 rules, which is all that there are numbers for)",
        most.middle - few.middle
    );
    Ok(Row::judged("10 rules against most rules", text, ("± 1 ns", (most.middle - few.middle).abs() <= 1.0)))
}
