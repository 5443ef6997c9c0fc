//! Seeded chance, so that a failure comes back.

/// Vigna's xorshift64* (2016).
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) const fn seeded(seed: u64) -> Dice {
        let mixed = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Dice(if mixed == 0 { 1 } else { mixed })
    }

    pub(super) const fn bits(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// A number below `sides`; 0 if there are none.
    pub(super) fn roll(&mut self, sides: u64) -> u64 {
        self.bits().checked_rem(sides).unwrap_or_default()
    }

    /// A number below `sides`; 0 if there are none.
    pub(super) fn place(&mut self, sides: usize) -> usize {
        let sides = u64::try_from(sides).unwrap_or_default();
        usize::try_from(self.roll(sides)).unwrap_or_default()
    }

    pub(super) fn byte(&mut self) -> u8 {
        u8::try_from(self.bits() & 0xff).unwrap_or_default()
    }

    pub(super) fn half(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// Whether something happens that does so once in so many times.
    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.roll(times) == 0
    }

    /// One of several values.
    pub(super) fn pick<T: Copy, const N: usize>(&mut self, from: &[T; N], or: T) -> T {
        let at = self.place(N);
        from.get(at).copied().unwrap_or(or)
    }

    pub(super) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.byte()).collect()
    }
}
