//! Arbitrary datagrams as DNS, multicast DNS and DHCP.
#![no_main]

use abi::address::Timestamp;
use abi::app::App;
use libfuzzer_sys::fuzz_target;
use wire::{Side, dhcp, dns};

fuzz_target!(|input: &[u8]| {
    let mut rows = Vec::new();
    for app in [App::Dns, App::Mdns, App::Llmnr, App::Unknown] {
        let mut session = dns::Session::on(app);
        session.datagram(Side::Client, Timestamp(0), input, &mut rows);
        session.datagram(Side::Server, Timestamp(1), input, &mut rows);
        session.finish(Timestamp(2), &mut rows);
    }
    rows.extend(dhcp::exchange(Side::Client, Timestamp(0), input));
    for row in &rows {
        row.said.fields(&mut |_, _| {});
    }
});
