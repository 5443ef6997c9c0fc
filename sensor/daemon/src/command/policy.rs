//! `wardline policy ...`: what is asked of policies.

use super::typed::{self, Policy};
use super::{Check, Color, Form, Quiet, Report, Request, Span, form, mistake, span};
use clap::error::ErrorKind;
use std::path::PathBuf;

/// `wardline policy test`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFiles {
    /// Policy files or folders; at least one. Together they are one policy.
    pub paths: Vec<PathBuf>,
    /// How the result is printed.
    pub form: Form,
    /// Whether stdout may have colours.
    pub color: Color,
}

/// `wardline policy explain FROM TO SERVICE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExplainAccess {
    /// A policy file or folder.
    pub policy: PathBuf,
    /// Who begins, as it was typed.
    pub from: String,
    /// Who answers, as it was typed.
    pub to: String,
    /// What is asked for, as it was typed.
    pub service: String,
    /// Whether rules are shown that are far from the question.
    pub all: bool,
    /// How the result is printed.
    pub form: Form,
}

/// `wardline policy matrix`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyMatrix {
    /// Policy files or folders; at least one. Together they are one policy.
    pub paths: Vec<PathBuf>,
    /// The file for the drawing.
    pub svg: Option<PathBuf>,
    /// How the result is printed.
    pub form: Form,
}

/// `wardline policy diff`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyDiff {
    /// A policy file or folder: what holds before.
    pub old: PathBuf,
    /// A policy file or folder: what holds after.
    pub new: PathBuf,
    /// How the result is printed.
    pub form: Form,
}

/// `wardline policy impact`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyImpact {
    /// A policy file or folder: what is proposed.
    pub policy: PathBuf,
    /// A policy file or folder: what holds now; what it denies is not told.
    pub before: Option<PathBuf>,
    /// Captures, or one folder that a replay wrote; at least one.
    pub over: Vec<PathBuf>,
    /// The frames or flows that count.
    pub span: Span,
    /// How the result is printed.
    pub form: Form,
    /// Whether stderr is silent but for errors.
    pub quiet: Quiet,
}

/// `wardline policy learn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyLearn {
    /// Captures, or one folder that a replay wrote; at least one.
    pub paths: Vec<PathBuf>,
    /// The frames or flows that count.
    pub span: Span,
    /// The file to write; none for stdout.
    pub out: Option<PathBuf>,
    /// Whether stderr is silent but for errors.
    pub quiet: Quiet,
}

/// `wardline policy fmt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    /// What is laid out.
    pub what: FormatWhat,
    /// What is done with it.
    pub then: FormatThen,
}

/// What `wardline policy fmt` lays out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FormatWhat {
    /// Standard input, and the result goes to standard output.
    Stdin,
    /// Policy files or folders; at least one.
    Paths(Vec<PathBuf>),
}

/// What `wardline policy fmt` does with files whose layout is another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatThen {
    /// They are replaced.
    Replace,
    /// They are named.
    Name,
}

/// `wardline policy explain`: what is to be explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Explain {
    /// All codes of mistakes, a line each.
    Codes,
    /// The code of a mistake, as it was typed.
    Code(String),
    /// Why an access is decided as it is.
    Access(ExplainAccess),
}

/// What was meant.
pub(super) fn policy(typed: Policy, quiet: Quiet, color: Color) -> Result<Request, clap::Error> {
    Ok(match typed {
        Policy::Check(typed) => {
            let form = report(typed.format, typed.json);
            Request::PolicyCheck(Check { paths: typed.paths, form, color })
        }
        Policy::Fmt(typed) => Request::PolicyFormat(format(typed)?),
        Policy::Schema => Request::PolicySchema,
        Policy::Explain(typed) => Request::PolicyExplain(explain(typed)?),
        Policy::Test(typed) => {
            Request::PolicyTest(PolicyFiles { paths: typed.paths, form: form(typed.json), color })
        }
        Policy::Matrix(typed) => {
            Request::PolicyMatrix(PolicyMatrix { paths: typed.paths, svg: typed.svg, form: form(typed.json) })
        }
        Policy::Diff(typed) => {
            Request::PolicyDiff(PolicyDiff { old: typed.old, new: typed.new, form: form(typed.json) })
        }
        Policy::Impact(typed) => Request::PolicyImpact(PolicyImpact {
            policy: typed.policy,
            before: typed.before,
            over: typed.over,
            span: span(&typed.times, "policy")?,
            form: form(typed.json),
            quiet,
        }),
        Policy::Learn(typed) => Request::PolicyLearn(PolicyLearn {
            paths: typed.paths,
            span: span(&typed.times, "policy")?,
            out: typed.out,
            quiet,
        }),
    })
}

/// The code of a mistake begins with `POL`, and stands alone; an access has three words.
fn explain(typed: typed::Explain) -> Result<Explain, clap::Error> {
    let wrong = |text: &str| mistake("policy", ErrorKind::WrongNumberOfValues, text);
    let (policy, form) = (typed.policy, form(typed.json));
    match (<[String; 3]>::try_from(typed.words), policy) {
        (Ok([from, to, service]), Some(policy)) => {
            Ok(Explain::Access(ExplainAccess { policy, from, to, service, all: typed.all, form }))
        }
        (Ok(_), None) => Err(wrong("name the policy with --policy")),
        (Err(words), None) if words.len() < 2 => {
            Ok(words.into_iter().next().map_or(Explain::Codes, Explain::Code))
        }
        (Err(_), _) => Err(wrong(
            "name who begins, who answers and the service: explain --policy PATH FROM TO SERVICE (or only the code of a mistake)",
        )),
    }
}

const fn report(format: typed::Report, json: bool) -> Report {
    match (format, json) {
        (_, true) | (typed::Report::Json, false) => Report::Json,
        (typed::Report::Text, false) => Report::Text,
        (typed::Report::Sarif, false) => Report::Sarif,
    }
}

fn format(typed: typed::Fmt) -> Result<Format, clap::Error> {
    let dashes = typed.paths.iter().filter(|path| path.as_os_str() == "-").count();
    let what = match dashes {
        0 => FormatWhat::Paths(typed.paths),
        1 if typed.paths.len() == 1 => FormatWhat::Stdin,
        _ => {
            let text = "standard input (-) stands alone";
            return Err(mistake("policy", ErrorKind::ArgumentConflict, text));
        }
    };
    Ok(Format { what, then: if typed.check { FormatThen::Name } else { FormatThen::Replace } })
}
