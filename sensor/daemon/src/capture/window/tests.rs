//! A window holds what it was asked for and no more than its cap.

use super::*;

/// Gives one byte at a time, as a slow pipe may.
struct Drops<'a>(&'a [u8]);

impl Read for Drops<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let (Some(to), Some((first, rest))) = (buf.first_mut(), self.0.split_first()) else { return Ok(0) };
        *to = *first;
        self.0 = rest;
        Ok(1)
    }
}

#[test]
fn bytes_that_arrive_one_by_one_are_seen_whole() {
    let mut window = Window::new(Drops(b"abcdefgh"));
    assert!(window.holds(3));
    assert_eq!(window.bytes(), b"abc");
    assert!(window.skip(2));
    assert!(window.holds(6));
    assert_eq!((window.bytes(), window.offset()), (&b"cdefgh"[..], 2));
    assert!(!window.holds(7));
    assert!(!window.skip(7));
    assert_eq!((window.bytes().len(), window.offset()), (0, 8));
}

#[test]
fn a_window_never_outgrows_its_cap() {
    let mut window = Window::new(io::repeat(7));
    assert!(window.holds(MOST));
    assert!(!window.holds(MOST + 1));
    assert_eq!(window.kept.len(), MOST);
    assert!(window.skip(3 * MOST as u64));
    assert_eq!(window.offset(), 3 * MOST as u64);
}

#[test]
fn a_small_stream_keeps_the_window_small_whatever_is_asked_for() {
    let mut window = Window::new(&b"tiny"[..]);
    assert!(!window.holds(MOST));
    assert_eq!(window.kept.len(), FIRST);
}

#[test]
fn a_failing_read_ends_the_stream_and_is_kept() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk gone"))
        }
    }
    let mut window = Window::new(b"ab".chain(Fails));
    assert!(!window.holds(3));
    assert_eq!(window.bytes(), b"ab");
    assert_eq!(window.failure.map(|error| error.to_string()).as_deref(), Some("disk gone"));
}
