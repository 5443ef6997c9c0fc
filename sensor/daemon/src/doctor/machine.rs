//! The machine: kernel, permissions, file systems, clock.

use super::{Finding, Holds};
use crate::fastpath::Fastpath;
use std::fs;
use std::path::Path;

/// The oldest kernel that the program loads into.
const KERNEL: (u32, u32) = (6, 1);
/// Clock sources that are read without a device (clocksource drivers of Linux).
const FAST_CLOCKS: [&str; 5] = ["tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page", "xen"];

/// Capabilities by their numbers (linux/capability.h).
const NET_ADMIN: u32 = 12;
const SYS_ADMIN: u32 = 21;
const BPF: u32 = 39;

/// Everything about the machine.
pub(super) fn findings() -> Vec<Finding> {
    vec![program(), kernel(), capabilities(), jit(), bpf_fs(), btf(), clock()]
}

fn program() -> Finding {
    if Fastpath::is_built() {
        Finding::holds("kernel program", "part of this binary")
    } else {
        Finding::lacks("kernel program", Holds::No, "not part of this binary", crate::run::ABSENT)
    }
}

fn kernel() -> Finding {
    let uname = rustix::system::uname();
    let release = uname.release().to_string_lossy();
    let (major, minor) = KERNEL;
    let found = format!("{release} ({major}.{minor} or later is needed)");
    if version(&release).is_some_and(|version| version >= KERNEL) {
        Finding::holds("kernel", found)
    } else {
        Finding::lacks("kernel", Holds::No, found, "install a newer kernel (Debian 12 has 6.1)")
    }
}

/// The first two numbers of a release.
pub(super) fn version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The capability that this process lacks for loading and attaching. None if it lacks none.
pub(crate) fn missing_capability() -> Option<&'static str> {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    // Where it cannot be read the kernel will say.
    let bits = u64::from_str_radix(effective?.trim(), 16).ok()?;
    let has = |capability: u32| bits >> capability & 1 == 1;
    if !has(NET_ADMIN) {
        Some("CAP_NET_ADMIN")
    } else if !has(BPF) && !has(SYS_ADMIN) {
        Some("CAP_BPF")
    } else {
        None
    }
}

fn capabilities() -> Finding {
    match missing_capability() {
        None => Finding::holds("permission", "CAP_BPF and CAP_NET_ADMIN"),
        Some(name) => Finding::lacks(
            "permission",
            Holds::No,
            format!("{name} is missing"),
            "run as root, or with CAP_BPF and CAP_NET_ADMIN",
        ),
    }
}

fn jit() -> Finding {
    let path = "/proc/sys/net/core/bpf_jit_enable";
    match fs::read_to_string(path).as_deref().map(str::trim) {
        Ok("1" | "2") => Finding::holds("JIT", "on"),
        Ok(_) => Finding::lacks(
            "JIT",
            Holds::Worse,
            "off: the program is interpreted, some ten times slower",
            "sysctl -w net.core.bpf_jit_enable=1",
        ),
        // A kernel that has nothing but the JIT has no switch for it either, in some network namespaces.
        Err(_) => Finding::holds("JIT", "no switch for it here"),
    }
}

fn bpf_fs() -> Finding {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let place = mounts.lines().find_map(|line| {
        let mut words = line.split(' ').skip(1);
        let (place, kind) = (words.next()?, words.next()?);
        (kind == "bpf").then(|| place.to_owned())
    });
    match place {
        Some(place) if place == "/sys/fs/bpf" => Finding::holds("BPF file system", place),
        Some(place) => Finding::lacks(
            "BPF file system",
            Holds::Worse,
            format!("only at {place}"),
            format!("use `--pin {place}/wardline`, or `mount -t bpf bpf /sys/fs/bpf`"),
        ),
        None => Finding::lacks("BPF file system", Holds::No, "not mounted", "mount -t bpf bpf /sys/fs/bpf"),
    }
}

fn btf() -> Finding {
    if Path::new("/sys/kernel/btf/vmlinux").exists() {
        Finding::holds("BTF", "the kernel has it")
    } else {
        Finding::holds("BTF", "the kernel has none, and this program needs none")
    }
}

fn clock() -> Finding {
    let path = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let source = fs::read_to_string(path).unwrap_or_default();
    let source = source.trim();
    if source.is_empty() {
        Finding::holds("clock", "the kernel does not say what it is")
    } else if FAST_CLOCKS.contains(&source) {
        Finding::holds("clock", source)
    } else {
        Finding::lacks(
            "clock",
            Holds::Worse,
            format!("{source}: to read it may cost more than to judge a frame"),
            "cat /sys/devices/system/clocksource/clocksource0/available_clocksource, and choose tsc where it is listed",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn releases_of_distributions_have_a_version() {
        let versions = ["6.1.0-18-amd64", "6.18.44-fc-v669", "5.15", "6.1rc1"].map(version);
        assert_eq!(versions, [Some((6, 1)), Some((6, 18)), Some((5, 15)), Some((6, 1))]);
        assert_eq!(["", "six", "6"].map(version), [None; 3]);
    }
}
