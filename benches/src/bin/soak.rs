//! Mutated captures for minutes, with a flat line of memory: `cargo run --release -p benches --bin soak -- [SECONDS]`.
//!
//! The recorded hospital is fed to one engine again and again, each time with other bytes flipped, frames cut, dropped,
//! repeated and reordered, and time moved on. Resident memory is printed ten times; the run fails when the second half
//! grows by more than a tenth over its first value.

use abi::address::Timestamp;
use detectors::detector::Detector;
use detectors::settings::Settings as DetectorSettings;
use engine::engine::{Captured, Engine, Settings};
use engine::output::Outputs;
use engine::watch::Watch;
use fixtures::random::Random;
use std::io::Write;
use std::time::{Duration, Instant};
use wire::frame::LinkType;

type Failure = Box<dyn std::error::Error>;

struct Recorded {
    at: u64,
    bytes: Vec<u8>,
    wire_len: u32,
}

fn main() -> Result<(), Failure> {
    let seconds = std::env::args().nth(1).map_or(Ok(300), |text| text.parse())?;
    let recorded = hospital()?;
    let watch = Watch::Detect(Box::new(Detector::new(DetectorSettings::default(), None)));
    let mut engine = Engine::new(&Settings::default(), None, watch);
    let mut outputs = Outputs::default();
    let mut random = Random::seeded(1);
    let mut shift = 0u64;
    let (mut frames, mut rows) = (0u64, 0u64);
    let mut samples = Vec::new();
    let span = Duration::from_secs(seconds);
    #[expect(clippy::disallowed_methods, reason = "a soak lasts as long as it is told to")]
    let start = Instant::now();
    let mut stdout = std::io::stdout();
    while start.elapsed() < span {
        let mut last = 0;
        for frame in &recorded {
            let mut bytes = frame.bytes.clone();
            if !mutate(&mut bytes, &mut random) {
                continue;
            }
            // Some frames come late, some early.
            let jitter = random.below(2_000_000);
            let at = Timestamp((frame.at + shift).saturating_sub(jitter));
            let wire_len = frame.wire_len.max(u32::try_from(bytes.len())?);
            engine.step(Captured { at, link: LinkType::Ethernet, bytes: &bytes, wire_len }, &mut outputs);
            frames += 1;
            rows += (outputs.flows.len() + outputs.sessions.len()) as u64;
            outputs.clear();
            last = frame.at;
            if frames.is_multiple_of(4096) && start.elapsed() >= span * u32::try_from(samples.len() + 1)? / 10
            {
                let resident = resident();
                samples.push(resident);
                writeln!(
                    stdout,
                    "{:>4} s  {frames} frames  {rows} rows  {} MB",
                    start.elapsed().as_secs(),
                    resident / 1_000_000
                )?;
            }
        }
        let first = recorded.first().map_or(0, |frame| frame.at);
        shift += last - first + 60_000_000_000;
    }
    let half = samples.get(samples.len() / 2).copied().unwrap_or(0);
    let end = samples.last().copied().unwrap_or(0);
    if end > half + half / 10 {
        return Err(format!("memory grew from {half} to {end} bytes in the second half").into());
    }
    writeln!(
        stdout,
        "{frames} mutated frames, {rows} rows; memory {} MB at half time, {} MB at the end",
        half / 1_000_000,
        end / 1_000_000
    )?;
    Ok(())
}

/// Flips, cuts, or leaves a frame; false drops it.
fn mutate(bytes: &mut Vec<u8>, random: &mut Random) -> bool {
    match random.below(20) {
        0 => return false,
        1 | 2 => {
            for _ in 0..=random.below(8) {
                let place = usize::try_from(random.below(bytes.len().max(1) as u64)).unwrap_or(0);
                if let Some(byte) = bytes.get_mut(place) {
                    *byte = u8::try_from(random.below(256)).unwrap_or(0);
                }
            }
        }
        3 => bytes.truncate(usize::try_from(random.below(bytes.len().max(1) as u64)).unwrap_or(0)),
        _ => {}
    }
    true
}

fn hospital() -> Result<Vec<Recorded>, Failure> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("hospital.pcapng");
    let mut decoder = zstd::Decoder::new(std::fs::File::open(fixtures::hospital().capture)?)?;
    decoder.window_log_max(31)?;
    std::io::copy(&mut decoder, &mut std::fs::File::create(&path)?)?;
    let mut capture = pcap::Capture::from_file_with_precision(&path, pcap::Precision::Nano)?;
    let mut all = Vec::new();
    while let Ok(packet) = capture.next_packet() {
        let at = u64::try_from(packet.header.ts.tv_sec)? * 1_000_000_000
            + u64::try_from(packet.header.ts.tv_usec)?;
        all.push(Recorded { at, bytes: packet.data.to_vec(), wire_len: packet.header.len });
    }
    Ok(all)
}

/// Resident memory of this process, in bytes.
fn resident() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * 4096
}
