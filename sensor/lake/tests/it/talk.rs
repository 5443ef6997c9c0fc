//! Flows of a small hospital, made up by number.

use abi::address::{DeviceKey, Ip, Mac, SECOND, Timestamp};
use abi::device::DeviceType;
use lake::flow::{Answered, End, Flow};
use lake::record::{Record, Recorder};
use policies::{Compiled, Source};

/// A device: its network, its number there, and what it is.
pub(crate) fn end(network: u8, host: u8, port: u16, class: DeviceType) -> End {
    let mac = Mac([2, 0, 0, 0, network, host]);
    End { device: DeviceKey::Mac(mac), ip: Ip::v4([10, 0, network, host]), mac, port, class }
}

/// A host outside, beyond the router.
pub(crate) fn outside(host: u8, port: u16) -> End {
    let ip = Ip::v4([93, 184, 216, host]);
    End { device: DeviceKey::Ip(ip), ip, mac: Mac([2, 0, 0, 0, 0, 1]), port, class: DeviceType::Unknown }
}

/// A flow that begins at a second and takes one.
pub(crate) fn flow(at: u64, client: End, server: End, protocol: u8) -> Flow {
    Flow {
        first: Timestamp(at * SECOND),
        last: Timestamp((at + 1) * SECOND),
        client,
        server,
        vlan: 0,
        protocol,
        bytes: 1000,
        answered: Answered::Yes,
    }
}

pub(crate) fn record(flows: &[Flow]) -> Record {
    let mut recorder = Recorder::default();
    for flow in flows {
        recorder.push(flow).unwrap();
    }
    recorder.finish().unwrap()
}

pub(crate) fn compiled(text: &str) -> Compiled {
    match policies::compile(&[Source { name: "p.yaml".to_owned(), text: text.to_owned() }]) {
        Ok(policy) => policy,
        Err(mistakes) => panic!("{mistakes}\n{text}"),
    }
}
