//! End-to-end throughput beside other programs, on one core, in one run:
//! `cargo run --release -p benches --bin throughput -- WARDLINE MIX.pcap POLICY.yaml FOLDER`.
//!
//! FOLDER should be on tmpfs. Programs that are not installed are named and left out.

use benches::run::{median, pinned};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

const ROUNDS: usize = 5;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [wardline, mix, policy, folder] = arguments.as_slice() else {
        return Err("usage: throughput WARDLINE MIX.pcap POLICY.yaml FOLDER".into());
    };
    let baseline = format!("{folder}/mix.baseline");
    let out = format!("{folder}/out");
    let untimed = format!("{folder}/untimed");
    // The first half of the mix is benign in every replica.
    pinned(wardline, &["learn", mix, "--to", "1795507913", "--out", &baseline, "-q"])?;
    let ours = ["replay", mix, "--policy", policy, "--baseline", &baseline, "--out", &out, "-q"];
    let packets = packets(wardline, &[&ours[..7], &[untimed.as_str(), "-q", "--json"]].concat())?;
    let expected = rows(Path::new(&untimed))?;
    let pid = format!("{folder}/softflowd.pid");
    let argus_out = format!("{folder}/argus.out");
    let peers: [(&str, &str, Vec<&str>); 4] = [
        ("tcpdump --count (read floor)", "tcpdump", vec!["-r", mix, "--count"]),
        (
            "softflowd",
            "softflowd",
            vec!["-r", mix, "-d", "-m", "262144", "-n", "127.0.0.1:9", "-c", "none", "-p", &pid],
        ),
        ("ndpiReader", "ndpiReader", vec!["-i", mix, "-q"]),
        ("argus", "argus", vec!["-r", mix, "-w", &argus_out]),
    ];
    let mut times: Vec<(String, Vec<Duration>, u64)> = vec![("wardline replay".to_owned(), Vec::new(), 0)];
    times.extend(peers.iter().map(|(name, _, _)| ((*name).to_owned(), Vec::new(), 0)));
    for _ in 0..ROUNDS {
        // Alternating, so that a noisy minute hits all alike.
        for (place, entry) in times.iter_mut().enumerate() {
            let run = match place.checked_sub(1).and_then(|peer| peers.get(peer)) {
                None => {
                    let run = pinned(wardline, &ours)?;
                    let found = rows(Path::new(&out))?;
                    if found != expected {
                        return Err(format!("rows differ between runs: {found:?} and {expected:?}").into());
                    }
                    Some(run)
                }
                Some((_, program, arguments)) => pinned(program, arguments).ok(),
            };
            if let Some(run) = run {
                entry.1.push(run.wall);
                entry.2 = entry.2.max(run.peak);
            }
            // argus appends to what is there.
            drop(std::fs::remove_file(&argus_out));
        }
    }
    report(&times, packets, &expected)?;
    Ok(())
}

fn report(
    times: &[(String, Vec<Duration>, u64)],
    packets: u64,
    rows: &[(String, u64)],
) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    let nanoseconds = |all: &[Duration]| median(all.to_vec()).as_nanos() / u128::from(packets.max(1));
    let ours = times.first().map_or(0, |(_, all, _)| nanoseconds(all));
    writeln!(out, "{packets} frames; rows: {rows:?}; {ROUNDS} alternating rounds, medians")?;
    writeln!(out, "| program | ns/frame | Mpps | times ours | peak MB |\n|---|---|---|---|---|")?;
    for (name, all, peak) in times {
        if all.is_empty() {
            writeln!(out, "| {name} | not installed or failed | | | |")?;
            continue;
        }
        let each = nanoseconds(all).max(1);
        let hundredths = each * 100 / ours.max(1);
        let rate = 100_000 / each;
        writeln!(
            out,
            "| {name} | {each} | {}.{:02} | {}.{:02} | {} |",
            rate / 100,
            rate % 100,
            hundredths / 100,
            hundredths % 100,
            peak / 1_000_000
        )?;
    }
    Ok(())
}

fn packets(wardline: &str, arguments: &[&str]) -> Result<u64, Failure> {
    let output = std::process::Command::new(wardline).args(arguments).output()?;
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    summary
        .get("packets")
        .and_then(serde_json::Value::as_u64)
        .ok_or_else(|| "no packets in the summary".into())
}

/// Rows of each file of an output folder.
fn rows(folder: &Path) -> std::io::Result<Vec<(String, u64)>> {
    ["flows", "sessions", "verdicts", "incidents", "devices"]
        .into_iter()
        .map(|name| {
            let text = std::fs::read(folder.join(format!("{name}.jsonl")))?;
            let lines = text.split(|&byte| byte == b'\n').count().saturating_sub(1);
            Ok((name.to_owned(), lines as u64))
        })
        .collect()
}
