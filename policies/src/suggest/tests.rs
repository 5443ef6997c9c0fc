use super::{closest, distance};

#[test]
fn a_slip_of_the_hand_finds_the_word_that_was_meant() {
    assert_eq!(closest("imging", ["pacs", "imaging"]), Some("imaging"));
    assert_eq!(closest("pasc", ["pacs", "imaging"]), Some("pacs"));
    assert_eq!(closest("Enforce", ["observe", "alert", "enforce"]), Some("enforce"));
}

#[test]
fn another_word_is_not_suggested() {
    assert_eq!(closest("on", ["observe", "alert", "enforce"]), None);
    assert_eq!(closest("guest", ["imaging", "monitors"]), None);
}

#[test]
fn two_swapped_neighbours_are_one_edit() {
    assert_eq!(distance("dicom", "diocm"), 1);
    assert_eq!(distance("", "abc"), 3);
    assert_eq!(distance("abc", ""), 3);
}
