//! Why an input is no capture that can be read.

use super::Packing;
use std::fmt;
use std::io;

/// Inputs that cannot be read as captures: all of them, not only the first.
#[derive(Debug, thiserror::Error)]
pub struct OpenError {
    /// Each with its reason, in the order of the command line.
    pub refused: Vec<Refused>,
}

/// One input and why it was refused.
#[derive(Debug)]
pub struct Refused {
    /// What messages call the input.
    pub name: String,
    /// Why.
    pub why: Refusal,
}

/// Why an input was refused.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It cannot be opened or read: missing, no permission, too many open files.
    #[error("{}", cause(.0))]
    Io(io::Error),
    /// It is a folder.
    #[error("is a folder")]
    Folder,
    /// It has no bytes.
    #[error("is empty")]
    Empty,
    /// It has so few bytes that they say nothing.
    #[error("is too short to be a capture: {0} B")]
    Short(usize),
    /// It is something else.
    #[error("is not a capture: it {0}")]
    NotCapture(Foreign),
    /// It is compressed, and already its beginning cannot be unpacked.
    #[error("{0} data cannot be unpacked: {1}")]
    Packed(Packing, io::Error),
    /// libpcap does not read its file header.
    #[error("its file header cannot be read: {0}")]
    Header(String),
    /// No frame in it has a link type that the sensor reads.
    #[error("link type {0} is not supported")]
    LinkType(i32),
}

/// What a file that is no capture seems to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Text.
    Text,
    /// A compression that is not unpacked here, with the program that does.
    Compressed(&'static str),
    /// A Solaris snoop capture.
    Snoop,
    /// Nothing known.
    Unknown,
}

impl Refusal {
    /// What to do about it.
    pub fn remedy(&self) -> String {
        match self {
            Refusal::Io(error) if error.kind() == io::ErrorKind::NotFound => "check the path".to_owned(),
            Refusal::Io(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                "grant read permission, or run as a user who has it".to_owned()
            }
            Refusal::Io(_) => {
                "check the disk, and that the limit of open files suffices (`ulimit -n`)".to_owned()
            }
            Refusal::Folder => "name the capture files in it".to_owned(),
            Refusal::Empty | Refusal::Short(_) => {
                "check that the program which wrote it had finished".to_owned()
            }
            Refusal::NotCapture(Foreign::Compressed(program)) => format!("unpack it with `{program}` first"),
            Refusal::NotCapture(Foreign::Snoop) => "convert it with `editcap -F pcapng`".to_owned(),
            Refusal::NotCapture(Foreign::Text | Foreign::Unknown) => {
                "give a pcap or pcapng file, which may be packed with gzip or zstd".to_owned()
            }
            Refusal::Packed(..) | Refusal::Header(_) => "copy or record it again".to_owned(),
            Refusal::LinkType(_) => "supported are Ethernet (1), raw IP (101, 228, 229), BSD null (0) and \
                loop (108), Linux cooked v1 (113) and v2 (276)"
                .to_owned(),
        }
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Refused { name, why }) in self.refused.iter().enumerate() {
            let newline = if index == 0 { "" } else { "\n" };
            write!(f, "{newline}{name}: {why} ({})", why.remedy())?;
        }
        Ok(())
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Foreign::Text => "is text",
            Foreign::Compressed(_) => "is packed in a way that is not unpacked here",
            Foreign::Snoop => "is a Solaris snoop capture",
            Foreign::Unknown => "begins like no format known here",
        })
    }
}

/// The cause in plain words, without Rust's `(os error 2)`.
fn cause(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::NotFound {
        "does not exist".to_owned()
    } else if error.kind() == io::ErrorKind::PermissionDenied {
        "may not be read: permission denied".to_owned()
    } else {
        let text = error.to_string();
        format!("cannot be read: {}", text.split(" (os error").next().unwrap_or_default())
    }
}
