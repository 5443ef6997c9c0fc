//! Time as people write it: RFC 3339 in and out, epoch seconds in.

use abi::address::{SECOND, Timestamp};

/// Length of a written time, in bytes: `2026-11-24T08:15:53.123456789Z`.
pub const LEN: usize = 30;
const DAY_SECONDS: u64 = 86_400;
/// Days from 0000-03-01 to 1970-01-01, in the proleptic Gregorian calendar.
const EPOCH: u64 = 719_468;
/// Days in the calendar's cycle of 400 years.
const CYCLE: u64 = 146_097;

/// Why a text is no time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TimeError {
    /// Neither form.
    #[error(
        "not a time: write RFC 3339 with an offset (2026-11-24T08:15:53Z, 2026-11-24T09:15:53.5+01:00) or epoch seconds (1795508153.25)"
    )]
    Form,
    /// A field is outside its range.
    #[error("no such {0}")]
    Range(&'static str),
    /// It lies before 1970 or after 2554.
    #[error("outside the years 1970 to 2554")]
    Beyond,
}

/// Reads RFC 3339 with an offset, or seconds since 1970, both with a fraction of up to nine digits; further digits are cut.
///
/// # Errors
/// The text has neither form, or names a day or time that does not exist.
pub fn parse(text: &str) -> Result<Timestamp, TimeError> {
    let rfc = text.as_bytes().get(4) == Some(&b'-');
    if rfc { parse_rfc3339(text) } else { parse_epoch(text) }
}

fn parse_epoch(text: &str) -> Result<Timestamp, TimeError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let seconds = number(whole).ok_or(TimeError::Form)?;
    let nanoseconds = nanoseconds(fraction).ok_or(TimeError::Form)?;
    instant(i128::from(seconds), nanoseconds)
}

fn parse_rfc3339(text: &str) -> Result<Timestamp, TimeError> {
    let (date, rest) = text.split_once(['T', 't', ' ']).ok_or(TimeError::Form)?;
    let at = rest.find(['Z', 'z', '+', '-']).ok_or(TimeError::Form)?;
    let (clock, zone) = rest.split_at(at);
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [year, month, day] = fields(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = fields(clock, ':', [2, 2, 2])?;
    let offset = offset_seconds(zone)?;
    let days = days_from_civil(year, month, day)?;
    // RFC 3339 section 5.7: second 60 is a leap second, which epoch time counts as the next minute's first.
    for (value, most, name) in [(hour, 23, "hour"), (minute, 59, "minute"), (second, 60, "second")] {
        if value > most {
            return Err(TimeError::Range(name));
        }
    }
    let clock = hour.saturating_mul(3600).saturating_add(minute.saturating_mul(60)).saturating_add(second);
    let seconds = i128::from(days).saturating_mul(i128::from(DAY_SECONDS)).saturating_add(i128::from(clock));
    instant(seconds.saturating_sub(offset), nanoseconds(fraction).ok_or(TimeError::Form)?)
}

fn instant(seconds: i128, nanoseconds: u64) -> Result<Timestamp, TimeError> {
    let total = seconds.saturating_mul(i128::from(SECOND)).saturating_add(i128::from(nanoseconds));
    u64::try_from(total).map(Timestamp).map_err(|_beyond| TimeError::Beyond)
}

/// Numbers of fixed width with a separator between.
fn fields(text: &str, separator: char, widths: [usize; 3]) -> Result<[u64; 3], TimeError> {
    let mut parts = text.split(separator);
    let mut values = [0; 3];
    for (value, width) in values.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width).ok_or(TimeError::Form)?;
        *value = number(part).ok_or(TimeError::Form)?;
    }
    if parts.next().is_some() { Err(TimeError::Form) } else { Ok(values) }
}

fn offset_seconds(zone: &str) -> Result<i128, TimeError> {
    if matches!(zone, "Z" | "z") {
        return Ok(0);
    }
    let (sign, clock) = match zone.split_at_checked(1) {
        Some(("+", clock)) => (1, clock),
        Some(("-", clock)) => (-1, clock),
        Some(_) | None => return Err(TimeError::Form),
    };
    let (hours, minutes) = clock.split_once(':').ok_or(TimeError::Form)?;
    if hours.len() != 2 || minutes.len() != 2 {
        return Err(TimeError::Form);
    }
    let (hours, minutes) = (number(hours).ok_or(TimeError::Form)?, number(minutes).ok_or(TimeError::Form)?);
    if hours > 23 || minutes > 59 {
        return Err(TimeError::Range("offset"));
    }
    let seconds = hours.saturating_mul(3600).saturating_add(minutes.saturating_mul(60));
    Ok(i128::from(seconds).saturating_mul(sign))
}

fn number(digits: &str) -> Option<u64> {
    // `u64::from_str` would take a sign.
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok()
}

fn nanoseconds(fraction: &str) -> Option<u64> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(fraction.bytes().chain(std::iter::repeat(b'0')).take(9).fold(0_u64, |value, digit| {
        value.saturating_mul(10).saturating_add(u64::from(digit.wrapping_sub(b'0')))
    }))
}

/// Days since 1970-01-01, by the calendar that begins its years in March, so that leap days come last.
fn days_from_civil(year: u64, month: u64, day: u64) -> Result<i64, TimeError> {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return Err(TimeError::Range("month")),
    };
    if !(1..=days).contains(&day) {
        return Err(TimeError::Range("day"));
    }
    // One cycle of 400 years is added and taken away, so that January of year 0 needs no negative number.
    let year = year.saturating_add(if month <= 2 { 399 } else { 400 });
    let (cycle, year) = (year / 400, year % 400);
    let month = (month.saturating_add(9)) % 12;
    let of_year = (153 * month + 2) / 5 + day - 1;
    let of_cycle = year * 365 + year / 4 - year / 100 + of_year;
    Ok((cycle * CYCLE + of_cycle).cast_signed().saturating_sub((CYCLE + EPOCH).cast_signed()))
}

/// Writes `at` in RFC 3339, UTC, with nine digits of the second.
#[inline]
pub fn rfc3339(at: Timestamp) -> [u8; LEN] {
    let (seconds, nanoseconds) = (at.0 / SECOND, at.0 % SECOND);
    let (days, clock) = (seconds / DAY_SECONDS, seconds % DAY_SECONDS);
    // The calendar of `days_from_civil`, backwards; a u64 of nanoseconds ends in the year 2554.
    let days = days + EPOCH;
    let (cycle, of_cycle) = (days / CYCLE, days % CYCLE);
    let year = (of_cycle - of_cycle / 1460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let (month, next) = if from_march < 10 { (from_march + 3, 0) } else { (from_march - 9, 1) };
    let year = year + cycle * 400 + next;

    let [y0, y1] = two(year / 100);
    let [y2, y3] = two(year % 100);
    let [o0, o1] = two(month);
    let [d0, d1] = two(day);
    let [h0, h1] = two(clock / 3600);
    let [m0, m1] = two(clock / 60 % 60);
    let [s0, s1] = two(clock % 60);
    let [n1, n2] = two(nanoseconds / 1_000_000 % 100);
    let [n3, n4] = two(nanoseconds / 10_000 % 100);
    let [n5, n6] = two(nanoseconds / 100 % 100);
    let [n7, n8] = two(nanoseconds % 100);
    let [_, n0] = two(nanoseconds / 100_000_000);
    [
        y0, y1, y2, y3, b'-', o0, o1, b'-', d0, d1, b'T', h0, h1, b':', m0, m1, b':', s0, s1, b'.', n0, n1,
        n2, n3, n4, n5, n6, n7, n8, b'Z',
    ]
}

/// Two digits of a number below 100.
#[inline]
fn two(number: u64) -> [u8; 2] {
    let number = u8::try_from(number % 100).unwrap_or(0);
    [b'0' + number / 10, b'0' + number % 10]
}

/// Writes `at` as text, for messages.
pub fn text(at: Timestamp) -> String {
    rfc3339(at).iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests;
