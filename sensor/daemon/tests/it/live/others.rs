//! On mirror ports, on the ports of a bridge, where drivers cannot, and where it is refused.

use super::ground::{Ground, Place, shell};
use super::{POLICY, Sensor};
use crate::read::Ran;
use crate::run::text;
use daemon::fastpath::interface::{Interface, Occupied};
use serde_json::Value;
use std::process::Command;

/// Has a bridge of the kernel carry frames between the ports.
pub(super) fn bridge(ground: &Ground) {
    let sensor = ground.namespace(Place::Sensor);
    shell(&format!(
        "ip -n {sensor} link add bridge mtu 9000 type bridge
        ip -n {sensor} link set one master bridge
        ip -n {sensor} link set two master bridge
        ip -n {sensor} link set bridge up"
    ));
}

/// Runs `wardline` where the sensor is, to its end.
pub(super) fn wardline(ground: &Ground, arguments: &[&str]) -> Ran {
    let output = ground
        .inside(Place::Sensor, || Command::new(env!("CARGO_BIN_EXE_wardline")).args(arguments).output())
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn opened(ground: &Ground) -> [bool; 2] {
    [104, 445].map(|port| ground.transfer(port, b"hello").is_some())
}

#[test]
fn on_the_ports_of_a_bridge_what_is_denied_is_dropped_and_the_rest_goes_on() {
    let Some(ground) = Ground::make() else { return };
    bridge(&ground);
    assert_eq!(opened(&ground), [true, true], "without a sensor everything passes");
    let sensor = Sensor::start(&ground, "routed", &ground.file("policy.yaml", POLICY), &["--stay"]);
    assert_eq!(opened(&ground), [true, false]);
    let (status, summary, said) = sensor.end("TERM");
    assert_eq!(status.code(), Some(0), "{said}");
    assert!(summary["fates"]["dropped"].as_u64().unwrap() >= 1, "{summary}");
    // It was told to leave the program at work. Another sensor, which knows nothing of it, is refused.
    assert_eq!(opened(&ground), [true, false]);
    let (policy, elsewhere) = (ground.file("policy.yaml", POLICY), ground.pins().with_file_name("elsewhere"));
    let arguments =
        ["run", "--mode", "routed", "-i", "one", "--policy", text(&policy), "--pin", text(&elsewhere)];
    let ran = wardline(&ground, &arguments);
    let told = "error: one: the program cannot be attached: another XDP program is there (`ip link set dev one xdp off` removes it";
    assert!(ran.code == 2 && ran.stderr.starts_with(told), "{}", ran.stderr);
    assert_eq!(opened(&ground), [true, false]);
    // Another command takes it away.
    let ran = wardline(&ground, &["run", "--detach", "--pin", text(&ground.pins())]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(opened(&ground), [true, true]);
    assert!(!ground.pins().exists());
}

#[test]
fn on_mirror_ports_nothing_is_dropped_of_what_is_denied_and_enforced() {
    let Some(ground) = Ground::make() else { return };
    bridge(&ground);
    let sensor = Sensor::start(&ground, "span", &ground.file("policy.yaml", POLICY), &[]);
    assert!(sensor.said().contains("nothing is ever dropped"), "{}", sensor.said());
    assert_eq!(opened(&ground), [true, true]);
    let (_, summary, said) = sensor.end("TERM");
    assert!(summary["fates"]["would_be_dropped"].as_u64().unwrap() >= 4, "{summary} {said}");
    assert!(summary["fates"].get("dropped").is_none(), "{summary}");
}

#[test]
fn where_a_driver_cannot_the_program_runs_in_generic_mode_and_says_why() {
    let Some(ground) = Ground::make() else { return };
    ground.ethtool(Place::Right, "host gro off");
    let sensor = Sensor::start(&ground, "inline", &ground.file("policy.yaml", POLICY), &[]);
    let said = sensor.said();
    let why = "generic mode, not native: two does not send what is redirected to it (`ethtool -K PEER gro on` at its other end)";
    assert!(
        said.contains(&format!("warning: one: {why}")) && said.contains(&format!("warning: two: {why}")),
        "{said}"
    );
    let bytes = vec![7; 1 << 20];
    assert!(ground.transfer(104, &bytes) == Some(bytes));
    assert_eq!(ground.transfer(445, b"SMB"), None);
    let (_, summary, _) = sensor.end("TERM");
    assert_eq!(
        (&summary["ports"][0]["way"], &summary["ports"][1]["way"]),
        (&"generic".into(), &"generic".into())
    );
}

#[test]
fn a_refusal_says_which_condition_fails_and_what_to_run_and_leaves_everything_as_it_was() {
    let Some(ground) = Ground::make() else { return };
    let sensor = ground.namespace(Place::Sensor);
    ground.ethtool(Place::Sensor, "two rxvlan on");
    shell(&format!("ip -n {sensor} link set one down"));
    let policy = ground.file("policy.yaml", POLICY);
    let run = |interfaces: [&str; 2], policy: &str, pin: &str| {
        let [one, two] = interfaces;
        wardline(
            &ground,
            &["run", "--mode", "inline", "-i", one, "-i", two, "--policy", policy, "--pin", pin],
        )
    };
    let (policy, pin) = (text(&policy).to_owned(), ground.pins());
    let ran = run(["one", "two"], &policy, text(&pin));
    let told = "error: one: is down (`ip link set dev one up`)
error: two: it takes VLAN tags out of frames, so that VLANs would look alike (rxvlan on) (`ethtool -K two rxvlan off`)
";
    assert_eq!((ran.code, ran.stderr.as_str()), (2, told));
    let ran = run(["one", "three"], &policy, text(&pin));
    assert!(ran.stderr.contains("error: three: there is no such interface"), "{}", ran.stderr);
    let doctor = wardline(&ground, &["doctor", "--json", "two"]);
    let rows: Value = serde_json::from_str(&doctor.stdout).unwrap();
    let row = rows.as_array().unwrap().iter().find(|row| row["what"] == "two, rxvlan").unwrap();
    assert_eq!(
        (doctor.code, &row["holds"], &row["remedy"]),
        (1, &"no".into(), &"`ethtool -K two rxvlan off`".into())
    );
    ground.ethtool(Place::Sensor, "two rxvlan off");
    shell(&format!("ip -n {sensor} link set one up"));
    let doctor = wardline(&ground, &["doctor", "one", "two"]);
    assert!(!doctor.stdout.contains("one, rxvlan: it"), "{}", doctor.stdout);
    let elsewhere = std::env::temp_dir().join("sensor");
    let ran = run(["one", "two"], &policy, text(&elsewhere));
    assert!(ran.stderr.contains("mount -t bpf bpf"), "{}", ran.stderr);
    let bare = "setpriv --inh-caps=-all --bounding-set=-all";
    let policy_and_pin = format!("--policy {policy} --pin {}", text(&pin));
    let binary = env!("CARGO_BIN_EXE_wardline");
    let script = format!("{bare} {binary} run --mode span -i one {policy_and_pin}");
    let output = ground.inside(Place::Sensor, || Command::new("sh").args(["-c", &script]).output()).unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(4), "{told}");
    assert!(told.starts_with("error: not permitted: CAP_NET_ADMIN is missing (run as root"), "{told}");
    let invalid = ground.file("invalid.yaml", "version: 1\nallow: [ { from: nobody } ]\n");
    let ran = run(["one", "two"], text(&invalid), text(&pin));
    assert_eq!(ran.code, 3, "{}", ran.stderr);
    assert!(ran.stderr.contains("nobody"), "{}", ran.stderr);
    for name in ["one", "two"] {
        let port = ground.inside(Place::Sensor, || Interface::named(name)).unwrap().unwrap();
        assert_eq!(port.has_program, Occupied::No);
    }
    assert!(!pin.exists());
}
