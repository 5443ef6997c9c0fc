//! Text made of any bytes.

use super::printable;
use proptest::prelude::{any, prop, proptest};

#[test]
fn what_is_not_printable_becomes_a_dot() {
    assert_eq!(printable(b"Ward 3~", 32), "Ward 3~");
    assert_eq!(printable(b"a\tb\x7fc\xffd", 32), "a.b.c.d");
    assert_eq!(printable("Köln\u{85}".as_bytes(), 32), "Köln.");
}

#[test]
fn text_is_cut_after_characters_not_bytes() {
    assert_eq!(printable("ÄÖÜ".as_bytes(), 2), "ÄÖ");
    assert_eq!(printable(b"abc\xff", 3), "abc");
    assert_eq!(printable(b"abc", 0), "");
}

proptest! {
    #[test]
    fn the_text_is_printable_and_bounded_and_keeps_each_ascii_character(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        ascii in "[ -~]{0,64}",
        most in 0..80_usize,
    ) {
        let text = printable(&bytes, most);
        assert!(text.chars().count() <= most && !text.chars().any(char::is_control));
        let cut: String = ascii.chars().take(most).collect();
        assert_eq!(printable(ascii.as_bytes(), most), cut);
    }
}
