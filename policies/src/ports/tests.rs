use super::{Classes, KNOWN, PortRange, PortSet, TCP};

fn tcp(ranges: &[(u16, u16)]) -> PortSet {
    let tcp = ranges.iter().map(|&(first, last)| PortRange { first, last }).collect();
    PortSet { tcp, ..PortSet::default() }
}

#[test]
fn a_canonical_set_has_neither_overlaps_nor_neighbours() {
    let set = tcp(&[(80, 90), (10, 20), (21, 30), (85, 100), (65_535, 65_535)]).canonical();
    assert_eq!(set, tcp(&[(10, 30), (80, 100), (65_535, 65_535)]));
    assert_eq!(set.width(), 21 + 21 + 1);
}

#[test]
fn ports_in_the_same_sets_share_a_class_and_others_do_not() {
    let classes = Classes::divide(&[tcp(&[(80, 90)]), tcp(&[(85, 100), (200, 200)])]).unwrap();
    assert_eq!(classes.count, 4);
    let class = |port: usize| classes.tcp[port];
    assert_eq!(class(80), class(84));
    assert_eq!(class(91), class(200));
    assert_eq!(class(79), class(65_535));
    let different: std::collections::BTreeSet<u8> =
        [79, 80, 85, 91].iter().map(|&port| class(port).0).collect();
    assert_eq!(different.len(), 4);
    assert_eq!(class(0).0, 0);
}

#[test]
fn known_services_are_sorted_and_hold_something() {
    assert!(KNOWN.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert!(KNOWN.iter().all(|known| !PortSet::known(known).is_empty()));
    let dicom = KNOWN.iter().find(|known| known.0 == "dicom").unwrap();
    assert!(PortSet::known(dicom).contains(TCP, 104));
}
