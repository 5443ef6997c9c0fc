//! The tables against a naive map, and every bit pattern as a cell.

use std::collections::HashMap;

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

use super::{Access, Action, Cell, Full, Mode, PackedCell, ROWS, RuleId, SegmentId, ServiceClass, Tables};

fn cell(rule: u16, deny: u8, mode: u8) -> Cell {
    Cell {
        rule: RuleId::new(rule),
        action: if deny & 1 == 0 { Action::Allow } else { Action::Deny },
        mode: [Mode::Observe, Mode::Alert, Mode::Enforce][usize::from(mode) % 3],
    }
}

#[test]
fn empty_tables_allow_and_observe() {
    let tables = Tables::boxed();
    for (from, to, class) in [(0, 0, 0), (1, 0, 9), (255, 255, 255)] {
        let access =
            Access { from: SegmentId::new(from), to: SegmentId::new(to), service: ServiceClass(class) };
        assert_eq!(tables.decide(access), Cell::OBSERVED);
    }
    assert_eq!(tables.class(6, 443), ServiceClass(0));
}

#[test]
fn classes_are_kept_apart_by_protocol() {
    let tables = Tables::boxed();
    tables.set_tcp_class(443, ServiceClass(1));
    tables.set_udp_class(443, ServiceClass(2));
    tables.set_protocol_class(47, ServiceClass(3));
    let classes = [(6, 443), (17, 443), (47, 443), (47, 0), (6, 444), (132, 443)];
    assert_eq!(classes.map(|(protocol, port)| tables.class(protocol, port).0), [1, 2, 3, 3, 0, 0]);
}

#[test]
fn a_row_beyond_the_last_is_refused() {
    let tables = Tables::boxed();
    let beyond = u16::try_from(ROWS).unwrap();
    assert_eq!(tables.set_pair(None, None, beyond), Err(Full::Rows));
    assert_eq!(tables.set_cell(beyond, ServiceClass(0), Cell::OBSERVED), Err(Full::Rows));
    assert_eq!(tables.set_cell(beyond - 1, ServiceClass(255), Cell::OBSERVED), Ok(()));
}

#[test]
fn copied_tables_decide_alike() {
    let tables = Tables::boxed();
    tables.set_pair(SegmentId::new(3), SegmentId::new(4), 7).unwrap();
    tables.set_cell(7, ServiceClass(5), cell(9, 1, 2)).unwrap();
    tables.set_tcp_class(80, ServiceClass(5));
    let copy = Tables::boxed();
    copy.copy_from(&tables);
    let access = Access { from: SegmentId::new(3), to: SegmentId::new(4), service: copy.class(6, 80) };
    assert_eq!(copy.decide(access), cell(9, 1, 2));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn what_was_set_is_decided(
        pairs in vec((any::<u8>(), any::<u8>(), 0_u16..1024), 1..60),
        cells in vec((0_u16..1024, any::<u8>(), any::<u16>(), any::<u8>(), any::<u8>()), 1..200),
    ) {
        let tables = Tables::boxed();
        let mut rows = HashMap::new();
        let mut naive = HashMap::new();
        for (from, to, row) in &pairs {
            tables.set_pair(SegmentId::new(*from), SegmentId::new(*to), *row).unwrap();
            rows.insert((*from, *to), *row);
        }
        // Half of the cells fall into rows that pairs name.
        for (n, (row, class, rule, deny, mode)) in cells.iter().enumerate() {
            let row = if n % 2 == 0 { pairs[n % pairs.len()].2 } else { *row };
            tables.set_cell(row, ServiceClass(*class), cell(*rule, *deny, *mode)).unwrap();
            naive.insert((row, *class), cell(*rule, *deny, *mode));
        }
        for (from, to, _) in pairs {
            for class in 0..=255 {
                let access = Access { from: SegmentId::new(from), to: SegmentId::new(to), service: ServiceClass(class) };
                let expected = naive.get(&(rows[&(from, to)], class)).copied().unwrap_or(Cell::OBSERVED);
                prop_assert_eq!(tables.decide(access), expected);
            }
        }
    }

    #[test]
    fn a_cell_survives_packing(rule in any::<u16>(), deny in any::<u8>(), mode in any::<u8>()) {
        prop_assert_eq!(PackedCell::new(cell(rule, deny, mode)).cell(), cell(rule, deny, mode));
    }

    #[test]
    fn every_bit_pattern_is_a_cell(bits in any::<u32>()) {
        let cell = PackedCell(bits).cell();
        prop_assert_eq!(PackedCell::new(cell).cell(), cell);
    }
}
