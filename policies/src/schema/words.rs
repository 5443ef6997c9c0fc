//! What stands behind each key, and what an editor says of it.

use super::{Place, Shape};

/// The shape behind a key and its description; nothing where the key has none yet.
pub(super) fn property(place: Place, key: &str) -> Option<(Shape, &'static str)> {
    let table = match place {
        Place::Top => TOP,
        Place::Defaults => DEFAULTS,
        Place::Service => SERVICE,
        Place::Segment => SEGMENT,
        Place::Match => MATCH,
        Place::Rule => RULE,
        Place::Pair => PAIR,
        Place::Quarantine => QUARANTINE,
        Place::Rate => RATE,
        Place::Routers => ROUTERS,
        Place::Test => TEST,
    };
    table.iter().find(|(name, _, _)| *name == key).map(|&(_, shape, description)| (shape, description))
}

type Table = &'static [(&'static str, Shape, &'static str)];

const FOR_PEOPLE: &str = "For people; changes nothing.";

const TOP: Table = &[
    ("version", Shape::Version, "The version of this format. Every file begins with it."),
    ("site", Shape::Prose, "The name of the site. For people; changes nothing."),
    ("description", Shape::Prose, FOR_PEOPLE),
    (
        "defaults",
        Shape::Mapping(Place::Defaults),
        "What holds where no rule does. Stands in one file of a policy.",
    ),
    ("services", Shape::Named(Place::Service), "Names for ports. Well-known services need no declaration."),
    (
        "segments",
        Shape::Named(Place::Segment),
        "Groups of devices with the same rules. `internet` needs no declaration.",
    ),
    (
        "pairs",
        Shape::List(Place::Pair),
        "Modes between segments, for rules that say none and for what no rule decides. The first pair that holds both segments counts.",
    ),
    (
        "allow",
        Shape::List(Place::Rule),
        "Who may begin to talk to whom. Replies are implied. The first rule that matches decides.",
    ),
    (
        "deny",
        Shape::List(Place::Rule),
        "What stays forbidden whatever is allowed. Asked before `allow`, wherever it stands.",
    ),
    ("quarantine", Shape::Mapping(Place::Quarantine), "What holds for devices in quarantine."),
    (
        "routers",
        Shape::Mapping(Place::Routers),
        "Which MAC addresses are routers', and which prefixes lie behind routers: there a flow is not bound to one MAC address.",
    ),
    (
        "tests",
        Shape::List(Place::Test),
        "What must hold. A policy whose tests fail is invalid, so that an edit elsewhere cannot take it away unseen.",
    ),
];

const DEFAULTS: Table = &[
    ("between", Shape::Action, "From one segment to another. Default: deny."),
    (
        "within",
        Shape::Action,
        "Between two devices of one segment. Default: deny, which keeps a worm from spreading among devices of one kind.",
    ),
    (
        "unassigned",
        Shape::Unassigned,
        "Where one side is in no segment: `observe` counts, `alert` also tells, `deny` denies in the mode of the policy. Default: observe.",
    ),
    (
        "mode",
        Shape::Mode,
        "How far verdicts are carried out: `observe` counts, `alert` also tells, `enforce` drops what is denied. Default: observe.",
    ),
    (
        "fail",
        Shape::Failure,
        "What becomes of segments that do not say it when nobody attends to the sensor. Default: static.",
    ),
];

const SERVICE: Table = &[
    ("tcp", Shape::Ports, "TCP destination ports: numbers, ranges as \"5000-5010\", or `any`."),
    ("udp", Shape::Ports, "UDP destination ports: numbers, ranges as \"5000-5010\", or `any`."),
    ("protocol", Shape::Protocols, "IP protocols without ports, by name or number."),
    ("description", Shape::Prose, FOR_PEOPLE),
];

const SEGMENT: Table = &[
    (
        "match",
        Shape::Mapping(Place::Match),
        "Which devices belong to it: those that meet any one of the selectors.",
    ),
    ("within", Shape::Action, "Between two of its devices. Default: `defaults.within`."),
    (
        "life_critical",
        Shape::Criticality,
        "Whether patients depend on it. Such a segment fails open unless it says otherwise. Default: false.",
    ),
    (
        "fail",
        Shape::Failure,
        "What becomes of it when nobody attends to the sensor: the last policy goes on (`static`), nothing is dropped (`open`), or what is enforced is dropped altogether (`closed`).",
    ),
    (
        "trust",
        Shape::Servers,
        "Which servers its devices may be. As soon as one segment says so, all others may not.",
    ),
    ("description", Shape::Prose, FOR_PEOPLE),
];

const MATCH: Table = &[
    ("ip", Shape::Prefixes, "Prefixes (10.0.0.0/24, fd00:30::/64) or addresses. The longest prefix wins."),
    ("mac", Shape::Macs, "MAC addresses. They win over prefixes."),
    ("vlan", Shape::Vlans, "VLAN numbers, 1 to 4094."),
    (
        "class",
        Shape::Classes,
        "Device classes, as the sensor finds them. The weakest selector; a device joins once its class is stable.",
    ),
];

const RULE: Table = &[
    ("id", Shape::Name, "Its name, once in all files. Verdicts and alerts quote it."),
    ("from", Shape::Side, "The segments that may begin; \"*\" is every declared one."),
    ("to", Shape::Side, "The segments that answer; \"*\" is every declared one, without `internet`."),
    ("except", Shape::Segments, "Segments taken away from \"*\"."),
    (
        "service",
        Shape::Services,
        "What is asked for: services by name, or `any`. Adds up with `tcp`, `udp` and `protocol`.",
    ),
    ("tcp", Shape::Ports, "TCP destination ports, without a name."),
    ("udp", Shape::Ports, "UDP destination ports, without a name."),
    ("protocol", Shape::Protocols, "IP protocols without ports, without a name."),
    (
        "rate",
        Shape::Mapping(Place::Rate),
        "How often each device may use the rule; rules that allow only. What is beyond is denied, packet by packet.",
    ),
    (
        "mode",
        Shape::Mode,
        "How far this rule is carried out; goes before the mode of the pair and of the policy. An allow rule that observes is on trial: it is counted and does not decide.",
    ),
    ("description", Shape::Prose, FOR_PEOPLE),
];

const RATE: Table = &[
    ("packets", Shape::Frequency, "How many: 100/s, 30/min or 5/h."),
    ("burst", Shape::Amount, "How many at once. Default: as many as in one period."),
    (
        "mode",
        Shape::Mode,
        "How far the denial of what is beyond is carried out. Default: the mode of the rule.",
    ),
];

const ROUTERS: Table = &[
    ("mac", Shape::Macs, "The MAC addresses of routers."),
    ("routed", Shape::Prefixes, "Prefixes behind routers, whichever forwards a frame."),
];

const TEST: Table = &[
    ("from", Shape::Whom, "Who begins: segments, `unassigned`, addresses, or \"*\"."),
    ("to", Shape::Whom, "Who answers: segments, `unassigned`, addresses, or \"*\"."),
    ("service", Shape::Services, "What is asked for: services by name, or `any`."),
    ("tcp", Shape::Ports, "TCP destination ports, without a name."),
    ("udp", Shape::Ports, "UDP destination ports, without a name."),
    ("protocol", Shape::Protocols, "IP protocols without ports, without a name."),
    ("expect", Shape::Action, "The verdict that every pair and port of the test must have."),
    ("mode", Shape::Mode, "The mode that the verdict must have."),
    ("rule", Shape::Name, "The rule that must give it."),
    ("description", Shape::Prose, FOR_PEOPLE),
];

const PAIR: Table = &[
    ("from", Shape::Side, "Who begins; \"*\" is every declared segment."),
    ("to", Shape::Side, "Who answers; \"*\" is every declared segment."),
    ("mode", Shape::Mode, "The mode between them."),
    ("description", Shape::Prose, FOR_PEOPLE),
];

const QUARANTINE: Table = &[(
    "allow",
    Shape::Segments,
    "With which segments a device in quarantine may still talk, as far as the rules allow it.",
)];
