//! The command line as it is typed; the comments are its help.

use abi::address::Timestamp;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

const EXIT_CODES: &str = "\
Exit codes:
  0  it worked (finding incidents is no failure)
  1  findings: a check failed, a test failed, a diff is not empty
  2  the command line or an input file cannot be used
  3  the policy, the configuration or the baseline is invalid
  4  not permitted
  5  the other side cannot be reached
  130, 143  a signal (SIGINT, SIGTERM) ended the reading";

const REPLAY_EXAMPLES: &str = "\
Examples:
  wardline replay ward.pcapng
      What talks to whom in this capture
  wardline replay --policy policies/ --baseline ward.baseline --out result day1.pcap.zst day2.pcap.gz
      Judge two captures, merged by time, and keep every row in result/
  tcpdump -r huge.pcap -w - 'vlan 20' | wardline replay --json -
      The summary of a filtered capture, for another program
  wardline replay --from 2026-11-24T08:00:00+01:00 --to 2026-11-24T09:00:00+01:00 day.pcap
      One hour

Captures are pcap or pcapng, plain or packed with gzip or zstd, told apart by their bytes. Files are merged by time; \
their order on the command line does not matter. A damaged capture is read up to the damage, which is noted on stderr.

Ctrl-C ends the reading, and the result of what was read is written; a second Ctrl-C ends at once.

Exit codes: 0 done, 2 an input cannot be used or the result not be written, 3 the policy or baseline is invalid, 4 the \
result may not be written, 130 and 143 a signal (SIGINT, SIGTERM) ended the reading";

const LEARN_EXAMPLES: &str = "\
Examples:
  wardline learn --to 2026-11-24T08:15:00Z --out ward.baseline ward.pcapng.zst
      Learn from the quiet time before a quarter past eight
  wardline learn --out ward.baseline week/*.pcap.gz

Learn only from time that you trust: what happens in it is normal afterwards.

Exit codes: 0 done, 2 an input cannot be used or the baseline not be written, 4 the baseline may not be written, 130 and \
143 a signal (SIGINT, SIGTERM) came and no baseline was written";

const CHECK_EXAMPLES: &str = "\
Examples:
  wardline policy check policies/
  wardline policy check --json ward.yaml
  wardline policy check --format sarif policies/ > policy.sarif
      For a code review: the results stand beside the lines

All files given are one policy. Of a folder, the files *.yaml and *.yml are read, in the order of their names.

Exit codes: 0 the policy is valid, 2 a file cannot be read, 3 the policy is invalid";

const TEST_EXAMPLES: &str = "\
Examples:
  wardline policy test policies/

Tests stand in the policy itself, under `tests:`. `check` runs them too: a policy whose tests fail is invalid.

Exit codes: 0 all tests hold, 1 a test failed, 2 a file cannot be read, 3 the policy is invalid otherwise";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  wardline policy explain --policy policies/ pumps ehr https
      Whether pumps reach the EHR, and why
  wardline policy explain --policy ward.yaml 10.30.2.17 10.30.1.20 udp/24105
      The same for two addresses and a port
  wardline policy explain POL012
      A mistake: the cause, a small policy with it, and the same policy mended
  wardline policy explain
      All mistakes that there are, a line each

An address is in the segment of its longest prefix; on the wire, MAC addresses, VLANs and device classes count too.

Exit codes: 0 explained, 2 a file cannot be read, a word means nothing in the policy or there is no such code, 3 the policy is \
invalid";

const MATRIX_EXAMPLES: &str = "\
Examples:
  wardline policy matrix policies/
  wardline policy matrix --svg matrix.svg policies/

Exit codes: 0 done, 2 a file cannot be read or written, 3 the policy is invalid";

const DIFF_EXAMPLES: &str = "\
Examples:
  wardline policy diff policies/ proposed/

Both policies are compared by what they mean, for every device, port and protocol: a rule that is written differently and \
says the same is no difference.

Exit codes: 0 they decide alike, 1 they differ, 2 a file cannot be read, 3 a policy is invalid";

const IMPACT_EXAMPLES: &str = "\
Examples:
  wardline policy impact proposed/ --over out/
      What the proposed policy would cut of the flows that a replay recorded in out/
  wardline policy impact proposed/ --before policies/ --over monday.pcapng.zst tuesday.pcapng.zst
      What it would cut that today's policy does not

Every device pair, service and port that was talked is put before the judge that the sensor runs.

Exit codes: 0 nothing would be cut, 1 something would, 2 an input cannot be read, 3 a policy is invalid, 130 and 143 a \
signal ended the reading";

const POLICY_LEARN_EXAMPLES: &str = "\
Examples:
  wardline policy learn monday.pcapng.zst --out draft.yaml
  wardline replay week.pcapng --baseline site.baseline --out out/ && wardline policy learn out/ --out draft.yaml
      Leave out what incidents accuse

The draft only observes. Read it, mend it, and try it with `wardline policy impact` on another record.

Exit codes: 0 done, 2 an input cannot be read or the draft not be written, 4 the draft may not be written, 130 and 143 a \
signal ended the reading";

const FMT_EXAMPLES: &str = "\
Examples:
  wardline policy fmt policies/
  wardline policy fmt --check policies/
      For continuous integration
  wardline policy fmt - < ward.yaml
      For an editor

All files given are one policy, as for `wardline policy check`, and must be free of mistakes. A file is replaced whole, once the \
new text is known to compile to the same policy and to hold the same comments. What cannot be laid out safely stays as it is.

Exit codes: 0 done, 1 with --check the layout of a file is another, 2 a file cannot be read or written, 3 the policy is invalid";

const SCHEMA_EXAMPLES: &str = "\
Example:
  wardline policy schema > policy.schema.json
      Then begin policy files with this line, and editors with the YAML language server know the format:
      # yaml-language-server: $schema=./policy.schema.json";

const RUN_EXAMPLES: &str = "\
Examples:
  wardline run --mode span --interface eth1 --policy policies/
      Judge a mirror port; nothing is ever dropped
  wardline run --mode inline --interface eth1 --interface eth2 --policy ward.yaml --verbose
      Stand in the wire between two ports
  wardline run --mode span -i eth1 --policy policies/ --baseline ward.baseline --out /var/lib/wardline/today
      Also find incidents, and keep every row in a folder
  wardline run --detach --interface eth1 --interface eth2
      Take away what a sensor left that was killed or ended with --stay

What is attached stays when the process is killed: the last policy keeps judging, and the next run takes over without \
losing a frame. SIGHUP reads the policy again; an invalid one changes nothing. SIGTERM and Ctrl-C end the run.

Exit codes: 0 done, 2 an interface cannot be used, 3 the policy is invalid, 4 not permitted";

const ASK_EXIT_CODES: &str = "\
Exit codes: 0 done, 2 there is no such device in quarantine, 4 not permitted, 5 no sensor answers";

const QUARANTINE_EXAMPLES: &str = "\
Examples:
  wardline quarantine 10.10.0.7 --reason 'scans the ward, ticket 4711'
  wardline quarantine 00:09:fb:00:00:07 --ttl 30m --reason 'waits for its vendor'

When the command returns no frame of the device passes any more, but what it needs to keep its place: ARP, EAPOL, neighbour \
discovery, DHCP, and what the policy allows with segments that say `quarantine: { allow: ... }`. The quarantine outlasts other policies, and \
the sensor when it is started again.

Exit codes: 0 done, 2 it is no device, 4 not permitted, or refused without --force, 5 no sensor answers";

const DOCTOR_EXAMPLES: &str = "\
Examples:
  wardline doctor
      This machine
  wardline doctor eth1 eth2
      This machine and two interfaces

Exit codes: 0 everything needed is there, 1 something needed is missing";

/// Draws and holds the line around medical devices
///
/// Reads network traffic, names every device, judges every flow by the segment policy and by what the device normally
/// does, and says why.
#[derive(Debug, Parser)]
#[command(name = "wardline", version, after_help = EXIT_CODES, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(super) struct Typed {
    #[command(subcommand)]
    pub(super) verb: Verb,
    /// Whether to colour the output; auto does on a terminal, unless `NO_COLOR` is set
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(super) color: Color,
    /// Tell only errors on stderr: no notes, no progress
    #[arg(long, short, global = true)]
    pub(super) quiet: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Run the whole pipeline over capture files
    Replay(Replay),
    /// Learn what is normal from benign captures
    Learn(Learn),
    /// Judge live traffic on network interfaces
    Run(Run),
    /// Cut a device off, whatever the policy says, for some time
    Quarantine(Quarantine),
    /// End the quarantine of a device
    Release(Release),
    /// Say how a running sensor goes: mode, ports, policy, frames, what was lost where, who is in quarantine
    Status(Status),
    /// Say what holds of this machine and its interfaces, and what to do where it does not
    Doctor(Doctor),
    /// Work on policies
    #[command(subcommand, arg_required_else_help = true)]
    Policy(Policy),
}

#[derive(Debug, Args)]
pub(super) struct Times {
    /// Leave out what was before this time (RFC 3339 or epoch seconds)
    #[arg(long, value_name = "TIME", value_parser = crate::time::parse, allow_hyphen_values = true)]
    pub(super) from: Option<Timestamp>,
    /// Leave out what was at and after this time (RFC 3339 or epoch seconds)
    #[arg(long, value_name = "TIME", value_parser = crate::time::parse, allow_hyphen_values = true)]
    pub(super) to: Option<Timestamp>,
}

#[derive(Debug, Args)]
pub(super) struct Captures {
    /// Capture files (pcap, pcapng, packed with gzip or zstd); - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) times: Times,
}

#[derive(Debug, Args)]
#[command(after_help = REPLAY_EXAMPLES)]
pub(super) struct Replay {
    #[command(flatten)]
    pub(super) captures: Captures,
    /// Judge every flow by this policy: a YAML file, or a folder of them
    #[arg(long, value_name = "PATH")]
    pub(super) policy: Option<PathBuf>,
    /// Compare every device with this baseline, written by `wardline learn`
    #[arg(long, value_name = "FILE")]
    pub(super) baseline: Option<PathBuf>,
    /// Write devices, flows, sessions, verdicts and incidents (.jsonl) and summary.json into this folder
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = LEARN_EXAMPLES)]
pub(super) struct Learn {
    #[command(flatten)]
    pub(super) captures: Captures,
    /// Write the baseline to this file
    #[arg(long, value_name = "FILE")]
    pub(super) out: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(super) enum Policy {
    /// Show every mistake in policy files, with its place and a remedy
    Check(Check),
    /// Run the tests that stand in a policy
    Test(Test),
    /// Say which rule decides on an access and why the others do not, or what a mistake is and how to mend it
    Explain(Explain),
    /// Show who may reach whom, and draw it
    Matrix(Matrix),
    /// Show what a change of policy opens, closes and moves
    Diff(Diff),
    /// Show what a policy would cut of what was talked
    Impact(Impact),
    /// Draft a policy from what was talked
    Learn(PolicyLearn),
    /// Lay out policy files: indentation, spaces, columns; comments and meaning stay
    Fmt(Fmt),
    /// Print the JSON Schema of the policy format, by which editors complete and check
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
}

#[derive(Debug, Args)]
#[command(after_help = IMPACT_EXAMPLES)]
pub(super) struct Impact {
    /// What is proposed: a policy file, or a folder of them
    #[arg(value_name = "POLICY")]
    pub(super) policy: PathBuf,
    /// Captures, or the folder that `wardline replay --out` wrote
    #[arg(long, value_name = "PATH", required = true, num_args = 1..)]
    pub(super) over: Vec<PathBuf>,
    /// What holds now: tell only what it does not deny already
    #[arg(long, value_name = "PATH")]
    pub(super) before: Option<PathBuf>,
    #[command(flatten)]
    pub(super) times: Times,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = POLICY_LEARN_EXAMPLES)]
pub(super) struct PolicyLearn {
    /// Captures, or the folder that `wardline replay --out` wrote
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// Write the draft to this file [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) times: Times,
}

#[derive(Debug, Args)]
#[command(after_help = TEST_EXAMPLES)]
pub(super) struct Test {
    /// Policy files, or folders of them
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = FMT_EXAMPLES)]
pub(super) struct Fmt {
    /// Policy files, or folders of them; - alone reads standard input and writes standard output
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// Change nothing; name the files whose layout is another, and exit with 1 if there are any
    #[arg(long)]
    pub(super) check: bool,
}

#[derive(Debug, Args)]
#[command(after_help = EXPLAIN_EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "flags are typed or not")]
pub(super) struct Explain {
    /// Who begins, who answers (segments, IP or MAC addresses) and over what (a service, tcp/443, icmp);
    /// or the code of a mistake, as POL012; nothing lists all codes
    #[arg(value_names = ["FROM", "TO", "SERVICE"], num_args = 0..=3)]
    pub(super) words: Vec<String>,
    /// The policy: a YAML file, or a folder of them
    #[arg(long, value_name = "PATH")]
    pub(super) policy: Option<PathBuf>,
    /// Show every rule that does not decide, however far it is from the question
    #[arg(long)]
    pub(super) all: bool,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = MATRIX_EXAMPLES)]
pub(super) struct Matrix {
    /// Policy files, or folders of them
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// Draw it into this file
    #[arg(long, value_name = "FILE")]
    pub(super) svg: Option<PathBuf>,
    /// Print it as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = DIFF_EXAMPLES)]
pub(super) struct Diff {
    /// What holds before: a policy file, or a folder of them
    #[arg(value_name = "OLD")]
    pub(super) old: PathBuf,
    /// What holds after
    #[arg(value_name = "NEW")]
    pub(super) new: PathBuf,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(super) struct Check {
    /// Policy files, or folders of them
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// How to print the diagnostics: for people, as a JSON object, or as SARIF 2.1.0 for code review
    #[arg(long, value_enum, default_value_t = Report::Text, value_name = "FORM")]
    pub(super) format: Report,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub(super) json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Report {
    Text,
    Json,
    Sarif,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum RunMode {
    /// Look at copies from a mirror port: nothing is ever dropped
    Span,
    /// Stand in the wire between two interfaces
    Inline,
    /// Stand on the ports of a router or bridge
    Routed,
}

#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "flags are typed or not; what they mean is made enums of")]
pub(super) struct Run {
    /// What is done with frames
    #[arg(long, value_enum, value_name = "MODE", required_unless_present = "detach")]
    pub(super) mode: Option<RunMode>,
    /// An interface; inline needs two, the others take up to 16
    #[arg(long = "interface", short, value_name = "NAME")]
    pub(super) interfaces: Vec<String>,
    /// Judge by this policy: a YAML file, or a folder of them
    #[arg(long, value_name = "PATH", required_unless_present = "detach")]
    pub(super) policy: Option<PathBuf>,
    /// Keep what outlasts the process in this folder of a BPF file system [default: one named after the interfaces in
    /// /sys/fs/bpf/wardline]
    #[arg(long, value_name = "DIR")]
    pub(super) pin: Option<PathBuf>,
    /// Keep the socket for other commands and who is in quarantine in this folder [default: one named after the interfaces in
    /// /var/lib/wardline]
    #[arg(long, value_name = "DIR")]
    pub(super) state: Option<PathBuf>,
    /// Name devices, read sessions and look for incidents, and write devices, flows, sessions, verdicts and incidents
    /// (.jsonl) into this folder as they come, and summary.json at the end
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Compare every device with this baseline, written by `wardline learn`
    #[arg(long, value_name = "FILE", requires = "out")]
    pub(super) baseline: Option<PathBuf>,
    /// Leave the program at work when this command ends
    #[arg(long)]
    pub(super) stay: bool,
    /// Take away what an earlier run left, and end
    #[arg(long, conflicts_with_all = ["mode", "policy", "stay", "out"])]
    pub(super) detach: bool,
    /// Print a line of counters every second (stderr)
    #[arg(long, short)]
    pub(super) verbose: bool,
    /// Print the summary as JSON
    #[arg(long)]
    pub(super) json: bool,
}

/// A running sensor.
#[derive(Debug, Args)]
pub(super) struct Sensor {
    /// The sensor on this interface; of several, all of them, as `wardline run` was told [default: the only sensor of this
    /// machine]
    #[arg(long = "interface", short, value_name = "NAME")]
    pub(super) interfaces: Vec<String>,
    /// The sensor of this folder, as `wardline run` was told
    #[arg(long, value_name = "DIR", conflicts_with = "interfaces")]
    pub(super) state: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = QUARANTINE_EXAMPLES)]
#[expect(clippy::struct_excessive_bools, reason = "flags are typed or not; what they mean is made enums of")]
pub(super) struct Quarantine {
    /// The device: an IP address, a MAC address, or its name in rows (mac-0009fb000007, ip-10.2.0.9)
    #[arg(value_name = "DEVICE")]
    pub(super) device: String,
    /// For how long: a number with s, m, h or d, at most 30d
    #[arg(long, value_name = "TIME", default_value = "4h", value_parser = super::ttl)]
    pub(super) ttl: Duration,
    /// Why; it is shown wherever the quarantine is
    #[arg(long, value_name = "TEXT")]
    pub(super) reason: String,
    /// Also where the device belongs to a segment that is `life_critical`, or forwards for others
    #[arg(long)]
    pub(super) force: bool,
    #[command(flatten)]
    pub(super) sensor: Sensor,
    /// Print the quarantine as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = ASK_EXIT_CODES)]
pub(super) struct Release {
    /// The device, by any of its addresses
    #[arg(value_name = "DEVICE")]
    pub(super) device: String,
    #[command(flatten)]
    pub(super) sensor: Sensor,
    /// Print what ended as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = ASK_EXIT_CODES)]
pub(super) struct Status {
    #[command(flatten)]
    pub(super) sensor: Sensor,
    /// Print it as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
#[command(after_help = DOCTOR_EXAMPLES)]
pub(super) struct Doctor {
    /// Interfaces to look at
    #[arg(value_name = "INTERFACE")]
    pub(super) interfaces: Vec<String>,
    /// Print what holds as JSON
    #[arg(long)]
    pub(super) json: bool,
}
