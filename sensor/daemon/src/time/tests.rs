//! Times are read as RFC 3339 says, and written so that they read the same.

use super::*;
use proptest::prelude::*;

/// Counts the days one year and one month at a time.
fn naive(at: Timestamp) -> String {
    let leap = |year: u64| (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    let (mut days, clock) = (at.0 / SECOND / DAY_SECONDS, at.0 / SECOND % DAY_SECONDS);
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    format!(
        "{year:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:09}Z",
        month + 1,
        days + 1,
        clock / 3600,
        clock / 60 % 60,
        clock % 60,
        at.0 % SECOND
    )
}

proptest! {
    #[test]
    fn what_is_written_is_what_the_calendar_says_and_reads_back(nanoseconds in any::<u64>()) {
        let at = Timestamp(nanoseconds);
        prop_assert_eq!(text(at), naive(at));
        prop_assert_eq!(parse(&text(at)), Ok(at));
    }

    #[test]
    fn epoch_seconds_read_back(nanoseconds in any::<u64>()) {
        let written = format!("{}.{:09}", nanoseconds / SECOND, nanoseconds % SECOND);
        prop_assert_eq!(parse(&written), Ok(Timestamp(nanoseconds)));
    }

    #[test]
    fn an_offset_moves_the_time_by_its_hours_and_minutes(seconds in 100_000_u64..9_000_000_000, hours in 0_u64..24, minutes in 0_u64..60) {
        let local = text(Timestamp(seconds * SECOND));
        let local = local.trim_end_matches('Z');
        let shift = hours * 3600 + minutes * 60;
        prop_assert_eq!(parse(&format!("{local}+{hours:02}:{minutes:02}")), Ok(Timestamp((seconds - shift) * SECOND)));
        prop_assert_eq!(parse(&format!("{local}-{hours:02}:{minutes:02}")), Ok(Timestamp((seconds + shift) * SECOND)));
    }

    #[test]
    fn any_text_is_read_or_refused_without_a_panic(text in "\\PC{0,40}") {
        let read = parse(&text);
        prop_assert!(read.is_err() || text.bytes().any(|byte| byte.is_ascii_digit()));
    }

    #[test]
    fn text_that_resembles_a_time_is_read_or_refused_without_a_panic(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{0,12})?(Z|[+-][0-9]{2}:[0-9]{2})?") {
        if let Ok(at) = parse(&text) {
            prop_assert_eq!(parse(&super::text(at)), Ok(at));
        }
    }
}

#[test]
fn every_day_of_the_range_is_written_as_the_calendar_says() {
    for day in 0..u64::MAX / SECOND / DAY_SECONDS {
        let at = Timestamp(day * DAY_SECONDS * SECOND + 1);
        assert_eq!(text(at), naive(at));
    }
}

#[test]
fn forms_of_rfc_3339_are_read() {
    let at = Ok(Timestamp(1_795_508_153_500_000_000));
    for text in [
        "2026-11-24T08:15:53.5Z",
        "2026-11-24t08:15:53.500z",
        "2026-11-24 09:15:53.5+01:00",
        "2026-11-23T22:45:53.5000000009-09:30",
        "1795508153.5",
    ] {
        assert_eq!(parse(text), at, "{text}");
    }
    assert_eq!(parse("2016-12-31T23:59:60Z"), parse("2017-01-01T00:00:00Z"));
}

#[test]
fn what_does_not_exist_is_named() {
    for (text, error) in [
        ("2026-02-29T00:00:00Z", TimeError::Range("day")),
        ("2026-13-01T00:00:00Z", TimeError::Range("month")),
        ("2026-01-01T24:00:00Z", TimeError::Range("hour")),
        ("2026-01-01T00:60:00Z", TimeError::Range("minute")),
        ("2026-01-01T00:00:61Z", TimeError::Range("second")),
        ("2026-01-01T00:00:00+24:00", TimeError::Range("offset")),
        ("1969-12-31T23:59:59Z", TimeError::Beyond),
        ("1970-01-01T00:00:00+00:01", TimeError::Beyond),
        ("2600-01-01T00:00:00Z", TimeError::Beyond),
        ("99999999999999", TimeError::Beyond),
        ("2026-01-01T00:00:00", TimeError::Form),
        ("2026-1-1T00:00:00Z", TimeError::Form),
        ("2026-01-01", TimeError::Form),
        ("yesterday", TimeError::Form),
        ("-5", TimeError::Form),
        ("+5", TimeError::Form),
        ("5.", TimeError::Form),
        ("", TimeError::Form),
    ] {
        assert_eq!(parse(text), Err(error), "{text}");
    }
}
