//! Many flows at a time: what a frame costs where its flow has to be fetched from memory.

use super::Row;
use crate::fastpath::Failure;
use crate::fastpath::frames::{ALLOWED, Shape, frame, round_robin, zipf};
use crate::fastpath::measure::{Burst, Figure, alternate};
use crate::fastpath::object::Pieces;
use crate::fastpath::programs::{Flow, Rig};
use crate::fastpath::steps::{Kind, MOST_FLOWS};
use crate::fastpath::subject::{Filter, Ours};
use crate::fastpath::world::Rules;
use aya::programs::ProgramFd;
use daemon::fastpath::Mode;
use std::cell::RefCell;

const REPEAT: u32 = 131_072;
const ROUNDS: usize = 15;
const LEN: usize = 64;
const COUNTS: [u32; 6] = [64, 1024, 8192, 32_768, 65_536, 131_072];

/// The rows of many flows: tables as large as they can be, and with four and two slots for each flow; and what memory costs.
pub fn rows(filter: &mut Result<Filter, Failure>) -> Vec<Row> {
    let mut rows = Vec::new();
    for slots in [524_288, 262_144, 131_072] {
        let measured = of_slots(filter, slots, &mut rows);
        if let Err(why) = measured {
            rows.push(Row::absent(format!("many flows, {slots} slots"), &why));
        }
    }
    rows.push(memory().unwrap_or_else(|why| Row::absent("a line of memory for each flow", &why)));
    rows
}

/// What a program costs that does nothing but fetch a line for each flow.
fn memory() -> Result<Row, Failure> {
    let mut rig = Rig::load(Kind::Mixer, Pieces::Many)?;
    let programs = [rig.program("pass")?, rig.program("dense")?, rig.program("spread")?];
    let rig = RefCell::new(rig);
    let net = |flows: u32| -> Result<[f64; 2], Failure> {
        rig.borrow_mut().set_flows(&round_robin(flows, ALLOWED, LEN))?;
        let [pass, dense, spread] = &programs;
        let figures = alternate(
            ROUNDS,
            &mut [
                &mut || burst(&mut rig.borrow_mut(), pass),
                &mut || burst(&mut rig.borrow_mut(), dense),
                &mut || burst(&mut rig.borrow_mut(), spread),
            ],
        )?;
        let [pass, dense, spread] = figures.as_slice() else { return Err("no figures".into()) };
        Ok([dense.over(pass).middle, spread.over(pass).middle])
    };
    let [few_dense, few_spread] = net(64)?;
    let [dense, spread] = net(MOST_FLOWS)?;
    let text = format!(
        "in 8 MB {:.0} ns, in 32 MB {:.0} ns, above what 64 flows cost",
        dense - few_dense,
        spread - few_spread
    );
    Ok(Row::told(format!("a line of memory and nothing else, {MOST_FLOWS} flows"), text))
}

fn of_slots(filter: &mut Result<Filter, Failure>, slots: usize, rows: &mut Vec<Row>) -> Result<(), Failure> {
    let subject = Ours::load(Mode::Routed, slots, Rules::Ten)?;
    let mut rig = Rig::load(Kind::Mixer, Pieces::Many)?;
    let fits = |count: u32| usize::try_from(count).is_ok_and(|count| count * 2 <= slots);
    for count in COUNTS.into_iter().filter(|count| fits(*count)) {
        let flows = round_robin(count, ALLOWED, LEN);
        let name = format!("{count} flows round robin, {slots} slots");
        rows.push(row(name, &flows, (&subject.program, &mut rig), filter)?);
    }
    let flows = zipf(32_768, MOST_FLOWS, ALLOWED, LEN);
    let name = format!("Zipf over 32768 flows, {slots} slots");
    rows.push(row(name, &flows, (&subject.program, &mut rig), filter)?);
    Ok(())
}

fn row(
    name: String,
    flows: &[Flow],
    (program, rig): (&ProgramFd, &mut Rig),
    filter: &mut Result<Filter, Failure>,
) -> Result<Row, Failure> {
    let pass = rig.program("pass")?;
    rig.set_flows(flows)?;
    let rig = RefCell::new(rig);
    let mut floor = || burst(&mut rig.borrow_mut(), &pass);
    let mut own = || burst(&mut rig.borrow_mut(), program);
    let Ok(Filter { rig: other }) = filter else {
        let figures = alternate(ROUNDS, &mut [&mut floor, &mut own])?;
        let [floor, own] = figures.as_slice() else { return Err("no figures".into()) };
        return Ok(Row::told(name, format!("{:.1} ns; xdp-filter is not here", own.over(floor).middle)));
    };
    let (other_pass, other_program) = (other.program("pass")?, Filter::program()?);
    other.set_flows(flows)?;
    let other = RefCell::new(other);
    let mut other_floor = || burst(&mut other.borrow_mut(), &other_pass);
    let mut filtered = || burst(&mut other.borrow_mut(), &other_program);
    let bursts: &mut [Burst<'_>] = &mut [&mut floor, &mut own, &mut other_floor, &mut filtered];
    let figures = alternate(ROUNDS, bursts)?;
    let [floor, own, other_floor, filtered] = figures.as_slice() else { return Err("no figures".into()) };
    Ok(judged(name, &own.over(floor), &filtered.over(other_floor)))
}

/// The first burst lets every flow be known and every cache be what it will be.
fn burst(rig: &mut Rig, program: &ProgramFd) -> Result<f64, Failure> {
    let frame = frame(Shape::V4, ALLOWED, LEN);
    rig.aim(program)?;
    rig.run("mixer", &frame, REPEAT)?;
    rig.run("mixer", &frame, REPEAT)
}

fn judged(name: String, own: &Figure, other: &Figure) -> Row {
    let ratio = other.middle / own.middle;
    let text = format!(
        "{:.1} ns (least {:.0}); xdp-filter {:.1} ns; {ratio:.2} ×",
        own.middle, own.least, other.middle
    );
    Row::judged(name, text, ("never slower", ratio >= 1.0))
}
