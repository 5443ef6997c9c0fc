use super::*;

#[test]
fn logarithm_grows_with_its_argument_and_meets_the_powers_of_two() {
    assert_eq!(log2_milli(0), 0);
    assert_eq!(log2_milli(1), 1000);
    assert_eq!(log2_milli(1023), 10_000);
    assert_eq!(log2_milli(u64::MAX), 63_999);
    assert!((0..5000u64).all(|x| log2_milli(x) <= log2_milli(x + 1)));
}

#[test]
fn a_minute_ends_when_the_next_one_begins() {
    let mut meter = Meter::default();
    let one = Counts { times: 1, out: 10, ..Counts::default() };
    let start = Timestamp(100 * WINDOW);
    assert_eq!(meter.add(start, &one), None);
    assert_eq!(meter.add(Timestamp(start.0 + WINDOW - 1), &one), None);
    let ended = meter.add(Timestamp(start.0 + WINDOW), &one).expect("a window ended");
    assert_eq!((ended.times, ended.out), (2, 20));
    assert_eq!(meter.counts.times, 1);
}

#[test]
fn the_second_largest_window_is_what_is_known_without_the_largest() {
    let mut norm = Norm::default();
    for times in [3, 9, 5] {
        norm.learn(&Counts { times, ..Counts::default() });
    }
    assert_eq!((norm.times.max, norm.times.second, norm.windows), (9, 5, 3));
    assert!(norm.times.z(200, norm.windows) > 5.0);
    assert!(norm.times.z(6, norm.windows) < 1.0);
}
