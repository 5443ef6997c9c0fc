//! Namespaces, links between them, and what hosts do there.

use crate::build::Folder;
use crate::run::text;
use pcap::{Active, Capture, Device};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::linux::fs::MetadataExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

/// How long anything may take that is expected to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(15);
/// How long something is given that must not happen.
pub(crate) const SILENCE: Duration = Duration::from_millis(1200);

static GROUNDS: AtomicU32 = AtomicU32::new(0);

/// Where something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Left,
    Sensor,
    Right,
}

/// Two hosts and a place for a sensor between them. It goes with this value.
pub(crate) struct Ground {
    name: String,
    folder: Folder,
}

fn works(command: &str) -> bool {
    Command::new("sh").args(["-c", command]).output().is_ok_and(|output| output.status.success())
}

/// Whether live tests can run here; if not, that is told. Where they are required only the user may be the reason.
fn is_possible() -> bool {
    let is_root = fs::metadata("/proc/self").unwrap().st_uid() == 0;
    let is_equipped = daemon::fastpath::Fastpath::is_built() && works("ip -V && ethtool --version");
    if is_equipped && is_root {
        return true;
    }
    let line = b"SKIPPED: live tests: run as root, with iproute2, ethtool, and a build after `make setup`\n";
    std::io::stderr().write_all(line).unwrap();
    assert!(
        is_equipped || std::env::var_os("WARDLINE_FASTPATH_REQUIRED").is_none(),
        "they are required here"
    );
    false
}

impl Ground {
    /// Makes one, with frames of up to 9,000 bytes, on which everything works natively.
    pub(crate) fn make() -> Option<Ground> {
        if !is_possible() {
            return None;
        }
        let number = GROUNDS.fetch_add(1, Ordering::Relaxed);
        let ground = Ground { name: format!("wl{}-{number}", std::process::id()), folder: Folder::new() };
        let bpf = ground.folder.path().join("bpf");
        fs::create_dir(&bpf).unwrap();
        shell(&format!("mount -t bpf bpf {}", text(&bpf)));
        for place in [Place::Left, Place::Sensor, Place::Right] {
            shell(&format!("ip netns add {}", ground.namespace(place)));
            // No solicitations of the kernel's own among the frames.
            ground.inside(place, || fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap());
        }
        for (place, port, address) in [(Place::Left, "one", "10.0.0.1"), (Place::Right, "two", "10.0.0.2")] {
            let (host, sensor) = (ground.namespace(place), ground.namespace(Place::Sensor));
            shell(&format!(
                "ip link add host netns {host} mtu 9000 type veth peer name {port} netns {sensor} mtu 9000
                ip -n {host} addr add {address}/24 dev host
                ip -n {host} link set host up
                ip -n {sensor} link set {port} up"
            ));
            // A frame that is redirected keeps the checksum that the sender left to its card; and the card of a veth keeps
            // tags beside the frame. Only with GRO does a veth take frames that are redirected to its other end.
            ground.ethtool(place, "host tx off txvlan off tx-vlan-stag-hw-insert off gro on");
            ground.ethtool(Place::Sensor, &format!("{port} rxvlan off rx-vlan-stag-hw-parse off"));
        }
        Some(ground)
    }

    pub(crate) fn namespace(&self, place: Place) -> String {
        let ending = match place {
            Place::Left => "l",
            Place::Sensor => "s",
            Place::Right => "r",
        };
        format!("{}{ending}", self.name)
    }

    /// The folder for pins.
    pub(crate) fn pins(&self) -> PathBuf {
        self.folder.path().join("bpf/sensor")
    }

    /// The folder for the sensor's socket and what it keeps.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Writes a file.
    pub(crate) fn file(&self, name: &str, content: &str) -> PathBuf {
        self.folder.file(name, content.as_bytes())
    }

    pub(crate) fn ethtool(&self, place: Place, arguments: &str) {
        shell(&format!("ip netns exec {} ethtool -K {arguments}", self.namespace(place)));
    }

    /// Does something in a namespace, and gives its result.
    pub(crate) fn inside<T: Send>(&self, place: Place, act: impl FnOnce() -> T + Send) -> T {
        let namespace = File::open(format!("/run/netns/{}", self.namespace(place))).unwrap();
        thread::scope(|scope| {
            let acting = scope.spawn(move || {
                move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
                act()
            });
            acting.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// Reads and writes raw frames on the host's interface.
    pub(crate) fn tap(&self, place: Place) -> Tap {
        self.inside(place, || {
            let capture = Capture::from_device(Device::from("host")).unwrap();
            let capture = capture.snaplen(65_535).buffer_size(64 << 20).immediate_mode(true).promisc(true);
            Tap(capture.open().unwrap().setnonblock().unwrap())
        })
    }

    /// Sends bytes over TCP from left to right, and gives what arrived there; none if no connection opened.
    pub(crate) fn transfer(&self, port: u16, bytes: &[u8]) -> Option<Vec<u8>> {
        let at = SocketAddr::from(([10, 0, 0, 2], port));
        let listener = self.inside(Place::Right, || TcpListener::bind(at).unwrap());
        thread::scope(|scope| {
            let sending = scope.spawn(|| {
                self.inside(Place::Left, || {
                    let mut stream = TcpStream::connect_timeout(&at, SILENCE).ok()?;
                    stream.set_write_timeout(Some(PATIENCE)).unwrap();
                    stream.write_all(bytes).unwrap();
                    Some(())
                })
            });
            let opened = sending.join().unwrap();
            listener.set_nonblocking(opened.is_none()).unwrap();
            match (listener.accept(), opened) {
                (Ok((mut stream, _)), Some(())) => {
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    let mut arrived = Vec::new();
                    stream.read_to_end(&mut arrived).unwrap();
                    Some(arrived)
                }
                (Err(error), None) if error.kind() == ErrorKind::WouldBlock => None,
                (accepted, opened) => panic!("{accepted:?}, {opened:?}"),
            }
        })
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // The links go with the namespaces.
        for place in [Place::Left, Place::Sensor, Place::Right] {
            works(&format!("ip netns del {}", self.namespace(place)));
        }
        works(&format!("umount {}", text(&self.folder.path().join("bpf"))));
    }
}

/// Runs a shell script; each line must work.
pub(crate) fn shell(script: &str) {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Raw frames of a host's interface.
pub(crate) struct Tap(Capture<Active>);

impl Tap {
    /// Sends a frame as it is.
    pub(crate) fn send(&mut self, frame: &[u8]) {
        self.0.sendpacket(frame).unwrap();
    }

    /// Takes only frames that arrive.
    pub(crate) fn only_arriving(&mut self) {
        self.0.direction(pcap::Direction::In).unwrap();
    }

    /// The next frame, if there is one by now.
    pub(crate) fn next(&mut self) -> Option<Vec<u8>> {
        match self.0.next_packet() {
            Ok(packet) => Some(packet.data.to_vec()),
            Err(pcap::Error::TimeoutExpired | pcap::Error::NoMorePackets) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// The next frame, if one comes in time.
    pub(crate) fn wait(&mut self, time: Duration) -> Option<Vec<u8>> {
        for _ in 0..time.as_micros() / 100 {
            if let Some(frame) = self.next() {
                return Some(frame);
            }
            thread::sleep(Duration::from_micros(100));
        }
        None
    }
}

/// A UDP datagram from left to right, with a number and padding, as a frame.
pub(crate) fn datagram(vlans: &[u16], port: u16, number: u32, len: usize) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    for (at, vlan) in vlans.iter().enumerate() {
        let kind: u16 = if at + 1 < vlans.len() { 0x88a8 } else { 0x8100 };
        frame.extend(kind.to_be_bytes());
        frame.extend(vlan.to_be_bytes());
    }
    frame.extend([8, 0, 0x45, 0]);
    let total = u16::try_from(len.max(32)).unwrap();
    frame.extend(total.to_be_bytes());
    frame.extend([0, 0, 0x40, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    frame.extend(40_000_u16.to_be_bytes());
    frame.extend(port.to_be_bytes());
    frame.extend((total - 20).to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(number.to_be_bytes());
    let padding = frame.len() + usize::from(total) - 32;
    frame.resize(padding, u8::try_from(number % 251).unwrap());
    frame
}
