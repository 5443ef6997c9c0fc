//! The JSON Schema of the format, for editors: made of the tables of keys and words that the reader uses.
//!
//! It says what a single value may be and which keys there are. What needs the whole policy (whether a segment is declared,
//! whether a rule can match) is said by the compiler alone.

use abi::device::DeviceType;

use crate::draft::MODES;
use crate::draft::format::FORMAT;
use crate::ports::{KNOWN, PROTOCOLS};
use crate::standing::{FAILURES, SERVERS};
use json::Json;

mod json;
mod words;

/// The JSON Schema (draft 2020-12) of one policy file, as text.
pub fn schema() -> String {
    let mut entries = vec![
        ("$schema", Json::text("https://json-schema.org/draft/2020-12/schema")),
        ("$id", Json::text("urn:wardline:schema:policy")),
        ("title", Json::text("A policy file of Wardline")),
        ("description", Json::text("Which segments of the network may talk to which, over which services.")),
    ];
    entries.extend(mapping(Place::Top, FORMAT.top, &["version"]));
    entries.push(("$defs", Json::Object(definitions())));
    let mut text = String::new();
    Json::Object(entries).write(0, &mut text);
    text.push('\n');
    text
}

/// The mappings of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Top,
    Defaults,
    Service,
    Segment,
    Match,
    Rule,
    Pair,
    Quarantine,
    Rate,
    Routers,
    Test,
}

/// What stands behind a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    Version,
    Prose,
    Action,
    Unassigned,
    Mode,
    Failure,
    Criticality,
    Servers,
    Name,
    Side,
    Segments,
    /// Segments, what is in none, or addresses.
    Whom,
    Frequency,
    Amount,
    Services,
    Ports,
    Protocols,
    Prefixes,
    Macs,
    Vlans,
    Classes,
    /// A mapping of the format.
    Mapping(Place),
    /// Mappings by a name that is declared here.
    Named(Place),
    /// A list of mappings.
    List(Place),
}

/// The parts of a mapping: its keys, and which of them must be there.
fn mapping(
    place: Place,
    keys: &'static [&'static str],
    required: &'static [&'static str],
) -> Vec<(&'static str, Json)> {
    let property =
        |&key: &&'static str| (key, words::property(place, key).map_or(Json::Object(vec![]), described));
    let mut parts = vec![
        ("type", Json::text("object")),
        ("additionalProperties", Json::Bool(false)),
        ("properties", Json::Object(keys.iter().map(property).collect())),
    ];
    if !required.is_empty() {
        parts.push(("required", Json::texts(required)));
    }
    parts
}

/// A reference to a shape, with the words that an editor shows beside the key.
fn described((shape, description): (Shape, &str)) -> Json {
    let mut parts = vec![("description", Json::text(description))];
    if let Shape::Named(place) = shape {
        parts.push(("type", Json::text("object")));
        parts.push(("propertyNames", reference(declared(place))));
        parts.push(("additionalProperties", reference(definition(Shape::Mapping(place)))));
    } else if let Shape::List(place) = shape {
        // A section whose rules are still to be written is none.
        parts.push(("type", Json::texts(&["array", "null"])));
        parts.push(("items", reference(definition(Shape::Mapping(place)))));
    } else {
        parts.push(("$ref", Json::text(&format!("#/$defs/{}", definition(shape)))));
    }
    Json::Object(parts)
}

fn reference(name: &str) -> Json {
    Json::Object(vec![("$ref", Json::text(&format!("#/$defs/{name}")))])
}

/// The names that may be declared here: those with a meaning of their own may not.
const fn declared(place: Place) -> &'static str {
    match place {
        Place::Service => "newService",
        Place::Segment => "newSegment",
        Place::Top
        | Place::Defaults
        | Place::Match
        | Place::Rule
        | Place::Pair
        | Place::Quarantine
        | Place::Rate
        | Place::Routers
        | Place::Test => "name",
    }
}

/// The name of the definition of a shape.
const fn definition(shape: Shape) -> &'static str {
    match shape {
        Shape::Version => "version",
        Shape::Prose => "prose",
        Shape::Action => "action",
        Shape::Unassigned => "unassigned",
        Shape::Mode => "mode",
        Shape::Failure => "failure",
        Shape::Criticality => "criticality",
        Shape::Servers => "servers",
        Shape::Name => "name",
        Shape::Side => "side",
        Shape::Segments => "segmentNames",
        Shape::Services => "serviceNames",
        Shape::Whom => "whom",
        Shape::Frequency => "frequency",
        Shape::Amount => "amount",
        Shape::Ports => "ports",
        Shape::Protocols => "protocols",
        Shape::Prefixes => "prefixes",
        Shape::Macs => "macs",
        Shape::Vlans => "vlans",
        Shape::Classes => "classes",
        Shape::Mapping(place) | Shape::Named(place) | Shape::List(place) => match place {
            Place::Top => "policy",
            Place::Defaults => "defaults",
            Place::Service => "service",
            Place::Segment => "segment",
            Place::Match => "match",
            Place::Rule => "rule",
            Place::Pair => "pair",
            Place::Quarantine => "quarantine",
            Place::Rate => "rate",
            Place::Routers => "routers",
            Place::Test => "test",
        },
    }
}

fn definitions() -> Vec<(&'static str, Json)> {
    let mut all = mappings();
    all.extend(names());
    all.extend(single_words());
    all.extend(values());
    all
}

fn mappings() -> Vec<(&'static str, Json)> {
    let object = |place, keys, required| Json::Object(mapping(place, keys, required));
    let any_of = |keys: &[&str]| {
        let one = |key: &&str| Json::Object(vec![("required", Json::texts(&[key]))]);
        ("anyOf", Json::List(keys.iter().map(one).collect()))
    };
    let mut rule = mapping(Place::Rule, FORMAT.rule, &[]);
    let single = FORMAT.rule_needs.iter().filter_map(|(keys, _, _)| match keys {
        [key] => Some(Json::text(key)),
        _ => None,
    });
    rule.push(("required", Json::List(single.collect())));
    rule.extend(
        FORMAT.rule_needs.iter().filter(|(keys, _, _)| keys.len() > 1).map(|(keys, _, _)| any_of(keys)),
    );
    let mut service = mapping(Place::Service, FORMAT.service, &[]);
    service.push(any_of(&["tcp", "udp", "protocol"]));
    let mut routers = mapping(Place::Routers, FORMAT.routers, &[]);
    routers.push(("minProperties", Json::Number(1)));
    let mut test = mapping(Place::Test, FORMAT.test, &["from", "to", "expect"]);
    test.push(any_of(&["service", "tcp", "udp", "protocol"]));
    let mut selectors = mapping(Place::Match, FORMAT.selectors, &[]);
    selectors.push(("minProperties", Json::Number(1)));
    vec![
        ("defaults", object(Place::Defaults, FORMAT.defaults, &[])),
        ("service", Json::Object(service)),
        ("segment", object(Place::Segment, FORMAT.segment, &["match"])),
        ("match", Json::Object(selectors)),
        ("rule", Json::Object(rule)),
        ("pair", object(Place::Pair, FORMAT.pair, &["from", "to", "mode"])),
        ("quarantine", object(Place::Quarantine, FORMAT.quarantine, &[])),
        ("rate", object(Place::Rate, FORMAT.rate, &["packets"])),
        ("routers", Json::Object(routers)),
        ("test", Json::Object(test)),
    ]
}

fn names() -> Vec<(&'static str, Json)> {
    // A name of digits alone is a number for other readers of YAML.
    let name = Json::Object(vec![
        ("type", Json::texts(&["string", "integer"])),
        ("pattern", Json::text("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")),
    ]);
    let but = |names: &[&str]| {
        let not = Json::Object(vec![("enum", Json::texts(names))]);
        Json::Object(vec![("$ref", Json::text("#/$defs/name")), ("not", not)])
    };
    let known: Vec<&str> = KNOWN.iter().map(|known| known.0).chain(["any"]).collect();
    let suggested =
        |words: &[&str]| any(vec![Json::Object(vec![("enum", Json::texts(words))]), reference("name")]);
    vec![
        ("name", name),
        ("newSegment", but(&["internet", "unassigned"])),
        ("newService", but(&["any"])),
        ("side", one_or_more(&suggested(&["*", "internet"]))),
        ("segmentNames", one_or_more(&suggested(&["internet"]))),
        ("serviceNames", one_or_more(&suggested(&known))),
        (
            "whom",
            one_or_more(&any(vec![suggested(&["*", "internet", "unassigned"]), pattern("^[0-9A-Fa-f.:]+$")])),
        ),
    ]
}

fn single_words() -> Vec<(&'static str, Json)> {
    let mut criticalities: Vec<Json> =
        FORMAT.criticalities.iter().map(|(word, _)| Json::text(word)).collect();
    // The reader knows words only; other readers of YAML make booleans of these two.
    criticalities.extend([Json::Bool(true), Json::Bool(false)]);
    let version = vec![Json::Verbatim(FORMAT.version), Json::text(FORMAT.version)];
    let choice = |values: Vec<Json>| Json::Object(vec![("enum", Json::List(values))]);
    vec![
        ("version", choice(version)),
        ("prose", Json::Object(vec![("type", Json::texts(&["string", "number", "boolean"]))])),
        ("action", words_of(FORMAT.actions)),
        ("unassigned", words_of(FORMAT.unassigned)),
        ("mode", words_of(MODES)),
        ("failure", words_of(FAILURES)),
        ("criticality", choice(criticalities)),
        ("servers", one_or_more(&words_of(SERVERS))),
    ]
}

fn values() -> Vec<(&'static str, Json)> {
    let classes: Vec<&str> =
        DeviceType::ALL.iter().map(|class| class.word()).filter(|word| *word != "unknown").collect();
    let protocols: Vec<&str> = PROTOCOLS.iter().map(|&(word, _)| word).collect();
    let choice = |words: &[&str]| Json::Object(vec![("enum", Json::texts(words))]);
    let port = any(vec![
        number(1, u32::from(u16::MAX)),
        pattern("^([1-9][0-9]{0,4}|any|[1-9][0-9]{0,4} *- *[1-9][0-9]{0,4})$"),
    ]);
    // Six is TCP and seventeen UDP: they have ports.
    let protocol = Json::Object(vec![
        ("anyOf", Json::List(vec![choice(&protocols), number(0, 255), pattern("^(0|[1-9][0-9]{0,2})$")])),
        ("not", Json::Object(vec![("enum", Json::List(vec![Json::Number(6), Json::Number(17)]))])),
    ]);
    let vlan = any(vec![number(1, 4094), pattern("^[1-9][0-9]{0,3}$")]);
    let mac = pattern(
        "^([0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{2}(-[0-9A-Fa-f]{2}){5}|[0-9A-Fa-f]{4}(\\.[0-9A-Fa-f]{4}){2})$",
    );
    vec![
        ("ports", one_or_more(&port)),
        ("protocols", one_or_more(&protocol)),
        ("prefixes", one_or_more(&pattern("^[0-9A-Fa-f.:]+(/[0-9]{1,3})?$"))),
        ("macs", one_or_more(&mac)),
        ("frequency", pattern("^[1-9][0-9]* */ *(s|min|h)$")),
        ("amount", any(vec![number(1, u32::MAX), pattern("^[1-9][0-9]*$")])),
        ("vlans", one_or_more(&vlan)),
        ("classes", one_or_more(&choice(&classes))),
    ]
}

fn words_of<T>(words: &[(&str, T)]) -> Json {
    Json::Object(vec![("enum", Json::List(words.iter().map(|(word, _)| Json::text(word)).collect()))])
}

fn pattern(pattern: &str) -> Json {
    Json::Object(vec![("type", Json::text("string")), ("pattern", Json::text(pattern))])
}

fn number(least: u32, most: u32) -> Json {
    Json::Object(vec![
        ("type", Json::text("integer")),
        ("minimum", Json::Number(least)),
        ("maximum", Json::Number(most)),
    ])
}

fn any(all: Vec<Json>) -> Json {
    Json::Object(vec![("anyOf", Json::List(all))])
}

/// A list that is not empty, or its one element without the brackets.
fn one_or_more(one: &Json) -> Json {
    let list = Json::Object(vec![
        ("type", Json::text("array")),
        ("items", one.clone()),
        ("minItems", Json::Number(1)),
    ]);
    any(vec![one.clone(), list])
}

#[cfg(test)]
mod tests;
