//! Single values: words, names, ports, addresses; and what is said where they are wrong.

use abi::address::Mac;
use abi::device::DeviceType;

use crate::diagnostic::{Code, Mistake, Mistakes};
use crate::ports::{self, PortRange};
use crate::suggest::did_you_mean;
use crate::text::{Span, Token};
use crate::yaml::{Entry, Kind, Node};

/// Characters of a name at most.
const NAME: usize = 64;

/// The place of an entry's value, or of its key where the value is nothing.
fn place(entry: &Entry) -> Span {
    if matches!(entry.value.kind, Kind::Nothing) { entry.key.span } else { entry.value.span }
}

fn wrong_type(entry: &Entry, expected: &str, mistakes: &mut Mistakes<'_>) {
    let found = match &entry.value.kind {
        Kind::Nothing => "nothing",
        Kind::Scalar(_) => "a single value",
        Kind::List(_) => "a list",
        Kind::Map(_) => "a mapping",
        Kind::Broken => return,
    };
    let message = format!("`{}` holds {expected}, and here is {found}", entry.key.value);
    mistakes.add(Mistake::new(Code::WrongType, place(entry), message));
}

/// The entries of a mapping; none where it is another thing.
pub(crate) fn entries(entry: Entry, expected: &str, mistakes: &mut Mistakes<'_>) -> Vec<Entry> {
    if let Kind::Map(entries) = entry.value.kind {
        return entries;
    }
    wrong_type(&entry, expected, mistakes);
    Vec::new()
}

/// A text that is only for people.
pub(crate) fn prose(entry: &Entry, mistakes: &mut Mistakes<'_>) {
    if !matches!(entry.value.kind, Kind::Scalar(_) | Kind::Broken) {
        wrong_type(entry, "a text", mistakes);
    }
}

/// A single word.
pub(crate) fn one_word(entry: &Entry, mistakes: &mut Mistakes<'_>) -> Option<String> {
    if let Kind::Scalar(text) = &entry.value.kind {
        return Some(text.clone());
    }
    wrong_type(entry, "one word", mistakes);
    None
}

/// One of the words of a key.
pub(crate) fn word<T: Copy>(entry: &Entry, words: &[(&str, T)], mistakes: &mut Mistakes<'_>) -> Option<T> {
    let text = one_word(entry, mistakes)?;
    if let Some(&(_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Some(value);
    }
    let all: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
    let all = all.split_last().map_or(String::new(), |(last, rest)| format!("{} or {last}", rest.join(", ")));
    let switch = matches!(
        text.to_ascii_lowercase().as_str(),
        "on" | "off" | "yes" | "no" | "y" | "n" | "true" | "false"
    );
    let help = match did_you_mean(&text, words.iter().map(|&(word, _)| word)) {
        Some(help) if !switch => help,
        _ => format!("write {all}"),
    };
    let message = if switch && !text.eq_ignore_ascii_case("true") && !text.eq_ignore_ascii_case("false") {
        // YAML 1.1 reads these words as booleans, YAML 1.2 as text; what was meant is not certain.
        format!(
            "`{text}` is no word of `{}`, and some readers of YAML take it for a boolean",
            entry.key.value
        )
    } else {
        format!("`{text}` is no word of `{}`", entry.key.value)
    };
    mistakes.add(Mistake::new(Code::Word, entry.value.span, message).help(help));
    None
}

/// A single value, or each value of a list, read by `one`.
pub(crate) fn each<T>(
    entry: &Entry,
    one: fn(&str, Span, &mut Mistakes<'_>) -> Option<T>,
    mistakes: &mut Mistakes<'_>,
) -> Vec<Token<T>> {
    let mut values = Vec::new();
    let mut take = |node: &Node, mistakes: &mut Mistakes<'_>| match &node.kind {
        Kind::Scalar(text) => {
            values.extend(one(text, node.span, mistakes).map(|value| Token { value, span: node.span }));
        }
        Kind::Nothing | Kind::List(_) | Kind::Map(_) => {
            let message = format!("`{}` holds one value or a flat list of values", entry.key.value);
            mistakes.add(Mistake::new(Code::WrongType, node.span, message));
        }
        Kind::Broken => {}
    };
    match &entry.value.kind {
        Kind::List(items) if items.is_empty() => {
            let message = format!("`{}` is an empty list", entry.key.value);
            mistakes.add(
                Mistake::new(Code::EmptyList, entry.value.span, message)
                    .help("name at least one, or remove the key".to_owned()),
            );
        }
        Kind::List(items) => items.iter().for_each(|node| take(node, mistakes)),
        Kind::Scalar(_) => take(&entry.value, mistakes),
        Kind::Nothing | Kind::Map(_) | Kind::Broken => wrong_type(entry, "one value or a list", mistakes),
    }
    values
}

/// A name as it is; whether it is declared is asked later.
#[expect(clippy::unnecessary_wraps, reason = "one of the readers that `each` takes")]
pub(crate) fn name(text: &str, _span: Span, _mistakes: &mut Mistakes<'_>) -> Option<String> {
    Some(text.to_owned())
}

/// The name of a new segment, service or rule.
pub(crate) fn declared_name(
    token: &Token<String>,
    reserved: &[&str],
    mistakes: &mut Mistakes<'_>,
) -> Option<Token<String>> {
    let name = token.value.as_str();
    if reserved.contains(&name) {
        let message = format!("`{name}` has a meaning of its own and cannot be declared");
        mistakes.add(Mistake::new(Code::Name, token.span, message).help("choose another name".to_owned()));
        return None;
    }
    let well = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        && name.len() <= NAME;
    if !well {
        let message = "this is not a name";
        let help = format!(
            "names have letters, digits, `-`, `_` and `.`, begin with a letter or digit, and are at most {NAME} long"
        );
        mistakes.add(Mistake::new(Code::Name, token.span, message).help(help));
    }
    // A name that is badly written is still the one that rules mean.
    Some(token.clone())
}

/// The MAC address of a device.
pub(crate) fn mac(text: &str, span: Span, mistakes: &mut Mistakes<'_>) -> Option<Mac> {
    let cause = match mac_of(text) {
        Some(mac) if mac.is_none() => "the MAC address of all zeros is no device".to_owned(),
        Some(mac) if mac.is_group() => format!("`{mac}` is a group address: no device sends from it"),
        Some(mac) => return Some(mac),
        None => format!("`{text}` is not a MAC address"),
    };
    mistakes.add(Mistake::new(Code::Mac, span, cause).help("write it as `00:1a:2b:3c:4d:5e`".to_owned()));
    None
}

/// A MAC address in one of its three spellings.
pub(crate) fn mac_of(text: &str) -> Option<Mac> {
    let digits: Vec<char> = text.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
    let spelled = match text.chars().find(|c| !c.is_ascii_hexdigit()) {
        Some(separator @ (':' | '-')) => text.split(separator).all(|part| part.len() == 2),
        Some('.') => text.split('.').all(|part| part.len() == 4),
        Some(_) | None => false,
    };
    let mut octets = [0_u8; 6];
    let read = octets.iter_mut().zip(digits.chunks_exact(2)).try_for_each(|(octet, pair)| {
        let hex: String = pair.iter().collect();
        *octet = u8::from_str_radix(&hex, 16).ok()?;
        Some(())
    });
    (spelled && digits.len() == 12 && read.is_some()).then_some(Mac(octets))
}

/// A VLAN number.
pub(crate) fn vlan(text: &str, span: Span, mistakes: &mut Mistakes<'_>) -> Option<u16> {
    let number = decimal(text).filter(|number| (1..=4094).contains(number));
    if number.is_none() {
        // IEEE 802.1Q-2018 table 9-2: 0 is a tag with a priority alone, 4095 is reserved.
        mistakes.add(
            Mistake::new(Code::Vlan, span, format!("`{text}` is not a VLAN number"))
                .help("VLAN numbers are 1 to 4094".to_owned()),
        );
    }
    number
}

/// A device class.
pub(crate) fn class(text: &str, span: Span, mistakes: &mut Mistakes<'_>) -> Option<DeviceType> {
    match DeviceType::parse(text) {
        Some(DeviceType::Unknown) => {
            mistakes.add(
                Mistake::new(
                    Code::Class,
                    span,
                    "`unknown` cannot be selected: it is the class of what has none",
                )
                .help("devices in no segment follow `defaults: { unassigned: ... }`".to_owned()),
            );
            None
        }
        Some(class) => Some(class),
        None => {
            let words = DeviceType::ALL.iter().map(|class| class.word()).filter(|word| *word != "unknown");
            let help = did_you_mean(text, words.clone())
                .unwrap_or_else(|| format!("the classes are: {}", words.collect::<Vec<_>>().join(", ")));
            mistakes
                .add(Mistake::new(Code::Class, span, format!("`{text}` is not a device class")).help(help));
            None
        }
    }
}

/// Ports and ranges of ports.
pub(crate) fn ports(entry: &Entry, into: &mut Vec<PortRange>, mistakes: &mut Mistakes<'_>) {
    into.extend(each(entry, port, mistakes).into_iter().map(|token| token.value));
}

fn port(text: &str, span: Span, mistakes: &mut Mistakes<'_>) -> Option<PortRange> {
    if text == "any" {
        return Some(PortRange { first: 0, last: u16::MAX });
    }
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let number = |text: &str| decimal(text.trim()).filter(|port| *port > 0);
    let (message, help) = match (number(first), number(last)) {
        (Some(first), Some(last)) if first <= last => return Some(PortRange { first, last }),
        (Some(first), Some(last)) => {
            (format!("`{text}` is a range that ends before it begins"), format!("write `{last}-{first}`"))
        }
        (Some(_), None) | (None, Some(_) | None) => (
            format!("`{text}` is not a port"),
            "write a number from 1 to 65535, a range as `5000-5010`, or `any`".to_owned(),
        ),
    };
    mistakes.add(Mistake::new(Code::Port, span, message).help(help));
    None
}

/// IP protocols by name or number.
pub(crate) fn protocols(entry: &Entry, into: &mut Vec<u8>, mistakes: &mut Mistakes<'_>) {
    into.extend(each(entry, protocol, mistakes).into_iter().map(|token| token.value));
}

fn protocol(text: &str, span: Span, mistakes: &mut Mistakes<'_>) -> Option<u8> {
    let with_ports = [("tcp", ports::TCP), ("udp", ports::UDP)];
    let mut known = ports::PROTOCOLS.iter().chain(&with_ports);
    let number = known
        .find(|(word, _)| *word == text)
        .map(|&(_, number)| number)
        .or_else(|| decimal(text).and_then(|number| u8::try_from(number).ok()));
    let (message, help) = match number {
        Some(ports::TCP) => ("TCP has ports".to_owned(), "write `tcp: [...]`, or `tcp: any`".to_owned()),
        Some(ports::UDP) => ("UDP has ports".to_owned(), "write `udp: [...]`, or `udp: any`".to_owned()),
        Some(number) => return Some(number),
        None => {
            let words = ports::PROTOCOLS.iter().map(|&(word, _)| word);
            let help = did_you_mean(text, words.clone()).unwrap_or_else(|| {
                format!("write a number from 0 to 255 or one of: {}", words.collect::<Vec<_>>().join(", "))
            });
            (format!("`{text}` is not an IP protocol"), help)
        }
    };
    mistakes.add(Mistake::new(Code::Protocol, span, message).help(help));
    None
}

/// A number in plain decimal digits: no sign, no leading zero, no `0x10`, no `1_000`.
pub(crate) fn decimal(text: &str) -> Option<u16> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    if digits && !leading_zero { text.parse().ok() } else { None }
}
