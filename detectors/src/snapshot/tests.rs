use super::*;
use crate::scene::learned;
use proptest::prelude::{any, prop, proptest};

#[test]
fn a_snapshot_is_read_back_as_it_was() {
    let baseline = learned();
    let bytes = baseline.to_bytes();
    let again = Baseline::from_bytes(&bytes).expect("it was just written");
    assert_eq!(again, baseline);
    assert_eq!(again.hash(), baseline.hash());
    assert_eq!(Baseline::with_hash(&bytes).expect("as before").1, baseline.hash());
    assert_eq!(again.to_bytes(), bytes);
    assert!(baseline.pairs() > 30 && baseline.devices() > 10);
}

#[test]
fn learning_twice_gives_the_same_bytes() {
    assert_eq!(learned().to_bytes(), learned().to_bytes());
}

#[test]
fn a_cut_snapshot_is_damaged() {
    let bytes = learned().to_bytes();
    for end in [bytes.len() - 1, bytes.len() / 2, 100] {
        assert!(matches!(Baseline::from_bytes(&bytes[..end]), Err(SnapshotError::Damaged)));
    }
    assert!(matches!(Baseline::from_bytes(&bytes[..10]), Err(SnapshotError::NotASnapshot)));
    assert!(matches!(Baseline::from_bytes(b""), Err(SnapshotError::NotASnapshot)));
}

#[test]
fn a_changed_byte_is_noticed() {
    let mut bytes = learned().to_bytes();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    assert!(matches!(Baseline::from_bytes(&bytes), Err(SnapshotError::Damaged)));
}

#[test]
fn another_version_is_refused_by_its_number() {
    let text = String::from_utf8(learned().to_bytes()).expect("JSON is text");
    let other = text.replacen("wardline-baseline 1 ", "wardline-baseline 2 ", 1);
    let error = Baseline::from_bytes(other.as_bytes()).expect_err("another version");
    assert_eq!(error.to_string(), "baseline snapshot has version 2, this program reads version 1");
}

#[test]
fn a_pair_that_points_outside_its_tables_is_refused() {
    let mut baseline = learned();
    baseline.pairs[0].server = 1_000_000;
    let error = Baseline::from_bytes(&baseline.to_bytes()).expect_err("a contradiction");
    assert!(matches!(error, SnapshotError::Contradiction { table: "pairs" }));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        assert!(Baseline::from_bytes(&bytes).is_err());
    }

    #[test]
    fn any_body_under_a_right_hash_is_read_or_refused(body in "[\\[\\]{}\",:a-z0-9]{0,200}") {
        let text = format!("{NAME} {VERSION} {}\n{body}\n", hex(&Sha256::digest(body.as_bytes())));
        assert!(Baseline::from_bytes(text.as_bytes()).is_err());
    }
}
