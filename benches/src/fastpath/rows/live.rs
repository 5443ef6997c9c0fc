//! Frames that really travel: over pairs of virtual interfaces, sent, judged and received on one processor.

use super::Row;
use crate::fastpath::Failure;
use crate::fastpath::frames::{ALLOWED, DENIED, LINK, SERVERS, Shape, frame, reversed, round_robin};
use crate::fastpath::measure::alternate;
use crate::fastpath::object::Pieces;
use crate::fastpath::programs::Rig;
use crate::fastpath::steps::Kind;
use crate::fastpath::subject::{Ours, index, said};
use crate::fastpath::world::Rules;
use daemon::fastpath::Mode;
use std::cell::RefCell;
use std::process::Command;

const REPEAT: u32 = 50_000;
const ROUNDS: usize = 15;
const LEN: usize = 192;
const FLOWS: u32 = 1024;
const CLIENTS: u32 = FLOWS / 16;

/// The rows of live traffic.
pub fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    match Bench::new() {
        Ok(mut bench) => {
            rows.extend(bench.bare().unwrap_or_else(|why| vec![Row::absent("live drop and forward", &why)]));
            for way in [Way::Sets, Way::Established] {
                rows.push(bench.kernel(way).unwrap_or_else(|why| Row::absent(way.name(), &why)));
            }
        }
        Err(why) => rows.push(Row::absent("live traffic", &why)),
    }
    rows
}

/// What the kernel's packet filter is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Connection tracking, and the set of segments for each frame.
    Sets,
    /// Traffic both ways, so that flows become established, for which the first rule is enough.
    Established,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Way::Sets => "forward against nftables (conntrack, segment set)",
            Way::Established => "two-way forward against nftables (established rule)",
        }
    }

    fn rules(self) -> String {
        let elements: Vec<String> = (0..21_u32)
            .flat_map(|net| (0..16_u32).map(move |server| (net, server)))
            .map(|(net, server)| format!("10.{net}.0.0/16 . 172.16.{server}.0/24 . {ALLOWED}"))
            .collect();
        let first = match self {
            Way::Sets => "ct state invalid drop",
            Way::Established => "ct state established,related accept",
        };
        format!(
            "flush ruleset
table ip bench {{
  set pairs {{ type ipv4_addr . ipv4_addr . inet_service; flags interval; elements = {{ {} }} }}
  chain forward {{ type filter hook forward priority 0; policy drop
    {first}
    ip saddr . ip daddr . udp dport @pairs accept
  }}
}}
",
            elements.join(", ")
        )
    }
}

/// Two wires, each with a sender at both ends: one whose middle are our two ports, one whose middle is the kernel's router.
struct Bench {
    ours: Ours,
    /// On our two ports, and behind them.
    middle: Rig,
    /// Senders of what is allowed, from both ends, and of what is denied.
    there: Rig,
    back: Rig,
    denied: Rig,
    /// The same into the router.
    routed: [Rig; 2],
}

impl Bench {
    fn new() -> Result<Bench, Failure> {
        for wire in ["ours", "router"] {
            for end in [0, 1] {
                let pair = format!("link add {wire}{end} type veth peer name {wire}-far{end}");
                said(Command::new("ip").args(pair.split(' ')))?;
                let address = format!("link set {wire}{end} address 02:00:00:00:0{}:01", 2 - end);
                said(Command::new("ip").args(address.split(' ')))?;
                for interface in [format!("{wire}{end}"), format!("{wire}-far{end}")] {
                    // Speaks no IPv6: the kernel's own frames would be among those that are counted.
                    let knob = format!("/proc/sys/net/ipv6/conf/{interface}/disable_ipv6");
                    drop(std::fs::write(knob, "1"));
                    said(Command::new("ip").args(["link", "set", &interface, "up"]))?;
                }
            }
        }
        let ports = [index("ours0")?, index("ours1")?];
        let ours = Ours::load(Mode::Inline(ports), 524_288, Rules::Ten)?;
        let mut middle = Rig::load(Kind::Mixer, Pieces::Many)?;
        middle.set_ports(ports)?;
        for end in ["ours0", "ours1"] {
            middle.attach("jump", end)?;
        }
        for end in ["ours-far0", "ours-far1"] {
            middle.attach("sink", end)?;
        }
        Ok(Bench {
            ours,
            middle,
            there: sender("ours-far0", Direction::There, ALLOWED)?,
            back: sender("ours-far1", Direction::Back, ALLOWED)?,
            denied: sender("ours-far0", Direction::There, DENIED)?,
            routed: [
                sender("router-far0", Direction::There, ALLOWED)?,
                sender("router-far1", Direction::Back, ALLOWED)?,
            ],
        })
    }

    /// Beside programs that do the same without looking.
    fn bare(&mut self) -> Result<Vec<Row>, Failure> {
        let Bench { ours, middle, there, denied, .. } = self;
        let [reading, redirecting] = [middle.program("reading")?, middle.program("redirecting")?];
        let middle = RefCell::new(middle);
        let (there, denied) = (RefCell::new(there), RefCell::new(denied));
        let frame = frame(Shape::V4, ALLOWED, LEN);
        let sent = |sender: &mut Rig| -> Result<f64, Failure> {
            sender.send("mixer", &frame, REPEAT / 10)?;
            sender.send("mixer", &frame, REPEAT)
        };
        let arriving = |program, sender: &mut Rig| -> Result<f64, Failure> {
            middle.borrow_mut().aim(program)?;
            let before = middle.borrow().count()?;
            let took = sent(sender)?;
            arrived(middle.borrow().count()? - before, REPEAT + REPEAT / 10)?;
            Ok(took)
        };
        let dropping = |program, sender: &mut Rig| -> Result<f64, Failure> {
            middle.borrow_mut().aim(program)?;
            let before = middle.borrow().count()?;
            let took = sent(sender)?;
            if middle.borrow().count()? == before { Ok(took) } else { Err("a denied frame arrived".into()) }
        };
        let figures = alternate(
            ROUNDS,
            &mut [
                &mut || dropping(&reading, &mut denied.borrow_mut()),
                &mut || dropping(&ours.program, &mut denied.borrow_mut()),
                &mut || arriving(&redirecting, &mut there.borrow_mut()),
                &mut || arriving(&ours.program, &mut there.borrow_mut()),
            ],
        )?;
        let [drop, own_drop, forward, own_forward] = figures.as_slice() else {
            return Err("no figures".into());
        };
        let row = |name, bare: f64, own: f64| {
            let ratio = bare / own;
            Row::judged(
                name,
                format!("{own:.0} ns against {bare:.0} ns: {ratio:.2}"),
                ("≥ 0.92", ratio >= 0.92),
            )
        };
        Ok(vec![
            row("live drop against read header and drop", drop.middle, own_drop.middle),
            row("live forward against bare redirect", forward.middle, own_forward.middle),
        ])
    }

    /// Beside the kernel's router and packet filter.
    fn kernel(&mut self, way: Way) -> Result<Row, Failure> {
        route()?;
        let rules = tempfile::NamedTempFile::new()?;
        std::fs::write(rules.path(), way.rules())?;
        said(Command::new("nft").arg("-f").arg(rules.path()))?;
        let frame = frame(Shape::V4, ALLOWED, LEN);
        let Bench { ours, middle, there, back, routed: [routed_there, routed_back], .. } = self;
        middle.aim(&ours.program)?;
        let turns = match way {
            Way::Sets => 1,
            Way::Established => 2,
        };
        let both = |there: &mut Rig, back: &mut Rig, repeat| -> Result<f64, Failure> {
            let took = there.send("mixer", &frame, repeat)?;
            match way {
                Way::Sets => Ok(took),
                Way::Established => Ok(f64::midpoint(took, back.send("mixer", &frame, repeat)?)),
            }
        };
        let middle = &*middle;
        let mut own = || -> Result<f64, Failure> {
            both(there, back, FLOWS)?;
            let before = middle.count()?;
            let took = both(there, back, REPEAT)?;
            arrived(middle.count()? - before, turns * REPEAT)?;
            Ok(took)
        };
        let mut kernel = || -> Result<f64, Failure> {
            both(routed_there, routed_back, FLOWS)?;
            let before = received("router-far1")? + received("router-far0")?;
            let took = both(routed_there, routed_back, REPEAT)?;
            arrived(received("router-far1")? + received("router-far0")? - before, turns * REPEAT)?;
            Ok(took)
        };
        let figures = alternate(ROUNDS, &mut [&mut own, &mut kernel])?;
        let [own, kernel] = figures.as_slice() else { return Err("no figures".into()) };
        let ratio = kernel.middle / own.middle;
        let text = format!("{:.0} ns against {:.0} ns: {ratio:.1} ×", own.middle, kernel.middle);
        let (target, least) = match way {
            Way::Sets => ("≥ 8 ×", 8.0),
            Way::Established => ("≥ 7 ×", 7.0),
        };
        Ok(Row::judged(way.name(), text, (target, ratio >= least)))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Direction {
    There,
    Back,
}

/// Sends into the wire that begins at an interface.
fn sender(interface: &str, direction: Direction, port: u16) -> Result<Rig, Failure> {
    let flows = round_robin(FLOWS, port, LEN);
    let (link, flows) = match direction {
        Direction::There => (LINK, flows),
        Direction::Back => {
            let (to, from) = LINK.split_at(6);
            let link = [from, to].concat().first_chunk().copied().ok_or("no link")?;
            (link, flows.iter().map(|flow| reversed(flow, LEN)).collect())
        }
    };
    let mut rig = Rig::load(Kind::Generator(link, index(interface)?), Pieces::Many)?;
    rig.set_flows(&flows)?;
    Ok(rig)
}

/// Has the kernel route between the two ends of its wire, to neighbours that it knows.
fn route() -> Result<(), Failure> {
    let knobs = [
        ("net/ipv4/ip_forward", "1"),
        ("net/ipv4/conf/all/rp_filter", "0"),
        ("net/ipv4/conf/router0/rp_filter", "0"),
        ("net/ipv4/conf/router1/rp_filter", "0"),
    ];
    for (knob, value) in knobs {
        std::fs::write(format!("/proc/sys/{knob}"), value)?;
    }
    for (interface, network) in [("router0", "10.255.255.254/8"), ("router1", "172.31.255.254/12")] {
        said(Command::new("ip").args(["addr", "replace", network, "dev", interface]))?;
        // Without it a virtual interface takes no frames from XDP.
        said(Command::new("ethtool").args(["-K", interface, "gro", "on"]))?;
    }
    let servers = (1..=SERVERS).map(|server| format!("neigh replace 172.16.0.{server} dev router1"));
    let clients = (0..CLIENTS).map(|client| format!("neigh replace 10.0.1.{client} dev router0"));
    for neighbour in servers.chain(clients) {
        let neighbour = format!("{neighbour} lladdr 02:00:00:00:09:09 nud permanent");
        said(Command::new("ip").args(neighbour.split(' ')))?;
    }
    // A module without which there is no tracking says so when the rules are loaded; this only saves time.
    drop(std::fs::write("/proc/sys/net/netfilter/nf_conntrack_checksum", "0"));
    Ok(())
}

fn received(interface: &str) -> Result<u64, Failure> {
    let told = std::fs::read_to_string("/proc/self/net/dev")?;
    let line = told.lines().find_map(|line| line.trim().strip_prefix(interface)?.strip_prefix(':'));
    let packets = line.and_then(|line| line.split_whitespace().nth(1)).ok_or("no such interface")?;
    Ok(packets.parse()?)
}

/// A figure counts only if the frames went where they should.
fn arrived(frames: u64, of: u32) -> Result<(), Failure> {
    if frames * 100 >= u64::from(of) * 99 {
        Ok(())
    } else {
        Err(format!("only {frames} of {of} frames arrived").into())
    }
}
