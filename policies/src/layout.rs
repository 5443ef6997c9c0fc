//! The layout of a policy text: indentation, spaces, columns. Every comment and every value stays what it was.
//!
//! Lines are laid out by themselves, guided by what the YAML parser says of the structure. What is written over several
//! lines keeps its lines. In the end the result is parsed again: where it would say something else than the text, the
//! text is left as it is.

use content::Content;

mod columns;
mod content;
mod flow;
mod lines;

/// A text in its usual layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Formatted {
    /// The same policy, laid out.
    Text(String),
    /// The text cannot be laid out safely: it is not YAML, or is written in a way that is not known here.
    Left,
}

/// Lays out the text of one policy file. The result has the same values and the same comments in the same order, and its
/// own layout is itself.
pub fn format(text: &str) -> Formatted {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let plain = text.replace("\r\n", "\n").replace('\r', "\n");
    let laid_out = Content::of(text).and_then(|before| {
        let structure = Content::of(&plain)?;
        let once = lines::laid_out(&plain, &structure)?;
        let after = Content::of(&once)?;
        // What is laid out twice must be what is laid out once, or editors that format on saving would never come to rest.
        let twice = lines::laid_out(&once, &after)?;
        (after.says_the_same(&before) && twice == once).then_some(once)
    });
    laid_out.map_or(Formatted::Left, Formatted::Text)
}

#[cfg(test)]
mod tests;
