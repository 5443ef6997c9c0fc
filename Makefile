# Two doors for a newcomer: `make demo` and `make test`. Both install what is missing first.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

export PATH := $(HOME)/.cargo/bin:$(PATH)

# Ordinary traffic ends here in the recorded hospital (see fixtures/hospital/README.md).
HOSPITAL := fixtures/hospital
QUIET_UNTIL := 2026-11-24T08:15:53.845Z
AT_LEAST ?= 8
WARDLINE := cargo run --quiet --release --locked -p daemon --bin wardline --
FUZZ_SECONDS ?= 10

# The kernel program: a compiler that has `core` for the kernel's machine, and a linker for it.
BPF_TARGET := bpfel-unknown-none
BPF_LINKER := 0.13.0
BPF_LLVM := 22
BPF_PACKAGES := rustc-web cargo-web libstd-rust-web-dev-bpf llvm-$(BPF_LLVM)-dev libpolly-$(BPF_LLVM)-dev zlib1g-dev libzstd-dev

.PHONY: help setup setup-fastpath demo test bench-fastpath mutants lint deny fuzz fmt clean

help:
	@echo "make demo   replay the recorded hospital and compare what is found with its labels"
	echo "make test   the whole test suite"
	echo "make mutants  proves that the comparison of the judge with the reference notices mistakes (minutes)"
	echo "make bench-fastpath  measures the kernel half beside others, as root (three minutes after the build)"
	echo "make lint   format, lints and licences only"
	echo "make fmt    format the code"
	echo "make clean  remove what was built"

# What the build needs: a Rust toolchain with its lints and formatter, a C compiler, libpcap's headers, and what compiles
# the kernel program. Quick when all is there.
setup:
	@packages=()
	command -v cc >/dev/null || packages+=(build-essential)
	command -v pkg-config >/dev/null || packages+=(pkg-config)
	pkg-config --exists libpcap 2>/dev/null || [ -e /usr/include/pcap.h ] || packages+=(libpcap-dev)
	if [ $${#packages[@]} -gt 0 ]; then
		if ! command -v apt-get >/dev/null; then
			echo "setup: please install a C compiler, pkg-config and libpcap's headers (missing here, by Debian's names: $${packages[*]})" >&2
			exit 1
		fi
		as_root=()
		if [ "$$(id -u)" -ne 0 ]; then
			command -v sudo >/dev/null || { echo "setup: neither root nor sudo; please install $${packages[*]}" >&2; exit 1; }
			as_root=(sudo)
		fi
		echo "setup: installing $${packages[*]}" >&2
		$${as_root[@]+"$${as_root[@]}"} apt-get update -q >&2
		$${as_root[@]+"$${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$${packages[@]}" >&2
	fi
	wanted=$$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
	has=$$(rustc --version 2>/dev/null | cut -d' ' -f2 || true)
	if [ "$$(printf '%s\n' "$$wanted" "$${has:-0}" | sort -V | head -n1)" != "$$wanted" ]; then
		command -v rustup >/dev/null || { echo "setup: Rust $$wanted or later is needed; see https://rustup.rs" >&2; exit 1; }
		echo "setup: installing the stable Rust toolchain ($$wanted or later is needed, here is $${has:-none})" >&2
		rustup toolchain install stable --profile minimal >&2
		rustup default stable >&2
	fi
	if ! cargo clippy --version >/dev/null 2>&1 || ! cargo fmt --version >/dev/null 2>&1; then
		command -v rustup >/dev/null || { echo "setup: cargo's clippy and rustfmt are missing" >&2; exit 1; }
		rustup component add clippy rustfmt >&2
	fi
	$(MAKE) setup-fastpath

# What the kernel program and its live tests need. Where that cannot be installed the build goes on without the fast path,
# says so, and `make test` fails.
setup-fastpath:
	@missing() { echo "setup: without the fast path: $$1" >&2; exit 0; }
	has_core() {
		local libraries
		libraries=$$(/usr/bin/rustc --print target-libdir --target $(BPF_TARGET) 2>/dev/null) && [ -d "$$libraries" ] && return
		libraries=$$(rustup run nightly rustc --print sysroot 2>/dev/null) && [ -d "$$libraries/lib/rustlib/src/rust/library/core" ]
	}
	packages=()
	has_core || packages+=($(BPF_PACKAGES))
	if ! command -v bpf-linker >/dev/null && [ ! -d /usr/lib/llvm-$(BPF_LLVM)/include ]; then
		packages+=($(filter-out rustc-web cargo-web libstd-%,$(BPF_PACKAGES)))
	fi
	command -v ip >/dev/null || [ -x /usr/sbin/ip ] || packages+=(iproute2)
	command -v ethtool >/dev/null || [ -x /usr/sbin/ethtool ] || packages+=(ethtool)
	if [ $${#packages[@]} -gt 0 ]; then
		command -v apt-get >/dev/null || missing "please install, by Debian's names: $${packages[*]}; or a nightly Rust with rust-src, and bpf-linker"
		as_root=()
		if [ "$$(id -u)" -ne 0 ]; then
			command -v sudo >/dev/null || missing "neither root nor sudo; please install $${packages[*]}"
			as_root=(sudo)
		fi
		echo "setup: installing $${packages[*]}" >&2
		$${as_root[@]+"$${as_root[@]}"} apt-get update -q >&2 || missing "the list of packages cannot be fetched"
		$${as_root[@]+"$${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "$${packages[@]}" >&2 \
			|| missing "these packages cannot be installed: $${packages[*]} (Debian 12 has them; elsewhere a nightly Rust with rust-src does)"
	fi
	if ! command -v bpf-linker >/dev/null; then
		echo "setup: building bpf-linker $(BPF_LINKER), which takes some minutes, once" >&2
		LLVM_PREFIX=/usr/lib/llvm-$(BPF_LLVM) cargo install bpf-linker --version $(BPF_LINKER) --locked \
			--no-default-features --features llvm-$(BPF_LLVM) >&2 || missing "bpf-linker cannot be built"
	fi

demo: setup
	@cargo build --release --locked -p daemon --bin wardline -p benches --bin score
	rm -rf demo-out
	mkdir demo-out
	echo; echo "== Learning what is normal, from the nine quiet minutes"
	$(WARDLINE) learn $(HOSPITAL)/capture.pcapng.zst --to $(QUIET_UNTIL) --out demo-out/hospital.baseline
	echo; echo "== Replaying the seven minutes after them"
	$(WARDLINE) replay $(HOSPITAL)/capture.pcapng.zst --from $(QUIET_UNTIL) --policy policies/examples/hospital.yaml \
		--baseline demo-out/hospital.baseline --out demo-out
	echo; echo "== What was found of the labelled attacks"
	cargo run --quiet --release --locked -p benches --bin score -- \
		$(HOSPITAL)/labels.jsonl demo-out/incidents.jsonl --at-least $(AT_LEAST)
	echo
	echo "demo-out/ holds devices, flows, sessions, verdicts and incidents, one JSON row a line, and summary.json."
	echo "Start with: head -n3 demo-out/incidents.jsonl"

# The test runner comes last, so that its summary is what stays on the screen.
test: export WARDLINE_FASTPATH_REQUIRED := 1
test: setup lint fuzz
	@if [ ! -d "$${WARDLINE_DATA:-}" ]; then
		echo "SKIPPED: tests over captures that are not in the repository: set WARDLINE_DATA to a folder of them" >&2
	fi
	if cargo nextest --version >/dev/null 2>&1; then
		cargo test --workspace --locked --doc --quiet
		cargo nextest run --workspace --locked --no-fail-fast
	else
		cargo test --workspace --locked --no-fail-fast
	fi

# Rows whose other program (xdp-filter, nft) is not installed say so. ROWS names some groups of rows (benches/README.md).
bench-fastpath: setup
	@cargo build --release --locked -p benches --bin fastpath
	if [ "$$(id -u)" -eq 0 ]; then run=(); else run=(sudo); fi
	$${run[@]+"$${run[@]}"} "$${CARGO_TARGET_DIR:-target}/release/fastpath" $(ROWS)

# The comparison of the judge with the reference must go red for each mistake that is written into a copy of the judge; for those
# that speak of a word, with WARDLINE_MUTANTS=word.
mutants: setup
	@WARDLINE_MUTANTS=$${WARDLINE_MUTANTS:-1} cargo test --locked -p reference --test it -- --nocapture mutations::

lint: setup deny
	@cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings

deny:
	@if cargo deny --version >/dev/null 2>&1; then
		cargo deny --locked --all-features check bans licenses sources
		if cargo deny fetch db >/dev/null 2>&1; then
			cargo deny --locked --all-features check --disable-fetch advisories
		else
			echo "SKIPPED: advisories: the advisory database cannot be reached" >&2
		fi
	else
		echo "SKIPPED: licences, sources and advisories: cargo-deny is not installed" >&2
	fi

# Every fuzz target for a few seconds each, where cargo-fuzz and a nightly toolchain are present.
fuzz:
	@if cargo +nightly fuzz --version >/dev/null 2>&1; then
		for manifest in */fuzz/Cargo.toml */*/fuzz/Cargo.toml; do
			[ -e "$$manifest" ] || continue
			crate=$$(dirname "$$(dirname "$$manifest")")
			for target in $$(cd "$$crate" && cargo +nightly fuzz list); do
				echo "fuzz: $$crate $$target, $(FUZZ_SECONDS) s" >&2
				(cd "$$crate" && cargo +nightly fuzz run "$$target" -- -max_total_time=$(FUZZ_SECONDS) -verbosity=0)
			done
		done
	else
		echo "SKIPPED: fuzzing: cargo-fuzz or a nightly toolchain is not installed" >&2
	fi

fmt:
	@cargo fmt --all

clean:
	@cargo clean
	rm -rf demo-out
