//! Turns policy text into a policy and into the tables that the judge reads, or into diagnostics that point at the line.
//!
//! The way of a line: text → draft (words with places) → policy (names found) → tables. Every step goes on after a
//! mistake, so that one run tells them all; a text with an error compiles to nothing.
//!
//! ```
//! let text = "
//! version: 1
//! segments:
//!   imaging: { match: { ip: 10.10.0.0/24 } }
//!   pacs:    { match: { ip: 10.20.0.11 } }
//! allow:
//!   - { id: img-store, from: imaging, to: pacs, service: dicom }
//! ";
//! let source = policies::Source { name: "hospital.yaml".to_owned(), text: text.to_owned() };
//! let policy = policies::compile(&[source]).expect("the policy is right");
//! assert_eq!(policy.rules[0].name, "img-store");
//! assert_eq!(policy.segment_name(Some(policy.segments[1].id)), "pacs");
//! ```

mod compile;
mod diagnostic;
mod difference;
mod draft;
mod expectation;
mod explain;
mod hash;
mod layout;
mod matrix;
mod page;
mod ports;
mod prefix;
mod question;
mod rate;
mod resolve;
mod resolved;
mod routers;
mod scalar;
mod schema;
mod spans;
mod standing;
mod suggest;
mod text;
mod yaml;

#[cfg(test)]
mod tests;

use std::fmt;

use abi::device::DeviceType;
use abi::state::{Identities, PlacedBy, State};
use abi::table::{Access, Action, Full, Mode, RuleId, SegmentId, Tables};

pub use diagnostic::{Code, Colour, Diagnostic, Diagnostics, Related, Severity};
pub use difference::{Change, Difference, Kind, Move, Moved, TooDifferent, difference};
pub use draft::{Criticality, Unassigned};
pub use explain::{Asked, Decider, Explanation, Reason};
pub use layout::{Formatted, format};
pub use matrix::{Matrix, Pair, Part};
pub use page::{Page, Wrong};
pub use ports::known_service;
pub use prefix::Prefix;
pub use question::{Unknown, Who};
pub use resolve::Segment;
pub use resolved::{PlainPair, PlainPorts, PlainRule, Resolved, resolved};
pub use routers::Routers;
pub use schema::schema;

use compile::Trials;
use diagnostic::{Mistake, Mistakes};
use draft::Draft;
use expectation::Bench;
use ports::ServiceNames;
use resolve::Policy;
use text::{Span, Text};
use yaml::Reading;

/// Bytes of all texts of a policy together.
const BYTES: usize = 4 << 20;

/// One file of a policy. The files of a policy are one text, in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// How diagnostics call it; a path.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// A rule, as verdicts and alerts quote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Its number in the tables: its place in [`Compiled::rules`], counted from 1.
    pub id: RuleId,
    /// Its `id` in the text.
    pub name: String,
    /// The name of the source where it stands.
    pub file: String,
    /// The line of its `id`, counted from 1.
    pub line: u32,
    /// Whether it allows or denies.
    pub action: Action,
    /// Its own mode, or that of the policy; a pair of segments may have another one for it.
    pub mode: Mode,
}

/// A policy, ready to be installed.
pub struct Compiled {
    /// The decision tables.
    pub tables: Box<Tables>,
    /// The segments, [`SegmentId`] by place counted from 1; the last one is `internet`.
    pub segments: Vec<Segment>,
    /// The rules, [`RuleId`] by place counted from 1.
    pub rules: Vec<Rule>,
    /// What comes through routers.
    pub routers: Routers,
    /// SHA-256 of what the policy means: comments, layout, names of files and the order of segments do not enter.
    pub hash: [u8; 32],
    /// What probably was not meant.
    pub warnings: Diagnostics,
    services: ServiceNames,
    trials: Trials,
}

/// Compiles a policy. The order of the sources does not matter: they are read in the order of their names.
///
/// # Errors
/// Every mistake of all sources, warnings included, as soon as one of them is an error.
pub fn compile(sources: &[Source]) -> Result<Compiled, Diagnostics> {
    let texts = ordered(sources);
    let mut mistakes = Mistakes::new(&texts);
    let parts = program(&texts, &mut mistakes);
    if let Some(parts) = &parts {
        let bench = Bench::new(&parts.policy, &parts.program, &parts.identities);
        parts
            .policy
            .expectations
            .iter()
            .filter_map(|test| bench.ask(test).err())
            .for_each(|m| mistakes.add(m));
    }
    match parts {
        Some(parts) if mistakes.errors() == 0 => Ok(parts.compiled(&texts, mistakes.finish())),
        Some(_) | None => Err(mistakes.finish()),
    }
}

/// A test of a policy, asked.
#[derive(Clone, Debug)]
pub struct Tested {
    /// The name of the source where it stands.
    pub file: String,
    /// The line of its `expect`, counted from 1.
    pub line: u32,
    /// What it expects, in a line.
    pub title: String,
    /// Why it fails; `None` where it holds.
    pub failure: Option<Diagnostic>,
}

/// Asks the tests of a policy, in the order of the files.
///
/// # Errors
/// The policy has mistakes other than tests that fail.
pub fn tested(sources: &[Source]) -> Result<Vec<Tested>, Diagnostics> {
    let texts = ordered(sources);
    let mut mistakes = Mistakes::new(&texts);
    let parts = match program(&texts, &mut mistakes) {
        Some(parts) if mistakes.errors() == 0 => parts,
        Some(_) | None => return Err(mistakes.finish()),
    };
    let bench = Bench::new(&parts.policy, &parts.program, &parts.identities);
    let one = |test: &expectation::Expectation| {
        let mut failed = Mistakes::new(&texts);
        bench.ask(test).err().into_iter().for_each(|mistake| failed.add(mistake));
        let (file, line, _, _) = text::locate(&texts, test.span());
        Tested { file, line, title: bench.title(test), failure: failed.finish().iter().next().cloned() }
    };
    Ok(parts.policy.expectations.iter().map(one).collect())
}

/// The texts in the order of their names.
fn ordered(sources: &[Source]) -> Vec<Text<'_>> {
    let mut ordered: Vec<&Source> = sources.iter().collect();
    ordered.sort_by(|a, b| (&a.name, &a.text).cmp(&(&b.name, &b.text)));
    ordered.into_iter().map(|source| Text::new(&source.name, &source.text)).collect()
}

/// What a compilation makes.
struct Parts {
    policy: Policy,
    program: compile::Program,
    /// What the segments select.
    identities: Box<Identities>,
}

fn program(texts: &[Text<'_>], mistakes: &mut Mistakes<'_>) -> Option<Parts> {
    let draft = draft(texts, mistakes)?;
    let policy = resolve::resolve(draft, mistakes);
    if mistakes.errors() > 0 {
        return None;
    }
    let identities = Identities::boxed();
    if let Err((segment, full)) = place(&policy.segments, &identities) {
        let span = policy.declared.get(usize::from(segment.0.get()).wrapping_sub(1)).copied();
        mistakes.add(
            Mistake::new(
                Code::TooManySelectors,
                span.unwrap_or_default(),
                format!("with this segment {full}"),
            )
            .help("select by prefix or VLAN in place of many single addresses".to_owned()),
        );
        return None;
    }
    if let Err(full) = policy.routers.place(&identities) {
        let message = format!("with these routers {full}");
        mistakes.add(
            Mistake::new(Code::TooManySelectors, policy.routers_at, message)
                .help("name networks as a whole in place of many parts".to_owned()),
        );
        return None;
    }
    let program = compile::compile(&policy, mistakes)?;
    Some(Parts { policy, program, identities })
}

/// The draft of all texts; `None` where parts could not be read, so that what seems to be missing may be there.
fn draft(texts: &[Text<'_>], mistakes: &mut Mistakes<'_>) -> Option<Draft> {
    if texts.is_empty() {
        let nowhere = Span { file: u32::MAX, ..Span::default() };
        mistakes.add(
            Mistake::new(Code::Empty, nowhere, "there is no policy file")
                .help("name a file, or a directory with files that end in `.yaml`".to_owned()),
        );
        return None;
    }
    let mut draft = Draft::default();
    let mut reading = Reading::Whole;
    let mut bytes: usize = 0;
    for (file, text) in (0..).zip(texts) {
        let whole = Span { file, ..Span::default() };
        bytes = bytes.saturating_add(text.body.len());
        if bytes > BYTES {
            let message = format!("a policy has at most {BYTES} bytes, and with this file it has more");
            mistakes.add(Mistake::new(Code::Budget, whole, message));
            return None;
        }
        let root = yaml::read(text, file, mistakes);
        if root.reading == Reading::Cut {
            reading = Reading::Cut;
        }
        draft.add(root, whole, mistakes);
    }
    (reading == Reading::Whole).then_some(draft)
}

impl Parts {
    fn compiled(self, texts: &[Text<'_>], warnings: Diagnostics) -> Compiled {
        let Parts { policy, program, .. } = self;
        let hash = hash::hash(&policy);
        let rule = |rule: resolve::ResolvedRule| {
            let (file, line, _, _) = text::locate(texts, rule.name.span);
            let mode = rule.mode.unwrap_or(policy.defaults.mode);
            Rule { id: rule.id, name: rule.name.value, file, line, action: rule.action, mode }
        };
        Compiled {
            tables: program.tables,
            segments: policy.segments,
            rules: policy.rules.into_iter().map(rule).collect(),
            routers: policy.routers,
            hash,
            warnings,
            services: ServiceNames::new(policy.services),
            trials: program.trials,
        }
    }
}

/// Writes what the segments select into identities that place nobody; tells the segment for which there is no room.
fn place(segments: &[Segment], identities: &Identities) -> Result<(), (SegmentId, Full)> {
    for segment in segments {
        let full = |full| (segment.id, full);
        for prefix in &segment.prefixes {
            identities.place_prefix(prefix.ip(), prefix.length(), segment.id).map_err(full)?;
        }
        for mac in &segment.macs {
            identities.place_mac(*mac, segment.id, PlacedBy::Policy).map_err(full)?;
        }
        for vlan in &segment.vlans {
            identities.place_vlan(*vlan, segment.id);
        }
    }
    Ok(())
}

impl Compiled {
    /// Puts the policy into force: tables, routers and placements by MAC address, prefix and VLAN take the place of those
    /// before, with one change of generation. Placements by class are forgotten too; the engine makes them again.
    ///
    /// # Errors
    /// [`Full`] where the state has no room left beside the routers that were found out. A compiled policy fits an empty state.
    pub fn install(&self, state: &State) -> Result<(), Full> {
        let next = state.idle();
        next.tables.copy_from(&self.tables);
        next.identities.take_routers(state.identities());
        let placed = place(&self.segments, &next.identities).map_err(|(_, full)| full);
        let routed = self.routers.place(&next.identities);
        state.swap();
        placed.and(routed)
    }

    /// The segment of a class of devices, if the policy selects by it.
    pub fn segment_for_class(&self, class: DeviceType) -> Option<SegmentId> {
        self.segments.iter().find(|segment| segment.classes.contains(&class)).map(|segment| segment.id)
    }

    /// The name of a segment; `unassigned` for none.
    pub fn segment_name(&self, segment: Option<SegmentId>) -> &str {
        let found = segment.and_then(|id| self.segments.get(usize::from(id.0.get()).wrapping_sub(1)));
        found.map_or("unassigned", |segment| segment.name.as_str())
    }

    /// A rule by its number.
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.rules.get(usize::from(id.0.get()).wrapping_sub(1))
    }

    /// What a destination port (or a protocol without ports, whatever the port) is called: the declared service with the
    /// fewest ports that holds it, then a service known without declaration.
    pub fn service_name(&self, protocol: u8, port: u16) -> Option<&str> {
        self.services.find(protocol, port)
    }

    /// The allow rule in mode observe that would decide on an access, were it in force. The verdict is the one
    /// without it; this is for counting what it would let pass.
    pub fn rule_on_trial(&self, access: Access) -> Option<RuleId> {
        self.trials.find(&self.tables, access)
    }
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled")
            .field("segments", &self.segments)
            .field("rules", &self.rules)
            .field("warnings", &self.warnings)
            .finish_non_exhaustive()
    }
}
