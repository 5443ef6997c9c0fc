//! The help, as a user sees it.

use crate::read::wardline;

#[test]
fn help_is_data_and_a_success() {
    for (name, arguments) in [
        ("wardline", &["--help"][..]),
        ("replay", &["replay", "--help"]),
        ("learn", &["learn", "--help"]),
        ("run", &["run", "--help"]),
        ("quarantine", &["quarantine", "--help"]),
        ("release", &["release", "--help"]),
        ("status", &["status", "--help"]),
        ("doctor", &["doctor", "--help"]),
        ("policy-check", &["policy", "check", "--help"]),
        ("policy-test", &["policy", "test", "--help"]),
        ("policy-explain", &["policy", "explain", "--help"]),
        ("policy-matrix", &["policy", "matrix", "--help"]),
        ("policy-diff", &["policy", "diff", "--help"]),
        ("policy-impact", &["policy", "impact", "--help"]),
        ("policy-learn", &["policy", "learn", "--help"]),
        ("policy-fmt", &["policy", "fmt", "--help"]),
        ("policy-schema", &["policy", "schema", "--help"]),
        ("policy-explain", &["policy", "explain", "--help"]),
    ] {
        let ran = wardline(arguments, b"");
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{name}");
        insta::assert_snapshot!(name, ran.stdout);
    }
}

#[test]
fn the_version_is_that_of_the_package() {
    let ran = wardline(&["--version"], b"");
    assert_eq!((ran.code, ran.stdout), (0, format!("wardline {}\n", env!("CARGO_PKG_VERSION"))));
}
