use super::*;
use proptest::prelude::*;

fn side() -> impl Strategy<Value = Side> {
    (any::<[u8; 16]>(), any::<[u8; 6]>(), any::<bool>()).prop_map(|(ip, mac, by_mac)| {
        // Only the high half that marks MAC addresses is no device's.
        let ip = Ip(if ip[..8] == [0xff; 8] { [0; 16] } else { ip });
        let device = if by_mac { DeviceKey::Mac(Mac(mac)) } else { DeviceKey::Ip(ip) };
        Side { device, ip, mac: Mac(mac) }
    })
}

fn access() -> impl Strategy<Value = Access> {
    let key = (side(), side(), any::<u16>(), any::<u8>(), any::<u16>(), any::<u16>());
    (key, any::<[u32; 3]>(), any::<[u32; 2]>()).prop_map(|(key, counts, times)| {
        let (client, server, vlan, protocol, client_port, port) = key;
        let [flows, answered, bytes] = counts.map(u64::from);
        let [first, last] = times.map(|time| Timestamp(u64::from(time)));
        Access { client, server, vlan, protocol, client_port, port, flows, answered, bytes, first, last }
    })
}

proptest! {
    #[test]
    fn accesses_come_back_from_columns_as_they_went_in(rows in prop::collection::vec(access(), 0..20)) {
        let mut columns = Columns::default();
        for row in &rows { columns.push(row); }
        prop_assert_eq!(accesses(&columns.frame().unwrap()).unwrap(), rows);
    }
}
