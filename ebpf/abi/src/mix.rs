//! The hash of all tables: multilinear over 64-bit words, without the 128-bit products that the kernel machine lacks.

/// Odd constants (from the digits of pi, made odd), one for each word.
const FACTORS: [u64; 6] = [
    0x243f_6a88_85a3_08d3,
    0x1319_8a2e_0370_7345,
    0xa409_3822_299f_31d1,
    0x082e_fa98_ec4e_6c89,
    0x4528_21e6_38d0_1377,
    0xbe54_66cf_34e9_0c6d,
];

/// Mixes words under a seed. The upper bits are the best ones; `>> 40` and `>> 16` make two indices.
#[inline]
pub(crate) fn mix<const N: usize>(words: [u64; N], seed: u64) -> u64 {
    const { assert!(N <= FACTORS.len()) };
    let mut sum = seed;
    for (word, factor) in words.iter().zip(FACTORS) {
        // The seed enters every product, so that colliding keys cannot be prepared without knowing it.
        sum = sum.wrapping_add((word ^ seed).wrapping_mul(factor));
    }
    let folded = (sum ^ (sum >> 32)).wrapping_mul(FACTORS[5]);
    folded ^ (folded >> 29)
}

/// The two buckets, out of `buckets` (a power of two of at most 2^24), in which a key may lie.
#[inline]
pub(crate) const fn two_buckets(hash: u64, buckets: usize) -> [usize; 2] {
    let mask = buckets - 1;
    let first = (hash >> 40) as usize & mask;
    let other = (hash >> 16) as usize & mask;
    // Never twice the same: with equal indices a key would have one bucket only.
    [first, if other == first { other ^ 1 } else { other }]
}
