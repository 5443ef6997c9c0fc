//! `wardline policy learn PATH...`: a policy drafted from what was talked.

use super::print;
use crate::command::{PolicyLearn, Quiet};
use crate::exit::{Exit, Failure};
use crate::recorded::{self, Accused};
use crate::sink::words;
use crate::whole;
use anyhow::anyhow;
use lake::draft::{Draft, Style, draft};
use lake::impact::impact;
use policies::Source;

/// Drafts a policy and tries it on the same record.
///
/// # Errors
/// What was recorded cannot be read or holds no flow, or the draft cannot be written.
pub(crate) fn run(request: &PolicyLearn) -> Result<Exit, Failure> {
    if let Some(out) = &request.out {
        super::refuse(out, &request.paths)?;
        whole::try_out(out)?;
    }
    let recorded = recorded::read(&request.paths, request.span, Accused::LeftOut, request.quiet)?;
    if recorded.record.flows == 0 {
        return Err(Failure::usage(anyhow!("no flow of IP was recorded: there is nothing to learn from")));
    }
    let style = Style { is_life_critical: |class| words::criticality(class) == words::LIFE_CRITICAL };
    let draft = draft(&recorded.record, style);
    let name = request.out.as_ref().map_or("the draft".to_owned(), |out| out.display().to_string());
    let source = Source { name, text: draft.text.clone() };
    // A draft that does not compile would be a defect of ours; its diagnostics say which.
    let policy = policies::compile(&[source]).map_err(Failure::invalid)?;
    let rest = impact(&recorded.record, None, &policy).map_err(Failure::usage)?;
    match &request.out {
        Some(out) => whole::write(out, draft.text.as_bytes())?,
        None => print(&draft.text)?,
    }
    if request.quiet == Quiet::No {
        for note in notes(&draft, recorded.accused, rest.cuts.len()) {
            crate::say("note", &note);
        }
    }
    Ok(Exit::Ok)
}

fn notes(draft: &Draft, accused: u64, cut: usize) -> Vec<String> {
    let mut notes = vec![format!(
        "{} rules for what was seen often, {} for what was seen once (mode alert)",
        draft.often, draft.once
    )];
    if draft.scans > 0 {
        notes.push(format!("{} flows look like scanning and are not proposed", draft.scans));
    }
    if accused > 0 {
        notes.push(format!("{accused} flows belong to incidents and are not proposed"));
    }
    if cut > 0 {
        notes.push(format!(
            "{cut} services of the record are not allowed by the draft (`wardline policy impact` shows them)"
        ));
    }
    notes
}
