use super::*;
use crate::record::{Both, FlowEnd};
use crate::scene::{FILES, MINUTES, START, at, flow, learned, ward};

#[test]
fn a_pair_is_learned_by_the_minute() {
    let baseline = learned();
    let windows: Vec<u32> = baseline.pairs.iter().map(|pair| pair.norm.windows).collect();
    assert!(windows.iter().all(|count| u64::from(*count) == MINUTES), "{windows:?}");
    assert!(baseline.pairs.windows(2).all(|two| {
        (two[0].client, two[0].server, two[0].act) < (two[1].client, two[1].server, two[1].act)
    }));
}

#[test]
fn a_long_flow_is_learned_by_what_it_grows_and_not_by_its_totals() {
    let mut learner = Learner::new();
    let whole = FlowRecord { last: at(START + 300), ..flow(1, ward(1), FILES(), 445, START) };
    learner.flow_opened(&whole, at(START));
    for step in 1..=5u64 {
        let so_far = FlowRecord {
            last: at(START + step * 60),
            payload: Both { out: step * 1000, back: 0 },
            end: FlowEnd::Active,
            ..whole.clone()
        };
        learner.flow_progress(&so_far, so_far.last);
    }
    let most = learner.finish().pairs.iter().map(|pair| pair.norm.out.max).max();
    assert_eq!(most, Some(1000));
}

#[test]
fn the_margin_is_how_far_the_largest_minute_stands_out() {
    let mut learner = Learner::new();
    for minute in 0..8u64 {
        for visit in 0..if minute == 5 { 40 } else { 10 } {
            let one = flow(minute * 100 + visit, ward(1), FILES(), 445, START + minute * 60);
            learner.flow_opened(&one, one.first);
        }
    }
    let calibration = learner.finish().calibration;
    assert_eq!(calibration.margin[0], log2_milli(40) - log2_milli(10));
    assert_eq!(calibration.margin_n, 1);
}
