//! The score as a table for people.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use super::{Outcome, Score};

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for attack in &self.attacks {
            let (word, delay) = match attack.outcome {
                Outcome::Found { after } => ("found", format!("after {after:.1} s")),
                Outcome::Unnamed => ("UNNAMED", String::new()),
                Outcome::Missed => ("MISSED", String::new()),
            };
            let named = joined(&attack.techniques);
            let kinds = joined(&attack.kinds);
            row(
                f,
                &[
                    (word, 9),
                    (&attack.name, 20),
                    (&attack.technique, 11),
                    (&delay, 16),
                    (&named, 24),
                    (&kinds, 0),
                ],
            )?;
        }
        for novelty in &self.novelties {
            let word = if novelty.accused_of.is_empty() { "quiet" } else { "ACCUSED" };
            let kinds = joined(&novelty.accused_of);
            row(f, &[(word, 9), (&novelty.name, 20), ("harmless", 11), ("", 16), ("", 24), (&kinds, 0)])?;
        }
        for other in &self.others {
            let source = joined(&other.source);
            let text = format!("{}: {source}: {}", other.kind, other.text);
            row(f, &[("other", 9), (&other.severity, 9), (&text, 0)])?;
        }
        let (found, accused) = (self.found(), self.accused());
        write!(f, "{found} of {} attacks found, {accused} of {} ", self.attacks.len(), self.novelties.len())?;
        write!(f, "harmless novelties accused, {} other incidents, {} notices", self.others.len(), self.low)
    }
}

fn joined(words: &BTreeSet<String>) -> String {
    words.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

fn row(f: &mut fmt::Formatter<'_>, cells: &[(&str, usize)]) -> fmt::Result {
    let mut line = String::new();
    for (text, width) in cells {
        write!(line, "{text:width$}")?;
        if text.len() >= *width {
            line.push(' ');
        }
    }
    writeln!(f, "{}", line.trim_end())
}
