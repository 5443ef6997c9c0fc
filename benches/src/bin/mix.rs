//! Builds the mixed capture: `cargo run --release -p benches --bin mix -- OUT.pcap`.
//!
//! The recorded hospital five times, and, where `WARDLINE_DATA` names the folder of captures, its dialogues as often as it
//! takes for a mean frame of about 390 bytes.

use abi::address::Timestamp;
use benches::mix::{Framed, shift};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Captures of `WARDLINE_DATA` and how often each is taken.
const DIALOGUES: [(&str, u16); 4] = [
    ("dicom_lab/dcmtk_orthanc_mixed.pcap", 400),
    ("attack_dos/stopddos_synflood_spoofed.pcap", 1),
    ("attack_c2/slips_cc_capture_1.pcap", 2),
    ("benign_it/suricata_smb2_peter.pcap", 40),
];
const HOSPITALS: u16 = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let out = std::env::args_os().nth(1).map(PathBuf::from).ok_or("usage: mix OUT.pcap")?;
    let mut frames = Vec::new();
    let folder = tempfile::tempdir()?;
    let hospital = folder.path().join("hospital.pcapng");
    let packed = std::fs::File::open(fixtures::hospital::hospital().capture)?;
    let mut unpacked = std::fs::File::create(&hospital)?;
    let mut decoder = zstd::Decoder::new(packed)?;
    decoder.window_log_max(31)?;
    std::io::copy(&mut decoder, &mut unpacked)?;
    replicate(&hospital, HOSPITALS, &mut frames)?;
    match std::env::var_os("WARDLINE_DATA") {
        Some(data) => {
            for (name, times) in DIALOGUES {
                replicate(&Path::new(&data).join(name), times, &mut frames)?;
            }
        }
        None => eprintln!("WARDLINE_DATA is not set: the mix holds the recorded hospital only"),
    }
    frames.sort_by_key(|frame| frame.at);
    write(&out, &frames)?;
    let bytes: u64 = frames.iter().map(|frame| u64::from(frame.wire_len)).sum();
    let mut stdout = std::io::stdout();
    let mean = bytes / frames.len().max(1) as u64;
    writeln!(stdout, "{} frames, mean {mean} bytes, {}", frames.len(), out.display())?;
    Ok(())
}

fn replicate(path: &Path, times: u16, frames: &mut Vec<Framed>) -> Result<(), Box<dyn std::error::Error>> {
    let mut capture = pcap::Capture::from_file_with_precision(path, pcap::Precision::Nano)?;
    let mut original = Vec::new();
    let mut start = None;
    while let Ok(packet) = capture.next_packet() {
        let seconds = u64::try_from(packet.header.ts.tv_sec)?;
        let nanoseconds = u64::try_from(packet.header.ts.tv_usec)?;
        let at = seconds * 1_000_000_000 + nanoseconds;
        let first = *start.get_or_insert(at);
        original.push((at.saturating_sub(first), packet.data.to_vec(), packet.header.len));
    }
    for k in 0..times {
        for (at, bytes, wire_len) in &original {
            let mut bytes = bytes.clone();
            shift(&mut bytes, k);
            // Replicas begin 3 s apart, so that their like frames do not come in rows.
            let at = Timestamp(at + u64::from(k) * 3_000_000_000);
            frames.push(Framed { at, bytes, wire_len: *wire_len });
        }
    }
    Ok(())
}

fn write(path: &Path, frames: &[Framed]) -> std::io::Result<()> {
    const START: u64 = 1_795_507_613;
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    // pcap with microseconds, version 2.4, snap length 262,144, Ethernet.
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 262_144, 1] {
        file.write_all(&word.to_le_bytes())?;
    }
    for frame in frames {
        let seconds = START + frame.at.0 / 1_000_000_000;
        let micros = frame.at.0 % 1_000_000_000 / 1000;
        for word in [seconds, micros, frame.bytes.len() as u64, u64::from(frame.wire_len)] {
            file.write_all(&u32::try_from(word).unwrap_or(u32::MAX).to_le_bytes())?;
        }
        file.write_all(&frame.bytes)?;
    }
    file.flush()
}
