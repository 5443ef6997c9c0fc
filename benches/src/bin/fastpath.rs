//! The fast path measured: `make bench-fastpath`, or as root
//! `cargo run --release -p benches --bin fastpath -- [--frames N] [hot] [many] [fresh] [live] [swap] [mixture]`.
//!
//! It works in network and mount namespaces of its own, which end with it. `--frames` shortens the run for mixtures.

use benches::fastpath::Failure;
use benches::fastpath::measure::bind;
use benches::fastpath::rows::{Row, fresh, hot, live, many, mixture, swap};
use benches::fastpath::subject::{Filter, index, said};
use std::io::Write;
use std::os::linux::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Frames of the run for mixtures.
const FRAMES: u64 = 100_000_000;
/// Says that the namespaces are there.
const INSIDE: &str = "WARDLINE_BENCH_INSIDE";
const GROUPS: [&str; 6] = ["hot", "many", "fresh", "live", "swap", "mixture"];

fn main() -> Result<(), Failure> {
    let (frames, groups) = arguments()?;
    demand()?;
    if std::env::var_os(INSIDE).is_none() {
        let mut command = Command::new("unshare");
        command
            .args(["--net", "--mount", "--"])
            .arg(std::env::current_exe()?)
            .args(std::env::args_os().skip(1));
        return Err(command.env(INSIDE, "1").exec().into());
    }
    // What is pinned goes with the namespace.
    said(Command::new("mount").args(["-t", "bpf", "bpf", "/sys/fs/bpf"]))?;
    bind(0)?;
    said(Command::new("ip").args("link add port0 type veth peer name port1".split(' ')))?;
    let ports = [index("port0")?, index("port1")?];
    let mut filter = Filter::load();
    let mut out = std::io::stdout();
    writeln!(out, "{}\n\n| figure | measured | target | |\n|---|---|---|---|", machine()?)?;
    for group in groups {
        let rows = match group.as_str() {
            "hot" => hot::rows(&mut filter, ports),
            "many" => many::rows(&mut filter),
            "fresh" => fresh::rows(),
            "live" => live::rows(),
            "swap" => swap::rows(),
            _ => mixture::rows(frames),
        };
        print(&rows)?;
    }
    writeln!(out, "\nload average at the end: {}", load()?)?;
    Ok(())
}

/// The number of frames and the groups of rows that are wanted.
fn arguments() -> Result<(u64, Vec<String>), Failure> {
    let mut frames = FRAMES;
    let mut groups = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--frames" => frames = arguments.next().ok_or("--frames wants a number")?.parse()?,
            group if GROUPS.contains(&group) => groups.push(argument),
            other => return Err(format!("no such group `{other}`; there are {}", GROUPS.join(", ")).into()),
        }
    }
    if groups.is_empty() {
        groups = GROUPS.map(str::to_owned).to_vec();
    }
    Ok((frames, groups))
}

/// Refuses where nothing can be measured.
fn demand() -> Result<(), Failure> {
    if std::fs::metadata("/proc/self")?.st_uid() != 0 {
        return Err("run it as root: it loads programs into the kernel and makes interfaces".into());
    }
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let mut numbers = release.split(['.', '-']).map_while(|part| part.trim().parse::<u32>().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    if version < (6, 1) {
        return Err(format!("this kernel is {}; it takes 6.1 or later", release.trim()).into());
    }
    if !daemon::fastpath::Fastpath::is_built() {
        return Err("this build has no fast path; `make setup` installs what it needs".into());
    }
    Ok(())
}

/// What was measured on.
fn machine() -> Result<String, Failure> {
    let told = std::fs::read_to_string("/proc/cpuinfo")?;
    let model = told.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let spectre =
        std::fs::read_to_string("/sys/devices/system/cpu/vulnerabilities/spectre_v2").unwrap_or_default();
    let model = model.trim_matches([':', '\t', ' ']);
    Ok(format!(
        "{model}, Linux {}, spectre_v2: {}; load average at the start: {}",
        release.trim(),
        spectre.trim(),
        load()?
    ))
}

fn load() -> Result<String, Failure> {
    let told = std::fs::read_to_string("/proc/loadavg")?;
    Ok(told.split(' ').take(3).collect::<Vec<_>>().join(" "))
}

fn print(rows: &[Row]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    for row in rows {
        writeln!(out, "{row}")?;
    }
    out.flush()?;
    Ok(())
}
