//! How often a device may use a rule: `rate: { packets: 100/s, burst: 200, mode: alert }`.

use abi::address::SECOND;
use abi::table::{Action, Limit, Mode};

use crate::diagnostic::{Code, Mistake, Mistakes};
use crate::draft::{DraftRule, MODES, unknown_key};
use crate::scalar;
use crate::text::Span;
use crate::yaml::Entry;

pub(crate) const KEYS: &[&str] = &["packets", "burst", "mode"];

/// The words of a period.
const PERIODS: &[(&str, u64)] = &[("s", SECOND), ("min", 60 * SECOND), ("h", 3600 * SECOND)];

/// A rate and where its key stands.
#[derive(Clone, Copy)]
pub(crate) struct DraftRate {
    pub(crate) limit: Limit,
    at: Span,
}

/// Reads the key of a rule; `None` where something is wrong with it, which is told.
pub(crate) fn read(entry: &Entry, mistakes: &mut Mistakes<'_>) -> Option<DraftRate> {
    let at = entry.key.span;
    let errors = mistakes.errors();
    let (mut packets, mut burst, mut mode) = (None, None, None);
    for entry in scalar::entries(entry.clone(), "`packets`, `burst` and `mode`", mistakes) {
        match entry.key.value.as_str() {
            "packets" => packets = value(&entry, frequency, mistakes),
            "burst" => burst = value(&entry, amount, mistakes),
            "mode" => mode = scalar::word(&entry, MODES, mistakes),
            _ => unknown_key(&entry, KEYS, "`rate`", mistakes),
        }
    }
    if mistakes.errors() != errors {
        return None;
    }
    let Some((count, period)) = packets else {
        mistakes.add(
            Mistake::new(Code::MissingKey, at, "`rate` does not say how many")
                .help("write `rate: { packets: 100/s }`".to_owned()),
        );
        return None;
    };
    Some(DraftRate { limit: Limit { count, period, burst: burst.unwrap_or(count), mode }, at })
}

fn value<T>(
    entry: &Entry,
    read: fn(&str, Span, &mut Mistakes<'_>) -> Option<T>,
    mistakes: &mut Mistakes<'_>,
) -> Option<T> {
    let text = scalar::one_word(entry, mistakes)?;
    read(&text, entry.value.span, mistakes)
}

/// `100/s`, `30/min`, `5/h`: how many in how many nanoseconds.
fn frequency(text: &str, span: Span, mistakes: &mut Mistakes<'_>) -> Option<(u64, u64)> {
    let (count, period) = text.split_once('/').unwrap_or((text, ""));
    let period = PERIODS.iter().find(|(word, _)| *word == period.trim()).map(|&(_, period)| period);
    let found = number(count.trim()).zip(period);
    if found.is_none() {
        let message = format!("`{text}` is not a rate");
        let help = format!("write it as `100/s`, `30/min` or `5/h`, with a number from 1 to {}", Limit::MOST);
        mistakes.add(Mistake::new(Code::Rate, span, message).help(help));
    }
    found
}

fn amount(text: &str, span: Span, mistakes: &mut Mistakes<'_>) -> Option<u64> {
    let found = number(text);
    if found.is_none() {
        let message = format!("`{text}` is not a number of packets");
        let help = format!("write a number from 1 to {}", Limit::MOST);
        mistakes.add(Mistake::new(Code::Rate, span, message).help(help));
    }
    found
}

/// Plain decimal digits, from 1 to the most that a limit has.
fn number(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    let number: u64 = if digits { text.parse().ok()? } else { return None };
    (number <= Limit::MOST).then_some(number)
}

/// The limit of a rule, if that is one that can have any.
pub(crate) fn resolve(rule: &DraftRule, mistakes: &mut Mistakes<'_>) -> Option<Limit> {
    let rate = rule.rate?;
    let (message, help) = match (rule.action, rule.mode) {
        (Action::Deny, _) => ("a rule that denies has no rate", "give a rate to the rule that allows"),
        (Action::Allow, Some(Mode::Observe)) => (
            "a rule on trial decides nothing, and its rate limits nothing",
            "to try the rate alone write the mode into it, as `rate: { packets: 100/s, mode: observe }`",
        ),
        (Action::Allow, _) => return Some(rate.limit),
    };
    mistakes.add(Mistake::new(Code::Rate, rate.at, message).help(help.to_owned()));
    None
}
