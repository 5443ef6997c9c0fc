//! `wardline policy fmt` changes the layout of files and nothing else, or nothing at all.

use crate::build::Folder;
use crate::read::wardline;
use crate::run::text;
use std::fs;

const LOOSE: &str = "version: 1   \r\n\r\n\r\n# Devices.\r\nsegments:\r\n    a:   {match: {vlan: 1}}\r\n    bcd: { match: {vlan: [2,3] } }   # two\r\nallow:\r\n- {id: x, from: a, to: bcd, service: dns}\r\n- {id: long-one, from: bcd, to: a, service: [dns,ntp]}";
const NEAT: &str = "version: 1

# Devices.
segments:
  a:   { match: { vlan: 1 } }
  bcd: { match: { vlan: [2, 3] } }  # two
allow:
  - { id: x,        from: a,   to: bcd, service: dns }
  - { id: long-one, from: bcd, to: a,   service: [dns, ntp] }
";

#[test]
fn a_file_is_laid_out_once_and_then_at_rest() {
    let folder = Folder::new();
    let loose = folder.file("loose.yaml", LOOSE.as_bytes());
    let check = wardline(&["policy", "fmt", "--check", text(&loose)], b"");
    assert_eq!((check.code, check.stdout), (1, format!("{}\n", loose.display())));
    assert_eq!(fs::read_to_string(&loose).unwrap(), LOOSE, "a check changes nothing");
    let ran = wardline(&["policy", "fmt", text(&loose)], b"");
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""));
    assert_eq!(fs::read_to_string(&loose).unwrap(), NEAT);
    let check = wardline(&["policy", "fmt", "--check", text(&loose)], b"");
    assert_eq!((check.code, check.stdout.as_str()), (0, ""));
}

#[test]
fn standard_input_goes_to_standard_output() {
    let ran = wardline(&["policy", "fmt", "-"], LOOSE.as_bytes());
    assert_eq!((ran.code, ran.stdout.as_str()), (0, NEAT));
    assert_eq!(wardline(&["policy", "fmt", "--check", "-"], LOOSE.as_bytes()).code, 1);
    assert_eq!(wardline(&["policy", "fmt", "--check", "-"], NEAT.as_bytes()).code, 0);
    assert_eq!(wardline(&["policy", "fmt", "-", "a.yaml"], b"").code, 2);
}

#[test]
fn files_with_mistakes_are_told_and_none_is_changed() {
    let folder = Folder::new();
    let loose = folder.file("a.yaml", LOOSE.as_bytes());
    folder.file("b.yaml", b"version: 1\nallow:\n   - { id: y, from: nobody, to: a, service: dns }\n");
    let ran = wardline(&["policy", "fmt", text(&folder.path())], b"");
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""));
    assert!(ran.stderr.contains("error[POL022]"), "{}", ran.stderr);
    assert_eq!(fs::read_to_string(&loose).unwrap(), LOOSE);
}

#[test]
fn what_cannot_be_laid_out_safely_is_told_and_stays() {
    let folder = Folder::new();
    let bytes = b"{ \"version\":1,\n  \"segments\": { \"a\": { \"match\": { \"vlan\": 1 } } } }\n";
    let path = folder.file("json.yaml", bytes);
    let ran = wardline(&["policy", "fmt", text(&path)], b"");
    assert_eq!((ran.code, fs::read(&path).unwrap().as_slice()), (0, bytes.as_slice()));
    assert!(
        ran.stderr.contains("json.yaml: is written in a way that cannot be laid out safely"),
        "{}",
        ran.stderr
    );
}

#[test]
fn the_samples_are_laid_out() {
    let samples = concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies/examples");
    for name in ["clinic", "hospital-pillars", "home-care"] {
        let ran = wardline(&["policy", "fmt", "--check", &format!("{samples}/{name}.yaml")], b"");
        assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (0, "", ""));
    }
}
