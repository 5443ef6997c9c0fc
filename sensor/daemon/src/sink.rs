//! What leaves the sensor: the rows of an output folder, and the summary for people. The only place that makes text of
//! flows, sessions, verdicts, devices and incidents; `docs/output.md` and `docs/schema/` describe it.

mod folder;
mod json;
mod names;
mod rows;
#[cfg(test)]
mod samples;
pub(crate) mod summary;
pub(crate) mod words;

pub(crate) use folder::{FILES, Folder};
pub(crate) use names::Names;

#[cfg(test)]
mod tests;
