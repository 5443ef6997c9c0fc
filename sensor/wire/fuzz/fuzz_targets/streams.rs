//! Arbitrary streams as TLS, HTTP and DNS over TCP, cut into chunks with gaps between them by the input itself.
#![no_main]

use abi::address::Timestamp;
use abi::app::App;
use libfuzzer_sys::fuzz_target;
use wire::{Side, dns, http, tls};

fuzz_target!(|input: &[u8]| {
    let (mut tls, mut http, mut dns) =
        (tls::Session::default(), http::Session::default(), dns::Session::on(App::Dns));
    let mut rows = Vec::new();
    let mut rest = input;
    while let Some((&choice, behind)) = rest.split_first() {
        let side = if choice & 1 == 0 { Side::Client } else { Side::Server };
        let (chunk, behind) = behind.split_at(behind.len().min(usize::from(choice >> 2)));
        rest = behind;
        if choice & 2 == 2 {
            tls.gap(side, u64::from(choice));
            http.gap(side, u64::from(choice));
            dns.gap(side, u64::from(choice));
        }
        let _ = (tls::claim(chunk), http::claim(chunk), dns::claim_tcp(chunk));
        tls.feed(side, Timestamp(0), chunk, &mut rows);
        http.feed(side, Timestamp(0), chunk, &mut rows);
        dns.feed(side, Timestamp(0), chunk, &mut rows);
    }
    tls.finish(Timestamp(1), &mut rows);
    http.finish(Timestamp(1), &mut rows);
    dns.finish(Timestamp(1), &mut rows);
    for row in &rows {
        row.said.fields(&mut |_, _| {});
    }
});
