//! `wardline policy explain`: what a mistake is, how it comes about, and how to mend it; and `wardline policy schema`: the
//! format as editors know it.

use crate::command::Explain;
use crate::exit::{Exit, Failure};
use policies::{Code, Severity, Source, Wrong};
use std::io::Write;

/// Characters of a line of prose.
const WIDTH: usize = 96;

/// Prints what is asked for.
///
/// # Errors
/// There is no such code, or stdout cannot be written.
pub(crate) fn run(subject: &Explain) -> Result<Exit, Failure> {
    let text = match subject {
        Explain::Codes => list(),
        Explain::Access(access) => return crate::policy::explain::run(access),
        Explain::Code(typed) => page(Code::parse(typed).ok_or_else(|| unknown(typed))?),
    };
    printed(&text)
}

/// Prints the JSON Schema of the format.
///
/// # Errors
/// Stdout cannot be written.
pub(crate) fn schema() -> Result<Exit, Failure> {
    printed(&policies::schema())
}

fn printed(text: &str) -> Result<Exit, Failure> {
    std::io::stdout()
        .lock()
        .write_all(text.as_bytes())
        .map_err(|error| Failure::writing("standard output", error))?;
    Ok(Exit::Ok)
}

fn list() -> String {
    let lines: Vec<String> = Code::ALL.iter().map(|code| format!("{code}  {}", code.meaning())).collect();
    lines.join("\n") + "\n"
}

fn unknown(typed: &str) -> Failure {
    let nearest = Code::nearest(typed).map(|code| format!("; did you mean {code}?")).unwrap_or_default();
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.text()).collect();
    let codes = codes.join(", ");
    let text = format!(
        "`{typed}` is no code of a mistake{nearest}\nthe codes, which `wardline policy explain` lists with their meaning: {codes}"
    );
    Failure::usage(anyhow::anyhow!(text))
}

fn page(code: Code) -> String {
    let page = code.page();
    let consequence = match code.severity() {
        Severity::Error => "An error: the policy is not loaded, and the one before stays in force.",
        Severity::Warning => "A warning: the policy is loaded, and probably does not say what was meant.",
    };
    let told = match page.wrong {
        Wrong::Policy(text) => format!("Which is told as:\n\n{}\n", indented(&told(text))),
        Wrong::Outline(_) => String::new(),
    };
    let (Wrong::Policy(wrong) | Wrong::Outline(wrong)) = page.wrong;
    format!(
        "{code}: {}\n{consequence}\n\n{}\nWrong:\n\n{}\n{told}Mended:\n\n{}",
        code.meaning(),
        wrapped(page.cause),
        indented(wrong),
        indented(page.mended),
    )
}

/// What the compiler says of a policy.
fn told(text: &str) -> String {
    let source = Source { name: "policy.yaml".to_owned(), text: text.to_owned() };
    match policies::compile(&[source]) {
        Ok(policy) => policy.warnings.to_string(),
        Err(mistakes) => mistakes.to_string(),
    }
}

fn indented(text: &str) -> String {
    let line = |line: &str| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") };
    text.lines().map(line).collect()
}

/// The words in lines that fit.
fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count().saturating_add(word.chars().count()) < WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            Some(_) | None => lines.push(word.to_owned()),
        }
    }
    lines.join("\n") + "\n"
}
