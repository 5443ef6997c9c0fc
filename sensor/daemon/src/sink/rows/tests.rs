use super::super::json::Json;
use super::super::{Names, samples};
use super::{flow, incident, session, verdict};
use abi::address::{Ip, Mac};
use abi::device::DeviceType;
use detectors::record::{Both, FlowRecord};
use engine::output::VerdictRow;
use serde_json::{Value, json};

fn read(write: impl FnOnce(&mut Json)) -> Value {
    let mut out = Json::default();
    write(&mut out);
    serde_json::from_slice(out.bytes()).unwrap()
}

fn flow_row(row: &FlowRecord) -> Value {
    read(|out| flow(out, row, &Names::of(None)))
}

#[test]
fn a_flow_row_says_all_that_the_record_does() {
    let policy = samples::policy();
    let row = read(|out| flow(out, &samples::flow(), &Names::of(Some(&policy))));
    insta::assert_snapshot!(serde_json::to_string_pretty(&row).unwrap());
}

#[test]
fn a_flow_row_has_its_members_in_a_fixed_order_on_one_line() {
    let mut out = Json::default();
    flow(&mut out, &samples::flow(), &Names::of(None));
    let text = std::str::from_utf8(out.bytes()).unwrap();
    assert!(
        text.starts_with(r#"{"id":"f12","ts_first":"2026-03-01T08:00:00.123456789Z","ts_last":"#),
        "{text}"
    );
    assert!(text.ends_with("\"end\":\"closed\"}\n"), "{text}");
}

#[test]
fn a_capture_without_a_link_layer_has_null_for_mac_addresses() {
    let mut record = samples::flow();
    record.client.mac = Mac::NONE;
    assert_eq!(flow_row(&record)["client"]["mac"], Value::Null);
}

#[test]
fn a_flow_below_ip_has_no_community_id() {
    let mut record = FlowRecord { protocol: 0, ..samples::flow() };
    record.client.ip = Ip::NONE;
    record.server.ip = Ip::NONE;
    let row = flow_row(&record);
    assert_eq!(row["community_id"], Value::Null);
    assert_eq!(row["proto"], "ethernet");
}

#[test]
fn directions_keep_their_sides() {
    let record = FlowRecord {
        packets: Both { out: 1, back: 2 },
        bytes: Both { out: 3, back: 4 },
        missing: Both { out: 5, back: 6 },
        ..samples::flow()
    };
    let row = flow_row(&record);
    assert_eq!(row["packets"], json!({"out": 1, "in": 2}));
    assert_eq!(row["bytes"], json!({"out": 3, "in": 4}));
    assert_eq!(row["missing"], json!({"out": 5, "in": 6}));
}

#[test]
fn vlan_numbers_are_outer_first_and_zero_is_none() {
    for (vlan, expected) in [([0, 0], json!([])), ([7, 0], json!([7])), ([7, 9], json!([7, 9]))] {
        assert_eq!(flow_row(&FlowRecord { vlan, ..samples::flow() })["vlan"], expected);
    }
}

#[test]
fn a_verdict_names_the_rule_and_its_line() {
    let policy = samples::policy();
    let names = Names::of(Some(&policy));
    let row = read(|out| verdict(out, &samples::verdict(), &names));
    insta::assert_snapshot!(serde_json::to_string_pretty(&row).unwrap());
}

#[test]
fn only_a_deny_in_mode_enforce_drops() {
    let policy = samples::policy();
    let names = Names::of(Some(&policy));
    for sample in samples::verdicts() {
        let row = read(|out| verdict(out, &sample, &names));
        let expected = row["action"] == "deny" && row["mode"] == "enforce";
        assert_eq!(row["dropped"], expected, "{row}");
    }
}

#[test]
fn a_service_without_a_name_is_called_by_protocol_and_port() {
    let policy = samples::policy();
    let names = Names::of(Some(&policy));
    let service = |protocol, port| {
        let sample = VerdictRow { protocol, port, ..samples::verdict() };
        read(|out| verdict(out, &sample, &names))["service"].clone()
    };
    assert_eq!(service(6, 104), "dicom");
    assert_eq!(service(6, 4242), "tcp/4242");
    assert_eq!(service(17, 4242), "udp/4242");
    assert_eq!(service(1, 0), "ping");
    assert_eq!(service(47, 0), "gre");
    assert_eq!(service(89, 0), "ip-89");
}

#[test]
fn an_incident_keeps_small_probabilities_and_says_what_to_do() {
    let row = read(|out| incident(out, &samples::incident(), &Names::of(None)));
    insta::assert_snapshot!(serde_json::to_string_pretty(&row).unwrap());
}

#[test]
fn nobody_is_told_to_cut_off_a_device_that_may_keep_a_patient_alive() {
    let action = |class, names: &Names<'_>| {
        let mut sample = samples::incident();
        sample.source.class = class;
        read(|out| incident(out, &sample, names))["action"].as_str().unwrap().to_owned()
    };
    let warned = |action: &str| action.contains("do not cut it off");
    assert!(warned(&action(DeviceType::InfusionPump, &Names::of(None))));
    assert!(!warned(&action(DeviceType::Printer, &Names::of(None))));
    // The segment of the source is declared life-critical.
    let policy = samples::policy();
    assert!(warned(&action(DeviceType::Printer, &Names::of(Some(&policy)))));
}

#[test]
fn a_session_says_who_asked_whom() {
    for sample in samples::sessions() {
        let row = read(|out| session(out, &sample, &Names::of(None)));
        assert_eq!(row["client"]["type"], "ct");
        assert_eq!(row["server"]["ip"], "2001:db8::1");
        assert_eq!(row["op"], sample.exchange.said.op());
        let mut shown = 0;
        sample.exchange.said.fields(&mut |_, _| shown += 1);
        assert_eq!(row["fields"].as_object().unwrap().len(), shown, "a field is shown once");
    }
}
