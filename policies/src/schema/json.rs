//! JSON that is only written.

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    Bool(bool),
    Number(u32),
    /// What is JSON already.
    Verbatim(&'static str),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(&'static str, Json)>),
}

impl Json {
    pub(crate) fn text(text: &str) -> Json {
        Json::Text(text.to_owned())
    }

    pub(crate) fn texts(texts: &[&str]) -> Json {
        Json::List(texts.iter().map(|text| Json::text(text)).collect())
    }

    /// Whether it stands on one line.
    fn is_small(&self) -> bool {
        match self {
            Json::Bool(_) | Json::Number(_) | Json::Verbatim(_) | Json::Text(_) => true,
            Json::List(items) => items.is_empty(),
            Json::Object(entries) => entries.is_empty(),
        }
    }

    /// Appends the value, whose first line stands behind what is there already.
    pub(crate) fn write(&self, depth: usize, to: &mut String) {
        let line = |to: &mut String, depth: usize| {
            to.push('\n');
            to.push_str(&"  ".repeat(depth));
        };
        let inner = depth.saturating_add(1);
        match self {
            Json::Bool(value) => to.push_str(&value.to_string()),
            Json::Number(number) => to.push_str(&number.to_string()),
            Json::Verbatim(text) => to.push_str(text),
            Json::Text(text) => quote(text, to),
            Json::List(items) if items.iter().all(Json::is_small) => {
                to.push('[');
                for (at, item) in items.iter().enumerate() {
                    to.push_str(if at > 0 { ", " } else { "" });
                    item.write(inner, to);
                }
                to.push(']');
            }
            Json::List(items) => {
                to.push('[');
                for (at, item) in items.iter().enumerate() {
                    to.push_str(if at > 0 { "," } else { "" });
                    line(to, inner);
                    item.write(inner, to);
                }
                line(to, depth);
                to.push(']');
            }
            Json::Object(entries) if entries.is_empty() => to.push_str("{}"),
            Json::Object(entries) => {
                to.push('{');
                for (at, (key, value)) in entries.iter().enumerate() {
                    to.push_str(if at > 0 { "," } else { "" });
                    line(to, inner);
                    quote(key, to);
                    to.push_str(": ");
                    value.write(inner, to);
                }
                line(to, depth);
                to.push('}');
            }
        }
    }
}

/// RFC 8259 section 7: quotation mark, reverse solidus and control characters are escaped.
fn quote(text: &str, to: &mut String) {
    to.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => to.extend(['\\', c]),
            '\n' => to.push_str("\\n"),
            c if c.is_ascii_control() => to.extend(["\\u", &format!("{:04x}", u32::from(c))]),
            c => to.push(c),
        }
    }
    to.push('"');
}
