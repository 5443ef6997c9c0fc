//! Generated frames: zero differences.

use reference::example;
use reference::packets::{Packets, Step};

use crate::twins::{Tally, Twins, difference, smallest, told};

/// Frames of a normal run; `WARDLINE_FRAMES` asks for another number.
const FRAMES: u64 = 300_000;
/// Steps after which everything begins anew, so that no table fills.
const STEPS: usize = 30_000;

/// Runs the world of a seed, under another policy than the one before.
fn world(seed: u64) -> Tally {
    let policy = usize::try_from(seed).unwrap();
    let mut twins = Twins::new(policy, seed);
    for (step, number) in Packets::seeded(seed).take(STEPS).zip(1..) {
        if let Err(error) = twins.step(&step) {
            report(policy, seed, number, &error);
        }
    }
    assert_eq!(
        twins.evictions(),
        0,
        "seed {seed}: the evaluator has no bounds, so the judge must not meet its own"
    );
    twins.tally
}

/// Fails with the difference and with the fewest steps that lead to one.
fn report(policy: usize, seed: u64, number: usize, error: &str) -> ! {
    let steps: Vec<Step> = Packets::seeded(seed).take(number).collect();
    let fewest = smallest(policy, seed, steps);
    let (_, small) = difference(policy, seed, &fewest).unwrap();
    panic!(
        "seed {seed}, step {number}: {error}\n\nthe fewest steps to a difference: \n{}{small}",
        told(&fewest)
    );
}

#[test]
fn the_judge_says_of_every_generated_frame_what_the_evaluator_says() {
    let wanted = std::env::var("WARDLINE_FRAMES").map_or(FRAMES, |number| number.parse().unwrap());
    let mut tally = Tally::default();
    let mut seed = 0;
    while tally.frames < wanted {
        tally.add(&world(seed));
        seed += 1;
    }
    eprintln!("{tally:#?}");
    assert!(seed >= example::POLICIES.len() as u64, "every policy was the first of a world");
    // The frames must reach every branch, or their agreement says nothing.
    for (action, reason) in [
        ("Allow", "rule"),
        ("Deny", "rule"),
        ("Allow", "default"),
        ("Deny", "default"),
        ("Allow", "unassigned"),
        ("Deny", "unassigned"),
        ("Allow", "reply"),
        ("Deny", "reply"),
        ("Allow", "midstream"),
        ("Allow", "fragment"),
        ("Deny", "fragment"),
        ("Allow", "orphan-fragment"),
        ("Deny", "orphan-fragment"),
        ("Allow", "unreadable"),
        ("Deny", "unreadable"),
        ("Deny", "quarantine"),
        ("Deny", "rogue-server"),
        ("Allow", "fail-open"),
        ("Deny", "fail-closed"),
        ("Deny", "rate-limit"),
        ("Allow", "arp"),
        ("Allow", "eapol"),
        ("Allow", "lldp"),
        ("Allow", "bridge-control"),
        ("Allow", "non-ip"),
        ("Allow", "neighbor-discovery"),
        ("Allow", "mld"),
        ("Allow", "igmp"),
        ("Allow", "dhcp"),
        ("Allow", "dhcpv6"),
    ] {
        let count = tally.reasons.get(&(action.to_owned(), reason)).copied().unwrap_or_default();
        assert!(count >= tally.frames / 3000, "{action} {reason}: only {count} of {} frames", tally.frames);
    }
    assert!(tally.dropped > tally.frames / 10 && tally.glanced > tally.frames / 50, "{tally:?}");
}
