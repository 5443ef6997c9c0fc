//! The command line, in two steps: what was typed, and what is meant. Nothing else reads the typed form.

use crate::capture::Input;
use crate::fastpath::pins::{MOST_PORTS, ROOT};
use abi::address::Timestamp;
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

mod policy;
mod typed;

pub use policy::{
    Explain, ExplainAccess, Format, FormatThen, FormatWhat, PolicyDiff, PolicyFiles, PolicyImpact,
    PolicyLearn, PolicyMatrix,
};

use policy::policy;
use typed::{Typed, Verb};

/// Where sensors keep what outlasts them beside their pins: a folder for each sensor of the machine.
const STATES: &str = "/var/lib/wardline";

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// The whole pipeline over captures.
    Replay(Replay),
    /// A baseline from captures.
    Learn(Learn),
    /// Diagnostics of policy files.
    PolicyCheck(Check),
    /// The tests of a policy.
    PolicyTest(PolicyFiles),
    /// Who may reach whom.
    PolicyMatrix(PolicyMatrix),
    /// What a change of policy changes.
    PolicyDiff(PolicyDiff),
    /// What a policy would cut.
    PolicyImpact(PolicyImpact),
    /// A policy from what was talked.
    PolicyLearn(PolicyLearn),
    /// What a mistake is, or what a policy says.
    PolicyExplain(Explain),
    /// The JSON Schema of the policy format.
    PolicySchema,
    /// The layout of policy files.
    PolicyFormat(Format),
    /// Live traffic.
    Run(Run),
    /// What an earlier run left is taken away.
    Detach(PathBuf),
    /// A question to a running sensor.
    Ask(Ask),
    /// What holds of this machine.
    Doctor(Doctor),
}

/// `wardline run`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Where the sensor stands.
    pub stand: Stand,
    /// A policy file or folder.
    pub policy: PathBuf,
    /// The folder of what outlasts the process.
    pub pin: PathBuf,
    /// The folder of what it keeps beside them: the socket for other commands, and who is in quarantine.
    pub state: PathBuf,
    /// What is made of the frames; without it they are only judged.
    pub output: Option<Output>,
    /// What the end leaves.
    pub ending: Ending,
    /// Whether counters are told every second.
    pub status: Status,
    /// How the summary is printed.
    pub form: Form,
    /// Whether stderr is silent but for errors.
    pub quiet: Quiet,
}

/// `wardline quarantine`, `release` and `status`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Which sensor is asked.
    pub sensor: Sensor,
    /// What.
    pub question: Question,
    /// How the answer is printed.
    pub form: Form,
}

/// A running sensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sensor {
    /// The one of this folder.
    At(PathBuf),
    /// The only one that has its folder in this one.
    Only(PathBuf),
}

/// What is asked of a running sensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// How it goes.
    Status,
    /// A device is to be cut off.
    Quarantine {
        /// Which.
        device: String,
        /// For how long.
        ttl: Duration,
        /// Why.
        reason: String,
        /// Whether also where lives may depend on it.
        force: Force,
    },
    /// A quarantine is to end.
    Release {
        /// Whose.
        device: String,
    },
}

/// Whether something is to be done against an objection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Force {
    /// It is.
    Given,
    /// It is not.
    Withheld,
}

impl Force {
    /// Whether it is.
    pub(crate) fn is_given(self) -> bool {
        self == Force::Given
    }
}

/// What a run writes of the frames that it sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The folder.
    pub dir: PathBuf,
    /// A baseline; without one nothing is unusual.
    pub baseline: Option<PathBuf>,
}

/// Where a sensor stands, by the names of interfaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stand {
    /// On mirror ports.
    Span(Vec<String>),
    /// In the wire between two.
    Inline([String; 2]),
    /// On the ports of a router or bridge.
    Routed(Vec<String>),
}

/// What a run leaves when it is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Interfaces as they were.
    Detach,
    /// The program at work, under the last policy.
    Stay,
}

/// Whether counters are told every second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Every second.
    Told,
    /// At the end only.
    Silent,
}

/// `wardline doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doctor {
    /// Names of interfaces.
    pub interfaces: Vec<String>,
    /// How it is printed.
    pub form: Form,
}

/// `wardline replay`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replay {
    /// The captures; at least one.
    pub inputs: Vec<Input>,
    /// A policy file or folder; without one nothing is judged.
    pub policy: Option<PathBuf>,
    /// A baseline; without one nothing is unusual.
    pub baseline: Option<PathBuf>,
    /// The frames that count.
    pub span: Span,
    /// The folder for the files of the result; without one only the summary is made.
    pub out: Option<PathBuf>,
    /// How the summary is printed.
    pub form: Form,
    /// Whether stderr is silent but for errors.
    pub quiet: Quiet,
    /// Whether stdout may have colours.
    pub color: Color,
}

/// `wardline learn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learn {
    /// The captures; at least one.
    pub inputs: Vec<Input>,
    /// The frames that count.
    pub span: Span,
    /// The file to write.
    pub out: PathBuf,
    /// Whether stderr is silent but for errors.
    pub quiet: Quiet,
}

/// `wardline policy check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Policy files or folders; at least one.
    pub paths: Vec<PathBuf>,
    /// How diagnostics are printed.
    pub form: Report,
    /// Whether stdout may have colours.
    pub color: Color,
}

/// A span of capture time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first instant inside.
    pub from: Timestamp,
    /// The first instant outside; none for no end.
    pub to: Option<Timestamp>,
}

impl Span {
    /// Whether `at` lies inside. Two spans that meet share no instant.
    #[inline]
    pub fn contains(self, at: Timestamp) -> bool {
        at >= self.from && self.to.is_none_or(|to| at < to)
    }
}

/// The form of what is printed to stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// The form of diagnostics on stdout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For programs that show findings in source code: SARIF 2.1.0.
    Sarif,
}

/// Whether notes and progress are kept from stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// Only errors are told.
    Yes,
    /// Notes and progress too.
    No,
}

/// Whether stdout may have colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// With colours.
    On,
    /// Plain.
    Off,
}

/// What of the surroundings decides about colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Terminal {
    /// Stdout is a terminal that shows colours, and nobody asked for none.
    Colorful,
    /// A file, a pipe, `TERM=dumb`, or `NO_COLOR` is set.
    Plain,
}

/// Reads the command line.
///
/// # Errors
/// A mistake in it, or a request for help or the version: clap's error knows how to print either.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Request, clap::Error> {
    let matches = Typed::command().try_get_matches_from(arguments)?;
    let typed = Typed::from_arg_matches(&matches)?;
    meant(typed, terminal())
}

fn terminal() -> Terminal {
    // https://no-color.org: any value but the empty one.
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    let plain = no_color || dumb || !std::io::IsTerminal::is_terminal(&std::io::stdout());
    if plain { Terminal::Plain } else { Terminal::Colorful }
}

fn meant(typed: Typed, terminal: Terminal) -> Result<Request, clap::Error> {
    let color = match (typed.color, terminal) {
        (typed::Color::Always, _) | (typed::Color::Auto, Terminal::Colorful) => Color::On,
        (typed::Color::Never, _) | (typed::Color::Auto, Terminal::Plain) => Color::Off,
    };
    let quiet = if typed.quiet { Quiet::Yes } else { Quiet::No };
    Ok(match typed.verb {
        Verb::Replay(typed) => Request::Replay(Replay {
            inputs: inputs(typed.captures.files, "replay")?,
            policy: typed.policy,
            baseline: typed.baseline,
            span: span(&typed.captures.times, "replay")?,
            out: typed.out,
            form: form(typed.json),
            quiet,
            color,
        }),
        Verb::Learn(typed) => Request::Learn(Learn {
            inputs: inputs(typed.captures.files, "learn")?,
            span: span(&typed.captures.times, "learn")?,
            out: typed.out,
            quiet,
        }),
        Verb::Run(typed) => run(typed, quiet)?,
        Verb::Quarantine(typed::Quarantine { device, ttl, reason, force, sensor, json }) => {
            let force = if force { Force::Given } else { Force::Withheld };
            ask(sensor, Question::Quarantine { device, ttl, reason, force }, json)
        }
        Verb::Release(typed) => ask(typed.sensor, Question::Release { device: typed.device }, typed.json),
        Verb::Status(typed) => ask(typed.sensor, Question::Status, typed.json),
        Verb::Doctor(typed) => {
            Request::Doctor(Doctor { interfaces: typed.interfaces, form: form(typed.json) })
        }
        Verb::Policy(typed) => policy(typed, quiet, color)?,
    })
}

fn run(typed: typed::Run, quiet: Quiet) -> Result<Request, clap::Error> {
    let wrong = |text: &str| mistake("run", ErrorKind::WrongNumberOfValues, text);
    let names = typed.interfaces;
    let repeated = names
        .iter()
        .enumerate()
        .any(|(at, name)| names.iter().skip(at.saturating_add(1)).any(|other| other == name));
    if repeated {
        return Err(wrong("an interface is named twice"));
    }
    if names.len() > MOST_PORTS {
        return Err(wrong("at most 16 interfaces"));
    }
    let pin = match (typed.pin, names.as_slice()) {
        (Some(pin), _) => pin,
        (None, []) => return Err(wrong("name an interface with --interface, or the folder with --pin")),
        (None, names) => pin_of(names),
    };
    let (Some(mode), Some(policy)) = (typed.mode, typed.policy) else { return Ok(Request::Detach(pin)) };
    let stand = match mode {
        typed::RunMode::Inline => Stand::Inline(
            <[String; 2]>::try_from(names)
                .map_err(|_names| wrong("inline needs two interfaces: --interface A --interface B"))?,
        ),
        _ if names.is_empty() => return Err(wrong("name an interface with --interface")),
        typed::RunMode::Span => Stand::Span(names),
        typed::RunMode::Routed => Stand::Routed(names),
    };
    let ending = if typed.stay { Ending::Stay } else { Ending::Detach };
    let status = if typed.verbose { Status::Told } else { Status::Silent };
    let state = typed.state.unwrap_or_else(|| state_of(&pin));
    let output = typed.out.map(|dir| Output { dir, baseline: typed.baseline });
    Ok(Request::Run(Run { stand, policy, pin, state, output, ending, status, form: form(typed.json), quiet }))
}

/// The folder that belongs to one of pins: of the same name, slashes replaced where it is not in the usual place.
fn state_of(pin: &Path) -> PathBuf {
    let inside = pin.strip_prefix(ROOT).unwrap_or(pin);
    let parts = inside.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy()),
        Component::Prefix(_) | Component::RootDir | Component::CurDir | Component::ParentDir => None,
    });
    Path::new(STATES).join(parts.collect::<Vec<_>>().join("-"))
}

fn ask(sensor: typed::Sensor, question: Question, json: bool) -> Request {
    let sensor = match (sensor.state, sensor.interfaces.as_slice()) {
        (Some(folder), _) => Sensor::At(folder),
        (None, []) => Sensor::Only(PathBuf::from(STATES)),
        (None, names) => Sensor::At(state_of(&pin_of(names))),
    };
    Request::Ask(Ask { sensor, question, form: form(json) })
}

fn pin_of(names: &[String]) -> PathBuf {
    // The file system refuses names with a dot, which those of VLAN interfaces have.
    Path::new(ROOT).join(names.join("-").replace('.', "_"))
}

/// Reads a time such as `30s`, `15m`, `4h` or `2d`, at most 30 days.
fn ttl(text: &str) -> Result<Duration, String> {
    const MOST: u64 = 30 * 86_400;
    let unit = |letter| match letter {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3600),
        'd' => Some(86_400),
        _ => None,
    };
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
    let mut letters = text.chars().skip(digits.len());
    let seconds = letters.next().and_then(unit).filter(|_| letters.next().is_none());
    let seconds = seconds.and_then(|unit: u64| digits.parse::<u64>().ok()?.checked_mul(unit));
    match seconds {
        Some(seconds @ 1..=MOST) => Ok(Duration::from_secs(seconds)),
        Some(_) => Err("between 1s and 30d".to_owned()),
        None => Err("a number with s, m, h or d, such as 4h".to_owned()),
    }
}

fn inputs(files: Vec<PathBuf>, verb: &str) -> Result<Vec<Input>, clap::Error> {
    let inputs: Vec<Input> = files
        .into_iter()
        .map(|path| if path.as_os_str() == "-" { Input::Stdin } else { Input::File(path) })
        .collect();
    if inputs.iter().filter(|input| **input == Input::Stdin).count() > 1 {
        return Err(mistake(verb, ErrorKind::ArgumentConflict, "standard input (-) can be read only once"));
    }
    Ok(inputs)
}

fn span(times: &typed::Times, verb: &str) -> Result<Span, clap::Error> {
    let (from, to) = (times.from.unwrap_or_default(), times.to);
    if to.is_some_and(|to| to <= from) {
        let text = "--to must lie after --from: nothing is between them";
        return Err(mistake(verb, ErrorKind::ValueValidation, text));
    }
    Ok(Span { from, to })
}

const fn form(json: bool) -> Form {
    if json { Form::Json } else { Form::Text }
}

fn mistake(verb: &str, kind: ErrorKind, text: &str) -> clap::Error {
    let mut command = Typed::command();
    command.build();
    match command.find_subcommand_mut(verb) {
        Some(verb) => verb.error(kind, text),
        None => command.error(kind, text),
    }
}

#[cfg(test)]
mod tests;
