use crate::talk::{end, flow, record};
use abi::device::DeviceType;
use lake::flow::Flow;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn flows() -> impl Strategy<Value = Vec<Flow>> {
    let one = (0..4_u8, 0..4_u8, prop::sample::select(vec![6_u8, 17, 1]), 0..4_u16, 1..1000_u64);
    prop::collection::vec(one, 0..200).prop_map(|all| {
        all.into_iter()
            .map(|(client, server, protocol, port, at)| {
                let client = end(1, client, 40_000 + port, DeviceType::Ct);
                flow(at, client, end(2, server, port, DeviceType::Unknown), protocol)
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn a_record_counts_every_access_as_one_by_one_adding_does(flows in flows()) {
        let record = record(&flows);
        let mut counted = BTreeMap::<_, (u64, u64, u64)>::new();
        for flow in &flows {
            // The type of ICMP is told apart, source ports of others are not.
            let client_port = if flow.protocol == 1 { flow.client.port } else { 0 };
            let key = (flow.client.device, flow.server.device, flow.protocol, client_port, flow.server.port);
            let sum = counted.entry(key).or_insert((0, u64::MAX, 0));
            *sum = (sum.0 + 1, sum.1.min(flow.first.0), sum.2.max(flow.last.0));
        }
        let found: BTreeMap<_, _> = record.accesses.iter().map(|access| {
            let key = (access.client.device, access.server.device, access.protocol, access.client_port, access.port);
            (key, (access.flows, access.first.0, access.last.0))
        }).collect();
        prop_assert_eq!(found.len(), record.accesses.len());
        prop_assert_eq!(found, counted);
        prop_assert_eq!(record.flows, flows.len() as u64);
    }
}
