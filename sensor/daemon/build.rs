//! Compiles the kernel program of `ebpf/xdp`, if there is a toolchain for its machine, and leaves it in `OUT_DIR` for
//! `fastpath::object`. Without one the build succeeds, and the binary says what to install when it is asked for.
#![expect(clippy::expect_used, reason = "a build that cannot go on must stop and say where")]

use std::env;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

const TARGET: &str = "bpfel-unknown-none";

/// What defines the memory that the program leaves to its successor.
const LAYOUT: [&str; 3] = ["ebpf/abi/src", "ebpf/xdp/src/events.rs", "ebpf/xdp/src/tap.rs"];

/// What the program is made of, from the root.
const SOURCES: [&str; 6] = [
    "ebpf/xdp/src",
    "ebpf/xdp/Cargo.toml",
    "ebpf/xdp/Cargo.lock",
    "ebpf/xdp/.cargo/config.toml",
    "ebpf/abi/src",
    "ebpf/abi/Cargo.toml",
];

/// Variables by which the outer cargo would speak to the inner one.
const OUTER: [&str; 9] = [
    "RUSTC",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTDOC",
    "RUSTFLAGS",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_TARGET_DIR",
    "RUSTUP_TOOLCHAIN",
];

fn main() {
    println!("cargo::rustc-check-cfg=cfg(fastpath)");
    println!("cargo::rerun-if-env-changed=WARDLINE_BPF_RUSTC");
    // Not `env!`: a target folder that was copied holds this program as it was compiled elsewhere.
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../..");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    println!("cargo::rustc-env=WARDLINE_LAYOUT={:x}", layout(&root));
    let Some(toolchain) = toolchain() else {
        // The last thing that setting up installs; a build after it looks again.
        if let Some(bin) = cargo_bin().filter(|bin| bin.is_dir()) {
            println!("cargo::rerun-if-changed={}", bin.display());
        }
        println!(
            "cargo::warning=no toolchain for {TARGET}: this build has no fast path; `make setup` installs one"
        );
        return;
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    // A target directory of its own: the outer cargo holds the lock of the other one.
    let target = out.join("bpf");
    let mut command = toolchain.command();
    for variable in OUTER {
        command.env_remove(variable);
    }
    toolchain.environment(&mut command);
    command.current_dir(root.join("ebpf/xdp"));
    command
        .args(["build", "--release", "--locked", "--quiet", "--target", TARGET, "--target-dir"])
        .arg(&target);
    let output = command.output().expect("the toolchain was there a moment ago");
    assert!(
        output.status.success(),
        "the kernel program does not compile:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let object = target.join(TARGET).join("release/wardline");
    fs::copy(&object, out.join("wardline.bpf.o")).expect("the object was just compiled");
    println!("cargo::rustc-cfg=fastpath");
}

/// A digest of the sources of what is shared, tests left out. Another compiler may give another one, which is right: it may
/// lay out otherwise what has no fixed layout.
fn layout(root: &Path) -> u64 {
    let mut files: Vec<PathBuf> = LAYOUT.iter().map(|path| root.join(path)).collect();
    let mut hasher = DefaultHasher::new();
    let mut found = Vec::new();
    while let Some(path) = files.pop() {
        let name = path.file_name().unwrap_or_default();
        if name == "tests" || name == "tests.rs" {
            continue;
        }
        if path.is_dir() {
            let entries = fs::read_dir(&path).expect("the sources are there");
            files.extend(entries.map(|entry| entry.expect("the sources are there").path()));
        } else {
            found.push(path);
        }
    }
    found.sort();
    for path in found {
        hasher.write(&fs::read(&path).expect("the sources are there"));
    }
    hasher.finish()
}

/// Who can compile for the kernel's machine.
enum Toolchain {
    /// A compiler that has `core` for it, precompiled (Debian's rustc-web with libstd-rust-web-dev-bpf), and its cargo.
    Precompiled { rustc: PathBuf, cargo: PathBuf },
    /// A nightly of rustup that has the source of `core`.
    Nightly,
}

impl Toolchain {
    fn command(&self) -> Command {
        match self {
            Toolchain::Precompiled { cargo, .. } => Command::new(cargo),
            Toolchain::Nightly => {
                let mut command = Command::new("rustup");
                command.args(["run", "nightly", "cargo", "-Zbuild-std=core"]);
                command
            }
        }
    }

    fn environment(&self, command: &mut Command) {
        // What the program needs of the compiler is not stable: atomics for this machine, and reading unaligned packets.
        command.env("RUSTC_BOOTSTRAP", "1");
        if let Toolchain::Precompiled { rustc, .. } = self {
            command.env("RUSTC", rustc);
        }
        // The linker may be where cargo installs, and that not be in the path.
        if let (Some(bin), Some(path)) = (cargo_bin(), env::var_os("PATH")) {
            let paths = env::split_paths(&path).chain([bin]);
            command.env("PATH", env::join_paths(paths).unwrap_or(path));
        }
    }
}

fn toolchain() -> Option<Toolchain> {
    let has_linker = succeeds(Command::new("bpf-linker").arg("--version"))
        || cargo_bin().is_some_and(|bin| succeeds(Command::new(bin.join("bpf-linker")).arg("--version")));
    if !has_linker {
        return None;
    }
    let named = env::var_os("WARDLINE_BPF_RUSTC").map(PathBuf::from);
    for rustc in named.into_iter().chain([PathBuf::from("/usr/bin/rustc")]) {
        let cargo = rustc.with_file_name("cargo");
        if cargo.is_file() && library(&rustc).is_some_and(|library| library.is_dir()) {
            return Some(Toolchain::Precompiled { rustc, cargo });
        }
    }
    let source = said(Command::new("rustup").args(["run", "nightly", "rustc", "--print", "sysroot"]))
        .map(|sysroot| Path::new(&sysroot).join("lib/rustlib/src/rust/library/core"));
    source.is_some_and(|source| source.is_dir()).then_some(Toolchain::Nightly)
}

/// Where a compiler keeps its libraries for the kernel's machine.
fn library(rustc: &Path) -> Option<PathBuf> {
    said(Command::new(rustc).args(["--print", "target-libdir", "--target", TARGET])).map(PathBuf::from)
}

fn cargo_bin() -> Option<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    home.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cargo"))).map(|home| home.join("bin"))
}

fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn said(command: &mut Command) -> Option<String> {
    let output = command.env_remove("RUSTUP_TOOLCHAIN").output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
