//! Text that came from the network or from a file, made fit to be shown: nothing in it steers the terminal, or makes
//! the reader see another text than is there.

use std::borrow::Cow;

/// Characters without a picture of their own: general categories Cf, Zl and Zp of Unicode 16 (`DerivedGeneralCategory.txt`).
/// Among them are those that turn the direction of what follows (UAX #9), by which `exe.fdp` is shown as `pdf.exe`.
const INVISIBLE: [(char, char); 21] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{180e}', '\u{180e}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{2064}'),
    ('\u{2066}', '\u{206f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{fff9}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0001}', '\u{e0001}'),
    ('\u{e0020}', '\u{e007f}'),
];

fn is_invisible(c: char) -> bool {
    c >= '\u{ad}' && INVISIBLE.iter().any(|&(first, last)| (first..=last).contains(&c))
}

/// A text of one line: control characters and invisible ones are written as `\u{202e}`.
pub(crate) fn line(text: &str) -> Cow<'_, str> {
    escaped(text, |c| c.is_control() || is_invisible(c))
}

/// A page that we laid out ourselves: its line ends and colours stay, invisible characters are written as `\u{202e}`.
pub(crate) fn page(text: &str) -> Cow<'_, str> {
    escaped(text, is_invisible)
}

fn escaped(text: &str, must: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&must) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if must(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_the_terminal_or_cannot_be_seen_is_written_out() {
        assert_eq!(line("a\u{1b}[31m\nb"), "a\\u{1b}[31m\\u{a}b");
        assert_eq!(line("fdp.\u{202e}exe\u{2069}"), "fdp.\\u{202e}exe\\u{2069}");
        assert_eq!(line("pu\u{ad}mp\u{200b}\u{feff}"), "pu\\u{ad}mp\\u{200b}\\u{feff}");
    }

    #[test]
    fn what_can_be_read_stays() {
        for text in ["", "Röntgen 7", "مستشفى", "病院", "e\u{301}", "Dräger «A»"] {
            assert_eq!(line(text), text);
        }
    }

    #[test]
    fn a_page_keeps_its_lines_and_colours() {
        assert_eq!(page("\u{1b}[1mtitle\u{1b}[0m\n\u{202e}x"), "\u{1b}[1mtitle\u{1b}[0m\n\\u{202e}x");
    }

    #[test]
    fn the_ranges_are_in_order() {
        assert!(INVISIBLE.is_sorted_by(|(_, last), (first, _)| last < first));
    }
}
