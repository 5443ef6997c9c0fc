use super::{Arp, Operation, read};
use abi::address::{Ip, Mac};
use proptest::prelude::*;

const REPLY: [u8; 28] = [
    0, 1, 8, 0, 6, 4, 0, 2, //
    2, 0, 0, 0, 0, 1, 10, 0, 0, 1, //
    2, 0, 0, 0, 0, 2, 10, 0, 0, 2,
];

#[test]
fn a_reply_tells_who_claims_the_sender_address() {
    let mut padded = REPLY.to_vec();
    padded.extend([0; 18]);
    let expected = Arp {
        operation: Operation::Reply,
        sender_mac: Mac([2, 0, 0, 0, 0, 1]),
        sender_ip: Ip::v4([10, 0, 0, 1]),
        target_mac: Mac([2, 0, 0, 0, 0, 2]),
        target_ip: Ip::v4([10, 0, 0, 2]),
    };
    assert_eq!(read(&padded), Some(expected));
}

#[test]
fn other_hardware_other_protocols_and_cut_frames_are_not_read() {
    assert_eq!(read(&REPLY[..27]), None);
    for (at, value) in [(1, 6), (3, 1), (4, 8), (5, 16)] {
        let mut other = REPLY;
        other[at] = value;
        assert_eq!(read(&other), None, "byte {at}");
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_are_read_only_as_ipv4_over_ethernet(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if read(&bytes).is_some() {
            prop_assert_eq!(&bytes[..6], &REPLY[..6]);
        }
    }
}
