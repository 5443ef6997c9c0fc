//! The recorded hospital, learned on its quiet time and replayed over the rest: attacks are found, the harmless is not
//! accused, and the policy judges.

use crate::build::Folder;
use crate::run::{Run, learned, sample_policy, text};
use daemon::time::parse;
use fixtures::Hospital;
use serde_json::Value;
use std::collections::BTreeSet;

/// The least attacks of twelve that must be found.
const FOUND: usize = 8;
/// The most incidents that concern nothing labelled.
const OTHERS: usize = 1;
/// An incident may begin this many seconds before its attack, and end or begin so many after it, and be so much longer.
const EARLY: f64 = 5.0;
const LATE: f64 = 120.0;
const LONGER: f64 = 180.0;

/// ATT&CK techniques that tell of the same attack from different sides.
const FAMILIES: [&str; 13] = [
    "T1046 T1018 T1595 T0846 T0840 T0888",
    "T1557 T1556 T1040 T0830 T1036 T1200 T0864 T1599 T1565",
    "T1498 T1499 T0814 T0813 T1200",
    "T1110 T1078 T0812 T0859 T1602",
    "T1071 T1571 T1572 T1573 T1095 T1090 T1132 T1059 T0869 T0885 T1219",
    "T1041 T1048 T1567 T1030 T1020 T1071 T1571 T1572 T0882",
    "T1213 T0802 T0861 T1602 T1119 T1005 T1039 T1530 T1087 T1083 T1020",
    "T1565 T0855 T0836 T0831 T0832 T0856 T1485 T1491 T1499 T0806 T0813",
    "T1021 T1570 T1210 T1080 T0867 T0886 T0866 T1133 T1199",
    "T1486 T1485 T1490 T1080 T1565 T0826",
    "T1125 T1123 T1113 T1021 T1119",
    "T1599 T1601 T0830 T1557 T1205 T1021",
    "T1190 T1203 T1499",
];

/// A labelled event, or an incident of at least medium severity.
struct Span {
    first: f64,
    last: f64,
    names: BTreeSet<String>,
    techniques: BTreeSet<String>,
    told: String,
}

impl Span {
    fn event(label: &Value) -> Span {
        let technique = label["technique"].as_str().unwrap_or_default();
        Span {
            first: label["t_start"].as_f64().unwrap(),
            last: label["t_end"].as_f64().unwrap(),
            names: names(&label["attacker"], &["id", "ip", "mac"]),
            techniques: BTreeSet::from([base(technique)]),
            told: label["name"].to_string(),
        }
    }

    fn incident(row: &Value) -> Span {
        Span {
            first: seconds(&row["ts_first"]),
            last: seconds(&row["ts_last"]),
            names: names(&row["source"], &["device", "ip", "mac"]),
            techniques: list(&row["technique"]).iter().map(|technique| base(technique)).collect(),
            told: format!("{} {} {}", row["severity"], row["kind"], row["text"]),
        }
    }

    fn touches(&self, event: &Span) -> bool {
        !self.names.is_disjoint(&event.names)
            && self.first <= event.last + LATE
            && self.last >= event.first - EARLY
    }

    fn explains(&self, attack: &Span) -> bool {
        self.touches(attack)
            && self.first >= attack.first - EARLY
            && self.last - self.first <= attack.last - attack.first + LONGER
    }

    fn overlap(&self, event: &Span) -> f64 {
        self.last.min(event.last) - self.first.max(event.first)
    }

    fn is_of_the_family_of(&self, attack: &Span) -> bool {
        let kin = |named: &String, family: &&str| family.contains(named.as_str());
        let shared = |named: &String, label: &String| {
            named == label || FAMILIES.iter().any(|family| kin(named, family) && kin(label, family))
        };
        let labels = &attack.techniques;
        self.techniques.iter().any(|named| labels.iter().any(|label| shared(named, label)))
    }
}

fn base(technique: &str) -> String {
    technique.split('.').next().unwrap_or_default().to_owned()
}

fn names(value: &Value, fields: &[&str]) -> BTreeSet<String> {
    fields.iter().filter_map(|field| value[*field].as_str()).map(str::to_lowercase).collect()
}

fn list(value: &Value) -> Vec<String> {
    value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[expect(clippy::cast_precision_loss, reason = "microseconds do not matter here")]
fn seconds(time: &Value) -> f64 {
    parse(time.as_str().unwrap()).unwrap().0 as f64 / 1e9
}

/// Replays the hospital after its quiet time, with this policy and the baseline of the quiet time.
fn judged(policy: &str) -> Run {
    let folder = Folder::new();
    let baseline = learned(&folder);
    let policy = folder.file("policy.yaml", policy.as_bytes());
    let from = Hospital::EVALUATION_STARTS.to_string();
    let capture = fixtures::hospital().capture;
    let options = ["--from", &from, "--policy", text(&policy), "--baseline", text(&baseline)];
    Run::of(&[&[text(&capture)], &options[..]].concat())
}

fn policy() -> String {
    std::fs::read_to_string(sample_policy()).unwrap()
}

#[test]
fn the_recorded_hospitals_attacks_are_found_and_the_harmless_is_not_accused() {
    let run = judged(&policy());
    let labels = std::fs::read_to_string(fixtures::hospital().labels).unwrap();
    let labels: Vec<Value> = labels.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events = labels.iter().filter(|label| label.get("attacker").is_some_and(Value::is_object));
    let (attacks, harmless): (Vec<&Value>, Vec<&Value>) =
        events.partition(|label| label["malicious"] == true);
    let spans = |labels: Vec<&Value>| labels.into_iter().map(Span::event).collect::<Vec<_>>();
    let (attacks, harmless) = (spans(attacks), spans(harmless));
    assert_eq!((attacks.len(), harmless.len()), (12, 3));
    let mut found = BTreeSet::new();
    let mut others = Vec::new();
    for row in run.rows("incidents.jsonl").iter().filter(|row| row["severity"] != "low") {
        let incident = Span::incident(row);
        let explained = (0..attacks.len()).filter(|place| incident.explains(&attacks[*place]));
        let longest =
            |a: &usize, b: &usize| incident.overlap(&attacks[*a]).total_cmp(&incident.overlap(&attacks[*b]));
        match explained.max_by(longest) {
            Some(place) if incident.is_of_the_family_of(&attacks[place]) => {
                found.insert(place);
            }
            // Seen, but called by a wrong name.
            Some(_) => {}
            None => {
                let accused: Vec<&str> = harmless
                    .iter()
                    .filter(|event| incident.touches(event))
                    .map(|event| event.told.as_str())
                    .collect();
                assert!(accused.is_empty(), "{accused:?} is harmless, and accused: {}", incident.told);
                others.push(incident.told);
            }
        }
    }
    let missed: Vec<&str> = (0..attacks.len())
        .filter(|place| !found.contains(place))
        .map(|place| attacks[place].told.as_str())
        .collect();
    assert!(found.len() >= FOUND, "only {} found; not: {missed:?}", found.len());
    assert!(others.len() <= OTHERS, "{others:#?}");
}

#[test]
fn every_incident_says_what_who_why_and_what_it_is_called() {
    let run = judged(&policy());
    let incidents = run.rows("incidents.jsonl");
    assert!(incidents.len() >= FOUND);
    let devices: BTreeSet<String> =
        run.rows("devices.jsonl").iter().map(|row| row["device_id"].as_str().unwrap().to_owned()).collect();
    for row in incidents {
        assert!(!row["text"].as_str().unwrap().is_empty(), "{row}");
        assert!(!row["action"].as_str().unwrap().is_empty(), "{row}");
        assert!(!row["evidence"].as_array().unwrap().is_empty(), "{row}");
        assert!(!list(&row["technique"]).is_empty(), "{row}");
        // One device: a name that has a row, not a list.
        assert!(devices.contains(row["source"]["device"].as_str().unwrap()), "{row}");
    }
}

#[test]
fn observing_drops_nothing_and_enforcing_drops_every_frame_of_what_is_denied() {
    let observe = "  mode: observe\n";
    let observing = policy();
    assert_eq!(observing.matches(observe).count(), 1);
    let (observed, enforced) = (judged(&observing), judged(&observing.replace(observe, "  mode: enforce\n")));
    let count = |run: &Run, word: &dyn Fn(&Value) -> bool| {
        run.rows("verdicts.jsonl").iter().filter(|row| word(row)).count()
    };
    let denied = |row: &Value| row["action"] == "deny";
    let dropped = |row: &Value| row["dropped"] == true;
    assert!(count(&observed, &denied) > 100);
    assert_eq!(count(&observed, &dropped), 0);
    assert_eq!(count(&observed, &|row| row["frames_dropped"] != 0), 0);
    let enforcing = |row: &Value| denied(row) && row["mode"] == "enforce";
    assert!(count(&enforced, &enforcing) > 100);
    for row in enforced.rows("verdicts.jsonl") {
        assert_eq!(dropped(&row), enforcing(&row), "{row}");
        assert_eq!(row["frames_dropped"].as_u64().unwrap() > 0, enforcing(&row), "{row}");
    }
    // What is carried out changes nothing of what is judged.
    assert_eq!(observed.summary["matrix"], enforced.summary["matrix"]);
    assert_eq!(observed.summary["verdicts"], enforced.summary["verdicts"]);
}

#[test]
fn frames_outside_the_span_do_not_count() {
    let run = judged(&policy());
    let from = parse(&Hospital::EVALUATION_STARTS.to_string()).unwrap();
    assert!(parse(run.summary["ts_first"].as_str().unwrap()).unwrap() >= from);
    assert!(
        run.rows("flows.jsonl").iter().all(|row| parse(row["ts_first"].as_str().unwrap()).unwrap() >= from)
    );
    let capture = fixtures::hospital().capture;
    let until = Hospital::EVALUATION_STARTS.to_string();
    let before = Run::of(&[text(&capture), "--to", &until]);
    let both = [&run, &before].map(|run| run.summary["packets"].as_u64().unwrap());
    assert_eq!(both.iter().sum::<u64>(), 157_586);
}
