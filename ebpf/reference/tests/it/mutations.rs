//! The comparison proves itself: it goes red for each mistake that is written into a copy of the judge.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A mistake: what it is, the file of `ebpf/abi/src`, the text that stands there once, and what takes its place.
type Mutation = (&'static str, &'static str, &'static str, &'static str);

const MUTATIONS: [Mutation; 46] = [
    (
        "allow and deny are swapped",
        "table.rs",
        "if bits & 1 == 0 { Action::Allow } else { Action::Deny }",
        "if bits & 1 == 1 { Action::Allow } else { Action::Deny }",
    ),
    (
        "a cached verdict of an older policy is a hit",
        "state/flow.rs",
        "let holds = packed.generation() == moment.generation && pause",
        "let holds = pause",
    ),
    (
        "what answers a denied flow is denied, even if it is allowed for itself",
        "judge/slow.rs",
        "if !answer.is_none() && answer.action() == Action::Allow {",
        "if !answer.is_none() {",
    ),
    (
        "the MAC address is not compared",
        "state/flow.rs",
        "entry.meta.load() & BOUND == meta",
        "entry.meta.load() & FAMILY == meta & FAMILY",
    ),
    (
        "a later fragment may overwrite the end of a TCP header",
        "judge.rs",
        "const LEAST_TCP: u16 = 20;",
        "const LEAST_TCP: u16 = 16;",
    ),
    (
        "the bytes of a VLAN identifier are read in the wrong order",
        "headers/read.rs",
        "u16::from_be_bytes([id_high, id_low]) & 0x0fff",
        "u16::from_be_bytes([id_low, id_high]) & 0x0fff",
    ),
    ("neighbour discovery is allowed from beyond a router", "judge.rs", "(133..=136, 255)", "(133..=136, _)"),
    (
        "only the client's half of DHCP is allowed",
        "judge.rs",
        "(ether_type::IPV4, 68, 67) | (ether_type::IPV4, 67, 68)",
        "(ether_type::IPV4, 68, 67)",
    ),
    (
        "TCP met midway is allowed in the first direction only",
        "judge/slow.rs",
        "(Action::Deny, Action::Allow) => second,",
        "(Action::Deny, Action::Allow) => PackedVerdict::NONE,",
    ),
    (
        "idle flows live for ten hours",
        "state/flow.rs",
        "const FLOW_LIFE: u64 = 3600 * SECOND;",
        "const FLOW_LIFE: u64 = 36_000 * SECOND;",
    ),
    (
        "the segments of sender and receiver are swapped",
        "judge/slow.rs",
        "(miss.from, miss.to) = identities.sides(headers, miss.found);",
        "(miss.to, miss.from) = identities.sides(headers, miss.found);",
    ),
    (
        "TCP is judged by the classes of UDP ports",
        "table.rs",
        "protocol::TCP => self.tcp_class.get(",
        "protocol::TCP => self.udp_class.get(",
    ),
    (
        "extension headers are half as long",
        "headers/read.rs",
        "(usize::from(len) + 1) * 8",
        "(usize::from(len) + 1) * 4",
    ),
    (
        "one extension header fewer is walked",
        "headers/read.rs",
        "const EXTENSIONS: usize = 8;",
        "const EXTENSIONS: usize = 7;",
    ),
    ("one VLAN tag fewer is read", "headers/read.rs", "const TAGS: usize = 4;", "const TAGS: usize = 3;"),
    (
        "SYN and ACK together are taken for the initiator's",
        "judge/slow.rs",
        "if headers.answers_tcp() { (backward, forward) }",
        "if headers.answers_tcp() { (forward, backward) }",
    ),
    (
        "answers that came too early stay denied",
        "judge/slow.rs",
        "state.flows.reconsider(&miss.back, &miss.moment);",
        "state.flows.reconsider(&miss.key, &miss.moment);",
    ),
    (
        "fragments are awaited for ten minutes",
        "state/fragment.rs",
        "const LIFE: u64 = 60 * SECOND;",
        "const LIFE: u64 = 600 * SECOND;",
    ),
    (
        "an answer in another VLAN is none",
        "state/flow.rs",
        "self.find_asking(key, moment, Vlans::Any, found);",
        "self.find_asking(key, moment, Vlans::Same, found);",
    ),
    (
        "a device in quarantine is heard as a server",
        "judge/slow.rs",
        "if is_excused && !serves { Custody::Free }",
        "if is_excused { Custody::Free }",
    ),
    (
        "what goes to a device in quarantine passes",
        "judge/slow.rs",
        "(false, true) => is_needed || from_refuge,",
        "(false, true) => true,",
    ),
    (
        "what was cut off keeps its direction",
        "judge/slow.rs",
        "seen.packed.reason() != reason::QUARANTINE",
        "seen.packed.reason() != reason::FAIL_OPEN",
    ),
    (
        "every server is trusted where one is",
        "judge.rs",
        "policy.tables.trusts(miss.from, server) ||",
        "policy.tables.trusts(miss.from, server) == policy.tables.trusts(miss.from, server) ||",
    ),
    (
        "what is only observed is dropped where nobody attends",
        "state/unattended.rs",
        "Action::Allow if packed.is_enforced() => {",
        "Action::Allow if packed.generation() < u16::MAX => {",
    ),
    (
        "cached verdicts do not know the deadline",
        "judge/hot.rs",
        "Some(state.carried_out(moment, packed).fate())",
        "Some(packed.fate())",
    ),
    ("a SYN may be an answer", "judge/slow.rs", "if !headers.opens_tcp() {", "if headers.protocol != 0 {"),
    (
        "the fast path takes later fragments for whole datagrams",
        "judge/hot.rs",
        "& 0x3fff != 0",
        "& 0x2000 != 0",
    ),
    (
        "the fast path swaps the VLANs",
        "judge/hot.rs",
        "{ (outer << 12) | inner }",
        "{ (inner << 12) | outer }",
    ),
    (
        "the outer VLAN places a device before the inner one",
        "state/identity.rs",
        "self.vlan(inner)\n            .or_else(|| self.vlan(outer))",
        "self.vlan(outer)\n            .or_else(|| self.vlan(inner))",
    ),
    (
        "what is denied in mode alert is dropped",
        "judge.rs",
        "(Mode::Observe | Mode::Alert, _) | (Mode::Enforce, Action::Allow) => Fate::Pass,\n            (Mode::Enforce, Action::Deny) => Fate::Drop,",
        "(Mode::Observe, _) | (Mode::Alert | Mode::Enforce, Action::Allow) => Fate::Pass,\n            (Mode::Alert | Mode::Enforce, Action::Deny) => Fate::Drop,",
    ),
    (
        "a cached verdict in a far place is none",
        "judge/slow.rs",
        "&& own.mac == headers.src_mac\n        && own.pace == Pace::Free",
        "&& own.mac.is_none()",
    ),
    ("what comes through another router has moved", "state/identity.rs", "sender.is_routed() ||", ""),
    (
        "a MAC address places what lies behind a router",
        "state/identity.rs",
        "entry.is_router() || found.is_routed();",
        "entry.is_router();",
    ),
    (
        "a limit holds for answers too",
        "judge/slow.rs",
        "(Some(_), Action::Allow, Direction::Forward) => Pace::Limited,",
        "(Some(_), Action::Allow, _) => Pace::Limited,",
    ),
    ("cached verdicts know no limit", "state/flow.rs", "| FAMILY | TAPPED | LIMITED;", "| FAMILY | TAPPED;"),
    (
        "a limit drops what a patient depends on",
        "judge/slow.rs",
        "(None, Mode::Enforce) if critical => Mode::Alert,",
        "(None, Mode::Enforce) if critical => Mode::Enforce,",
    ),
    (
        "a limit is that of a router, for all that it forwards",
        "judge/slow.rs",
        "&& !policy.identities.is_router(headers.src_mac);",
        "&& headers.src_port < u16::MAX;",
    ),
    (
        "a tiny first fragment is no opening",
        "headers.rs",
        "matches!(self.fragment, Fragment::First { .. }) && self.payload_offset == 0;",
        "false;",
    ),
    (
        "neighbour discovery is allowed in IPv4",
        "judge.rs",
        "protocol::IGMP => Some(Builtin::Igmp),",
        "protocol::IGMP => Some(Builtin::Igmp),\n            protocol::ICMPV6 => discovery(headers),",
    ),
    (
        "IGMP is allowed in IPv6",
        "judge.rs",
        "protocol::ICMPV6 => discovery(headers),",
        "protocol::ICMPV6 => discovery(headers),\n            protocol::IGMP => Some(Builtin::Igmp),",
    ),
    (
        "IGMP is allowed whose header does not fit its datagram",
        "judge.rs",
        "ether_type::IPV4 if headers.is_ip() =>",
        "ether_type::IPV4 =>",
    ),
    (
        "a first fragment is known by the protocol behind its extension headers",
        "state/fragment.rs",
        "Fragment::First { protocol, .. } => protocol,",
        "Fragment::First { .. } => headers.protocol,",
    ),
    (
        "a later fragment may overwrite the first",
        "state/fragment.rs",
        "u64::from(offset) >= entry.len.load()",
        "u64::from(offset) > 0",
    ),
    ("TCP flags are read from padding", "headers/read.rs", "fits(headers, bytes, at + 14)?;", ""),
    (
        "extension headers of IPv6 are walked in IPv4",
        "headers/read.rs",
        "headers.ether_type == ether_type::IPV6",
        "headers.protocol != 0 || headers.ether_type == ether_type::IPV6",
    ),
    (
        "fragments of both families share their datagrams",
        "state/fragment.rs",
        "u64::from(headers.ether_type) << 40 | ",
        "",
    ),
];

/// Crates that the comparison needs, and what of them.
const COPIED: [(&str, &[&str]); 4] = [
    ("ebpf/abi", &["src", "Cargo.toml"]),
    ("ebpf/reference", &["src", "policies", "tests", "Cargo.toml"]),
    ("policies", &["src", "examples", "Cargo.toml"]),
    ("fixtures", &["src", "Cargo.toml"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The source with the mistake in it.
fn mutated(mutation: &Mutation, folder: &Path) -> String {
    let (what, file, before, after) = mutation;
    let text = read(&folder.join("ebpf/abi/src").join(file));
    let found = text.matches(before).count();
    assert_eq!(
        found, 1,
        "`{before}` stands {found} times in {file} (mistake: {what}); the list must follow the code"
    );
    text.replace(before, after)
}

fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let name = entry.unwrap().file_name();
            copy(&from.join(&name), &to.join(&name));
        }
    } else {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}

/// A workspace of copies in an empty folder.
fn workspace(folder: &Path) {
    for (krate, parts) in COPIED {
        for part in parts {
            copy(&root().join(krate).join(part), &folder.join(krate).join(part));
        }
    }
    copy(&root().join("Cargo.lock"), &folder.join("Cargo.lock"));
    let manifest = read(&root().join("Cargo.toml"));
    let (_, rest) = manifest.split_once("[workspace.package]").unwrap();
    let members: Vec<String> = COPIED.iter().map(|(krate, _)| format!("\"{krate}\"")).collect();
    let head =
        format!("[workspace]\nresolver = \"3\"\nmembers = [{}]\n\n[workspace.package]", members.join(", "));
    // Without optimisation: compiling costs more than running here.
    let rest = rest.replace("[profile.dev]\nopt-level = 1", "[profile.dev]\nopt-level = 0");
    fs::write(folder.join("Cargo.toml"), head + &rest).unwrap();
}

/// Runs the comparison of generated frames in the copy; the same target folder for all, so that the dependencies are
/// built once.
fn compare(folder: &Path) -> Output {
    Command::new(env!("CARGO"))
        .args(["test", "--offline", "--quiet", "-p", "reference", "--test", "it", "differential::"])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("mutants"))
        .env("RUSTFLAGS", "-Awarnings")
        .env("RUST_BACKTRACE", "0")
        .env("WARDLINE_FRAMES", "300000")
        .env_remove("WARDLINE_DATA")
        .output()
        .unwrap()
}

#[test]
fn every_mistake_of_the_list_has_its_place_in_the_judge() {
    for mutation in &MUTATIONS {
        assert_ne!(mutated(mutation, &root()), read(&root().join("ebpf/abi/src").join(mutation.1)));
    }
}

#[test]
fn the_comparison_goes_red_for_every_mistake_in_the_judge_and_stays_green_without() {
    let Ok(wanted) = std::env::var("WARDLINE_MUTANTS") else {
        let line = "SKIPPED: the comparison of mutated judges takes minutes: run it with `make mutants`\n";
        drop(std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes()));
        return;
    };
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let folder = folder.path();
    workspace(folder);
    let sound = compare(folder);
    assert!(sound.status.success(), "without a mistake: {}", String::from_utf8_lossy(&sound.stdout));
    let mut unnoticed = Vec::new();
    // `1` is all of them; another word, those that speak of it.
    let chosen = MUTATIONS.iter().filter(|mutation| wanted == "1" || mutation.0.contains(&wanted));
    for mutation in chosen {
        let file = folder.join("ebpf/abi/src").join(mutation.1);
        let text = read(&file);
        fs::write(&file, mutated(mutation, folder)).unwrap();
        let output = compare(folder);
        fs::write(&file, text).unwrap();
        let said =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let differs = said.contains("the fewest steps to a difference");
        eprintln!("{}: {}", if differs { "red" } else { "not red" }, mutation.0);
        if output.status.success() || !differs {
            let end = said.len().saturating_sub(1500);
            unnoticed.push(format!("{}\n{}", mutation.0, said.get(end..).unwrap_or(&said)));
        }
    }
    assert!(unnoticed.is_empty(), "mistakes that the comparison does not notice:\n{}", unnoticed.join("\n"));
}
