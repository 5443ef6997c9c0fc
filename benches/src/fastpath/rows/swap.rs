//! How long after a change of the policy the first frame is judged by it.

use super::Row;
use crate::fastpath::Failure;
use crate::fastpath::frames::{ALLOWED, Shape, frame, round_robin};
use crate::fastpath::measure::{bind, joined, two_processors, uninterrupted};
use crate::fastpath::object::Pieces;
use crate::fastpath::programs::Rig;
use crate::fastpath::steps::Kind;
use crate::fastpath::subject::Ours;
use crate::fastpath::world::{Rules, install};
use abi::address::{DeviceKey, Mac};
use abi::state::State;
use daemon::fastpath::Mode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const SAMPLES: usize = 301;
const FLOWS: u32 = 64;
const LEN: usize = 64;
const BURST: u32 = 100_000;
/// Longer than this no change waits for a frame, unless none comes.
const LONGEST: Duration = Duration::from_millis(100);

/// The rows of changes.
pub fn rows() -> Vec<Row> {
    measure().unwrap_or_else(|why| vec![Row::absent("swap to the first frame judged by it", &why)])
}

fn measure() -> Result<Vec<Row>, Failure> {
    two_processors()?;
    let ours = Ours::load(Mode::Routed, 524_288, Rules::Ten)?;
    // Both buffers hold the policy, so that each swap is one store.
    install(ours.fastpath.state(), Rules::Ten)?;
    let mut rig = Rig::load(Kind::Paced, Pieces::Many)?;
    rig.set_flows(&round_robin(FLOWS, ALLOWED, LEN))?;
    rig.aim(&ours.program)?;
    let frame = frame(Shape::V4, ALLOWED, LEN);
    // While it is attached somewhere, running it changes nothing in the kernel, which would hold the frames up.
    rig.attach("mixer", "port0")?;
    rig.run("mixer", &frame, BURST)?;
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let traffic = scope.spawn(|| -> Result<f64, Failure> {
            bind(1)?;
            let mut each = 0.0;
            uninterrupted(|| {
                while !stop.load(Ordering::Relaxed) {
                    each = rig.run("mixer", &frame, BURST)?;
                }
                Ok(each)
            })
        });
        let state = ours.fastpath.state();
        let pump = [DeviceKey::Mac(Mac([2, 0, 0, 0, 1, 1]))];
        let samples = uninterrupted(|| {
            let swapped = || -> Result<(), Failure> {
                state.swap();
                Ok(())
            };
            let swap = samples(state, &swapped, &|| {});
            let quarantine = samples(state, &|| Ok(state.quarantine(&pump)?), &|| state.release(&pump));
            Ok([swap, quarantine])
        });
        stop.store(true, Ordering::Relaxed);
        let each = joined(traffic.join())?;
        let [swap, quarantine] = samples?;
        let rate = 1e3 / each;
        Ok(vec![
            row("policy swap to the first frame judged by it", &swap?, rate),
            row("quarantine to the first frame judged by it", &quarantine?, rate),
        ])
    })
}

/// Times from the store to the first verdict that is given anew, in microseconds.
#[expect(clippy::disallowed_methods, reason = "a measurement looks at the clock")]
fn samples(
    state: &State,
    change: &dyn Fn() -> Result<(), Failure>,
    back: &dyn Fn(),
) -> Result<Vec<f64>, Failure> {
    let mut samples = Vec::new();
    while samples.len() < SAMPLES {
        std::thread::sleep(Duration::from_millis(2));
        let before = state.counters.rejudged.load();
        let start = Instant::now();
        change()?;
        while state.counters.rejudged.load() == before {
            std::hint::spin_loop();
            if start.elapsed() > LONGEST {
                return Err("no frame came".into());
            }
        }
        samples.push(start.elapsed().as_secs_f64() * 1e6);
        back();
    }
    samples.sort_by(f64::total_cmp);
    Ok(samples)
}

fn row(name: &str, samples: &[f64], rate: f64) -> Row {
    let part = |of: usize| samples.get(samples.len() * of / 100).copied().unwrap_or(f64::INFINITY);
    let (median, late) = (part(50), part(90));
    let text = format!("median {median:.1} µs, 90 % within {late:.1} µs, at {rate:.2} Mpps");
    Row::judged(name, text, ("≤ 25 µs", median <= 25.0))
}
