//! `wardline policy explain` has a page for every code that `policy check` can tell.

use crate::read::wardline;

#[test]
fn a_page_shows_the_mistake_as_it_is_told_and_the_mended_policy() {
    let ran = wardline(&["policy", "explain", "pol012"], b"");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(ran.stdout, @r"
    POL012: Not an IP address or prefix.
    An error: the policy is not loaded, and the one before stays in force.

    The value is not an IP address or prefix, or a prefix with bits set after its length:
    `10.10.0.5/24` may be meant as the one address or as the network, and the reader does not guess.
    Names of hosts are not looked up.

    Wrong:

        version: 1
        segments:
          imaging: { match: { ip: 10.10.0.5/24 } }

    Which is told as:

        error[POL012]: `10.10.0.5/24` has bits set after its length
         --> policy.yaml:3:27
          |
        3 |   imaging: { match: { ip: 10.10.0.5/24 } }
          |                           ^^^^^^^^^^^^
          |
          = help: write `10.10.0.0/24` for the network, or `10.10.0.5` for the one address

    Mended:

        version: 1
        segments:
          imaging: { match: { ip: 10.10.0.0/24 } }
    ");
}

#[test]
fn every_code_of_the_list_has_a_page() {
    let list = wardline(&["policy", "explain"], b"");
    assert_eq!(list.code, 0);
    let codes: Vec<&str> =
        list.stdout.lines().filter_map(|line| line.split_once("  ").map(|(code, _)| code)).collect();
    assert!(codes.len() >= 33, "{}", list.stdout);
    for code in codes {
        let page = wardline(&["policy", "explain", code], b"");
        assert_eq!(page.code, 0, "{}", page.stderr);
        assert!(page.stdout.starts_with(&format!("{code}: ")), "{}", page.stdout);
        assert!(page.stdout.contains("\nWrong:\n") && page.stdout.contains("\nMended:\n"), "{}", page.stdout);
        assert!(page.stdout.lines().all(|line| line.chars().count() <= 130), "{}", page.stdout);
    }
}

#[test]
fn what_is_no_code_is_told_with_the_nearest_and_all_there_are() {
    let ran = wardline(&["policy", "explain", "POL12"], b"");
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("`POL12` is no code of a mistake; did you mean POL012?"), "{}", ran.stderr);
    assert!(ran.stderr.contains("POL052"), "{}", ran.stderr);
    let ran = wardline(&["policy", "explain", "nonsense"], b"");
    assert_eq!(ran.code, 2);
    assert!(!ran.stderr.contains("did you mean"), "{}", ran.stderr);
}

#[test]
fn the_schema_that_is_printed_is_the_one_that_is_published() {
    let ran = wardline(&["policy", "schema"], b"");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let published: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(published, crate::conform::schema("policy"));
}
