//! Inputs that are no captures are refused before anything is processed: place, cause, remedy, and exit code 2.

use crate::build::{Endian, Folder, MICRO, Ng, Pcap, gzip, pcap};
use crate::read::wardline;

/// Replays one file and returns what stderr says of it, after its name.
fn refusal(name: &str, bytes: &[u8]) -> String {
    let folder = Folder::new();
    let path = folder.file(name, bytes);
    told(path.to_str().unwrap())
}

fn told(path: &str) -> String {
    let ran = wardline(&["replay", path], b"");
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{}", ran.stderr);
    ran.stderr
        .strip_prefix(&format!("error: {path}: "))
        .unwrap_or_else(|| panic!("{}", ran.stderr))
        .trim()
        .to_owned()
}

#[test]
fn each_refusal_says_cause_and_remedy() {
    let text =
        "is not a capture: it is text (give a pcap or pcapng file, which may be packed with gzip or zstd)";
    assert_eq!(refusal("notes.txt", b"dear diary\n"), text);
    assert_eq!(refusal("notes.txt.gz", &gzip(b"dear diary\n")), text);
    assert_eq!(refusal("a", b""), "is empty (check that the program which wrote it had finished)");
    assert_eq!(refusal("a", &gzip(b"")), "is empty (check that the program which wrote it had finished)");
    assert_eq!(told("/dev/null"), "is empty (check that the program which wrote it had finished)");
    let short = "to be a capture: 1 B (check that the program which wrote it had finished)";
    assert_eq!(refusal("a", b"a"), format!("is too short {short}"));
    assert_eq!(refusal("a", &gzip(b"a")), format!("is too short {short}"));
    assert!(refusal("a", &[0xa1, 0xb2, 0xc3]).starts_with("is too short to be a capture: 3 B ("));
    assert!(refusal("a", b"diar").starts_with("is not a capture: it is text ("));
    assert_eq!(told("/nowhere/a.pcap"), "does not exist (check the path)");
    let unknown = "is not a capture: it begins like no format known here (give a pcap or pcapng file, which may be packed with gzip or zstd)";
    assert_eq!(refusal("a", &[0; 100]), unknown);
    let folder = Folder::new();
    assert_eq!(told(folder.path().to_str().unwrap()), "is a folder (name the capture files in it)");
    let xz =
        "is not a capture: it is packed in a way that is not unpacked here (unpack it with `xz -d` first)";
    assert_eq!(refusal("a", b"\xfd7zXZ\0\0\0"), xz);
    assert!(
        refusal("a", &pcap(&[])[..20]).starts_with("its file header cannot be read: truncated dump file")
    );
    assert!(refusal("a", b"\x1f\x8b\x08\0\0\0\0\0").starts_with("gzip data cannot be unpacked: "));
}

#[test]
fn a_link_type_that_is_not_supported_is_refused_with_those_that_are() {
    let expected = "link type 249 is not supported (supported are Ethernet (1), raw IP (101, 228, 229), BSD null (0) and loop (108), Linux cooked v1 (113) and v2 (276))";
    assert_eq!(refusal("a", &Pcap::new(Endian::Little, MICRO, 249).frame(1, b"usb").bytes), expected);
    let ng = Ng::new(Endian::Little).interface(249, 0, &[]).enhanced(0, 1, b"usb");
    assert_eq!(refusal("a", &ng.bytes), expected);
}

#[test]
fn every_refused_input_is_named_at_once() {
    let folder = Folder::new();
    let good = folder.file("good.pcap", &pcap(&[(1, b"frame")]));
    let text = folder.file("text.pcap", b"text");
    let ran = wardline(&["replay", "/nowhere", good.to_str().unwrap(), text.to_str().unwrap()], b"");
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!((ran.code, lines.len()), (2, 2), "{}", ran.stderr);
    assert!(lines[0].starts_with("error: /nowhere: does not exist"));
    assert!(lines[1].contains("text.pcap: is not a capture"));
}

#[test]
fn standard_input_is_refused_alike() {
    let ran = wardline(&["replay", "-"], b"");
    assert_eq!(ran.code, 2);
    assert_eq!(
        ran.stderr,
        "error: standard input: is empty (check that the program which wrote it had finished)\n"
    );
}

#[test]
fn mistakes_on_the_command_line_exit_with_2() {
    for arguments in
        [&["replay"][..], &["replay", "--from", "noon", "a"], &["nonsense"], &[], &["learn", "a"]]
    {
        let ran = wardline(arguments, b"");
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(!ran.stderr.is_empty());
    }
    let ran = wardline(&["replay", "--from", "noon", "a"], b"");
    assert!(ran.stderr.contains("write RFC 3339 with an offset"), "{}", ran.stderr);
}

#[test]
fn an_output_that_is_an_input_is_refused_and_the_input_stays() {
    let folder = Folder::new();
    let bytes = std::fs::read(fixtures::hospital().capture).unwrap();
    let capture = folder.file("flows.jsonl", &bytes);
    let path = capture.to_str().unwrap();
    let parent = capture.parent().and_then(|parent| parent.to_str()).unwrap();
    for arguments in [["learn", path, "--out", path], ["replay", path, "--out", parent]] {
        let ran = wardline(&arguments, b"");
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains("is one of the inputs"), "{}", ran.stderr);
        assert_eq!(std::fs::read(&capture).unwrap(), bytes);
    }
}
