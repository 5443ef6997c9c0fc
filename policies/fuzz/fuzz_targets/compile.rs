//! Any text as a policy of one or two files: the compiler neither panics nor hangs, and what it says can be rendered.
#![no_main]

use libfuzzer_sys::fuzz_target;
use policies::{Colour, Source, compile};

fuzz_target!(|text: &str| {
    let part = |(at, text): (usize, &str)| Source { name: format!("{at}.yaml"), text: text.to_owned() };
    let sources: Vec<Source> = text.splitn(2, '\u{c}').enumerate().map(part).collect();
    match compile(&sources) {
        Ok(policy) => assert!(policy.hash != [0; 32]),
        Err(mistakes) => assert!(!mistakes.render(Colour::Plain).is_empty()),
    }
});
