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
    let mut other = learned().to_bytes();
    let at = NAME.len() + 1;
    other[at] = b'1';
    let error = Baseline::from_bytes(&other).expect_err("another version");
    assert_eq!(error.to_string(), "baseline snapshot has version 1, this program reads version 2");
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
    fn any_body_under_a_right_hash_is_read_or_refused(
        at in 0..4_000_usize, change in any::<u8>(), rest in prop::collection::vec(any::<u8>(), 0..40),
    ) {
        let whole = learned().encoded();
        let (start, end) = whole.split_at(at % whole.len());
        let body = [start, &[change], &rest, end].concat();
        let mut bytes = format!("{NAME} {VERSION} {}\n", hex(&Sha256::digest(&body))).into_bytes();
        bytes.extend(body);
        if let Ok(baseline) = Baseline::from_bytes(&bytes) {
            assert_eq!(Baseline::from_bytes(&baseline.to_bytes()).expect("it was just written"), baseline);
        }
    }

    #[test]
    fn bytes_after_the_tables_are_refused(rest in prop::collection::vec(any::<u8>(), 1..40)) {
        let body = [learned().encoded(), rest].concat();
        let mut bytes = format!("{NAME} {VERSION} {}\n", hex(&Sha256::digest(&body))).into_bytes();
        bytes.extend(body);
        assert!(matches!(Baseline::from_bytes(&bytes), Err(SnapshotError::Damaged)));
    }
}
