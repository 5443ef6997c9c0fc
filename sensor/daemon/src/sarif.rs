//! Diagnostics of a policy as a SARIF log: the form that code review and continuous integration show beside the lines.
//! OASIS, Static Analysis Results Interchange Format 2.1.0; section numbers are those of its errata 01.

use policies::{Code, Diagnostic, Diagnostics, Severity, Wrong};
use serde_json::{Map, Value, json};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The log of one check: one run, with every rule (a code is a rule), found or not, so that the numbers of rules stay.
pub(crate) fn log(diagnostics: &Diagnostics) -> Value {
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "wardline",
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": Code::ALL.iter().map(|&code| rule(code)).collect::<Vec<Value>>(),
            } },
            "invocations": [invocation(diagnostics)],
            // Columns of ours are characters (section 3.14.17); the default would be UTF-16 units.
            "columnKind": "unicodeCodePoints",
            "results": diagnostics.iter().map(result).collect::<Vec<Value>>(),
        }],
    })
}

/// Mistakes that were found and are not listed are told as the tool's own notice (section 3.20.21).
fn invocation(diagnostics: &Diagnostics) -> Value {
    if diagnostics.left_out() == 0 {
        return json!({ "executionSuccessful": true });
    }
    let text = format!("{} more mistakes were found and are not listed", diagnostics.left_out());
    let notice = json!({ "level": "warning", "message": { "text": text } });
    json!({ "executionSuccessful": true, "toolExecutionNotifications": [notice] })
}

fn rule(code: Code) -> Value {
    let page = code.page();
    let cause = page.cause.replace('\n', " ");
    let (Wrong::Policy(wrong) | Wrong::Outline(wrong)) = page.wrong;
    let mended = page.mended;
    let help = format!("{cause}\n\nWrong:\n\n{wrong}\nMended:\n\n{mended}");
    let markdown = format!("{cause}\n\nWrong:\n\n```yaml\n{wrong}```\n\nMended:\n\n```yaml\n{mended}```\n");
    json!({
        "id": code.text(),
        "name": format!("{code:?}"),
        "shortDescription": { "text": message(code.meaning()) },
        "fullDescription": { "text": message(&cause) },
        "help": { "text": message(&help), "markdown": message(&markdown) },
        "defaultConfiguration": { "level": level(code.severity()) },
    })
}

fn result(diagnostic: &Diagnostic) -> Value {
    let cause = diagnostic.message.as_str();
    let text = match &diagnostic.help {
        Some(help) => format!("{cause}. To mend it: {help}"),
        None => cause.to_owned(),
    };
    let at = (diagnostic.line, diagnostic.column, diagnostic.end_column());
    let mut result = Map::new();
    let mut put = |key: &str, value: Value| result.insert(key.to_owned(), value);
    put("ruleId", json!(diagnostic.code.text()));
    put("ruleIndex", json!(Code::ALL.iter().position(|&code| code == diagnostic.code)));
    put("level", json!(level(diagnostic.severity)));
    put("message", json!({ "text": message(&text) }));
    put("locations", json!([{ "physicalLocation": place(&diagnostic.file, at) }]));
    if let Some(related) = &diagnostic.related {
        let place = place(&related.file, (related.line, related.column, related.end_column()));
        let text = message(&related.message);
        put("relatedLocations", json!([{ "id": 0, "physicalLocation": place, "message": { "text": text } }]));
    }
    if let Some(help) = &diagnostic.help {
        // A replacement that a program could carry out (section 3.55) is not known; the words are.
        put("properties", json!({ "fix": help }));
    }
    Value::Object(result)
}

const fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

fn place(file: &str, (line, column, end_column): (u32, u32, u32)) -> Value {
    json!({
        "artifactLocation": { "uri": uri(file) },
        "region": {
            "startLine": line,
            "startColumn": column,
            "endLine": line,
            "endColumn": end_column,
        },
    })
}

/// A path as a URI reference (section 3.4.3; RFC 3986 section 2.1): relative paths stay relative, so that a service that
/// knows the repository finds the file in it. A colon is written out too, since a first part with one would be a scheme.
fn uri(path: &str) -> String {
    let scheme = if path.starts_with('/') { "file://" } else { "" };
    let path = path.strip_prefix("./").unwrap_or(path);
    let written = path.bytes().map(|byte| match byte {
        b'-' | b'.' | b'_' | b'~' | b'/' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    std::iter::once(scheme.to_owned()).chain(written).collect()
}

/// A text as a message string: braces would be places for arguments (section 3.11.5: twice where they are meant), and
/// `[text](target)` a link (section 3.11.6), which what is quoted from a policy must not become.
fn message(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}").replace("](", "\\](")
}

#[cfg(test)]
mod tests;
