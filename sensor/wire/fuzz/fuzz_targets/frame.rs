//! Arbitrary records of every link type, read with all that a frame offers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wire::frame::{LinkType, read};

fuzz_target!(|input: &[u8]| {
    let Some((&choice, bytes)) = input.split_first() else { return };
    let links = [
        LinkType::Ethernet,
        LinkType::RawIp,
        LinkType::Null,
        LinkType::Loop,
        LinkType::LinuxSll,
        LinkType::LinuxSll2,
    ];
    let link = links[usize::from(choice) % links.len()];
    let frame = read(link, bytes, u32::from(choice) * 64);
    assert!(frame.payload().len() <= frame.headers.payload_len as usize);
    if let Some(tcp) = frame.tcp() {
        tcp.syn_options();
    }
    wire::arp::read(frame.network());
});
