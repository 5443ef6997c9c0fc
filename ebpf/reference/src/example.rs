//! Policies for the addresses of [`crate::packets`], made so that every kind of decision is met.

use policies::Source;

/// A policy text.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// What it is for.
    pub name: &'static str,
    /// What it says.
    pub text: &'static str,
}

impl Example {
    /// The text as a file of a policy.
    #[must_use]
    pub fn source(&self) -> Source {
        Source { name: format!("{}.yaml", self.name), text: self.text.to_owned() }
    }
}

/// All of them, by the numbers that generated steps use.
pub const POLICIES: [Example; 8] = [
    Example { name: "hospital", text: include_str!("../../../policies/examples/hospital.yaml") },
    Example { name: "wards", text: include_str!("../policies/wards.yaml") },
    Example { name: "tags", text: include_str!("../policies/tags.yaml") },
    Example { name: "open", text: include_str!("../policies/open.yaml") },
    Example { name: "trial", text: include_str!("../policies/trial.yaml") },
    Example { name: "machines", text: include_str!("../policies/machines.yaml") },
    Example { name: "turned", text: include_str!("../policies/turned.yaml") },
    Example { name: "empty", text: include_str!("../policies/empty.yaml") },
];
