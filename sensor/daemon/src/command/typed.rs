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

All files given are one policy. Of a folder, the files *.yaml and *.yml are read, in the order of their names.

Exit codes: 0 the policy is valid, 2 a file cannot be read, 3 the policy is invalid";

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
pub(super) struct Captures {
    /// Capture files (pcap, pcapng, packed with gzip or zstd); - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// Leave out frames before this time (RFC 3339 or epoch seconds)
    #[arg(long, value_name = "TIME", value_parser = crate::time::parse, allow_hyphen_values = true)]
    pub(super) from: Option<Timestamp>,
    /// Leave out frames at and after this time (RFC 3339 or epoch seconds)
    #[arg(long, value_name = "TIME", value_parser = crate::time::parse, allow_hyphen_values = true)]
    pub(super) to: Option<Timestamp>,
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
}

#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(super) struct Check {
    /// Policy files, or folders of them
    #[arg(required = true, value_name = "PATH")]
    pub(super) paths: Vec<PathBuf>,
    /// Print the diagnostics as JSON
    #[arg(long)]
    pub(super) json: bool,
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
