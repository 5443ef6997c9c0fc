//! Writes JSON into a byte buffer that is reused for every row. No tree, no formatting machinery: a flow row costs a
//! few hundred nanoseconds, and the same values always give the same bytes.

use crate::time::rfc3339;
use abi::address::{DeviceKey, Ip, Mac, SECOND, Timestamp};

/// A buffer of JSON text. The caller writes the punctuation; the writer knows how values look.
#[derive(Debug, Default)]
pub(crate) struct Json {
    bytes: Vec<u8>,
    minute: Minute,
}

/// The text of the minute that was written last, up to the seconds: most times lie in the minute of the one before.
#[derive(Debug)]
struct Minute {
    /// Minutes since 1970.
    number: u64,
    text: [u8; MINUTE_LEN],
}

/// Bytes of `2026-11-24T08:15:`.
const MINUTE_LEN: usize = 17;

impl Minute {
    fn of(number: u64) -> Minute {
        let [text @ .., _, _, _, _, _, _, _, _, _, _, _, _, _] = rfc3339(Timestamp(number * 60 * SECOND));
        Minute { number, text }
    }
}

impl Default for Minute {
    fn default() -> Minute {
        Minute::of(0)
    }
}

/// The decimal text of every byte with a dot after it, and how many digits it has.
const OCTETS: [([u8; 4], u8); 256] = octets();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated when compiling; the index is a byte and the table has 256"
)]
const fn octets() -> [([u8; 4], u8); 256] {
    let mut table = [([b'.'; 4], 1); 256];
    let mut n: u8 = 0;
    loop {
        let [hundreds, tens, ones] = [b'0' + n / 100, b'0' + n / 10 % 10, b'0' + n % 10];
        table[n as usize] = match n {
            0..10 => ([ones, b'.', b'.', b'.'], 1),
            10..100 => ([tens, ones, b'.', b'.'], 2),
            100.. => ([hundreds, tens, ones, b'.'], 3),
        };
        if n == 255 {
            return table;
        }
        n += 1;
    }
}

impl Json {
    /// An empty buffer with room for `capacity` bytes.
    pub(crate) fn with_capacity(capacity: usize) -> Json {
        Json { bytes: Vec::with_capacity(capacity), ..Json::default() }
    }

    /// What was written.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Forgets the first `count` bytes, which have reached their file.
    pub(crate) fn forget(&mut self, count: usize) {
        self.bytes.drain(..count.min(self.bytes.len()));
    }

    /// Punctuation and member names, as they are. The length is known when compiling, so this is a few moves.
    #[inline]
    pub(crate) fn raw<const N: usize>(&mut self, text: &[u8; N]) -> &mut Json {
        self.bytes.extend_from_slice(text);
        self
    }

    /// A word that is known to need no escape, in quotes.
    #[inline]
    pub(crate) fn word(&mut self, word: &str) -> &mut Json {
        self.bytes.push(b'"');
        self.bytes.extend_from_slice(word.as_bytes());
        self.bytes.push(b'"');
        self
    }

    /// Text that is known to need no escape, as it is.
    #[inline]
    pub(crate) fn plain(&mut self, text: &str) -> &mut Json {
        self.bytes.extend_from_slice(text.as_bytes());
        self
    }

    /// Ends a list or an object: takes back a comma that was written after the last value.
    #[inline]
    pub(crate) fn close(&mut self, bracket: u8) -> &mut Json {
        if self.bytes.last() == Some(&b',') {
            self.bytes.pop();
        }
        self.bytes.push(bracket);
        self
    }

    /// The first `len` bytes of `block`. Copying all and cutting back is cheaper than a copy of a length that is not
    /// known when compiling.
    #[inline]
    fn part<const N: usize>(&mut self, block: &[u8; N], len: usize) -> &mut Json {
        let end = self.bytes.len().saturating_add(len);
        self.bytes.extend_from_slice(block);
        self.bytes.truncate(end);
        self
    }

    /// A whole number.
    #[inline]
    pub(crate) fn number(&mut self, value: u64) -> &mut Json {
        if let Some((text, len)) = usize::try_from(value).ok().and_then(|index| OCTETS.get(index)) {
            return self.part(text, usize::from(*len));
        }
        match value {
            0..1_000 => {
                let [_, hundreds, tens, ones] = four(value);
                self.raw(&[hundreds, tens, ones])
            }
            1_000..10_000 => self.raw(&four(value)),
            10_000.. => self.number(value / 10_000).raw(&four(value % 10_000)),
        }
    }

    /// A whole number with a sign.
    pub(crate) fn signed(&mut self, value: i64) -> &mut Json {
        if value < 0 {
            self.bytes.push(b'-');
        }
        self.number(value.unsigned_abs())
    }

    /// `true` or `false`.
    pub(crate) fn flag(&mut self, value: bool) -> &mut Json {
        self.bytes.extend_from_slice(if value { b"true" } else { b"false" });
        self
    }

    /// A number with at most `decimals` decimals, zeros at the end left out; `null` where it is not finite.
    /// `decimals` is at most 18.
    pub(crate) fn fixed(&mut self, value: f64, decimals: u32) -> &mut Json {
        if !value.is_finite() {
            return self.raw(b"null");
        }
        let unit = 10_u64.pow(decimals.min(18));
        #[expect(
            clippy::cast_precision_loss,
            reason = "powers of ten up to 10^18 keep all that a rounding needs"
        )]
        let scaled = (value.abs() * unit as f64).round();
        if scaled >= 1e19 {
            // Out of reach of whole numbers; the standard library writes it in full, also always alike.
            self.bytes.extend_from_slice(format!("{value:.0}").as_bytes());
            return self;
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 <= scaled < 10^19 < 2^64"
        )]
        let scaled = scaled as u64;
        if value < 0.0 && scaled > 0 {
            self.bytes.push(b'-');
        }
        self.number(scaled / unit).fraction(scaled % unit, decimals.min(18))
    }

    /// Nanoseconds as seconds, without loss.
    pub(crate) fn seconds(&mut self, nanoseconds: u64) -> &mut Json {
        self.number(nanoseconds / SECOND).fraction(nanoseconds % SECOND, 9)
    }

    /// A point and `decimals` digits of `part`, without zeros at the end; nothing for 0.
    fn fraction(&mut self, part: u64, decimals: u32) -> &mut Json {
        if part == 0 {
            return self;
        }
        // As if there were 20 decimals, in blocks of four: those behind `decimals` are zero and fall away.
        let mut rest = part;
        let mut blocks = [[b'0'; 4]; 5];
        let odd = 10_u64.pow(decimals % 4);
        let shift = 10_000 / odd;
        let whole = (decimals / 4) as usize;
        if let Some(block) = blocks.get_mut(whole) {
            *block = four(rest % odd * shift);
        }
        rest /= odd;
        for block in blocks.iter_mut().take(whole).rev() {
            *block = four(rest % 10_000);
            rest /= 10_000;
        }
        let digits = blocks.as_flattened();
        let len = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |at| at + 1);
        self.bytes.push(b'.');
        self.bytes.extend_from_slice(digits.get(..len).unwrap_or_default());
        self
    }

    /// A probability: four significant digits, so that the very small ones keep their meaning.
    pub(crate) fn probability(&mut self, value: f64) -> &mut Json {
        if !value.is_finite() {
            return self.raw(b"null");
        }
        if value == 0.0 {
            return self.raw(b"0");
        }
        self.bytes.extend_from_slice(format!("{value:.3e}").as_bytes());
        self
    }

    /// Any text, escaped (RFC 8259 section 7) and in quotes; UTF-8 beyond ASCII is kept.
    pub(crate) fn text(&mut self, text: &str) -> &mut Json {
        self.bytes.push(b'"');
        let mut rest = text.as_bytes();
        let (blocks, tail) = rest.as_chunks::<8>();
        if !blocks.iter().any(|block| has_special(*block)) && !tail.iter().any(|byte| is_special(*byte)) {
            // Nearly always there is nothing to escape.
            self.bytes.extend_from_slice(rest);
            self.bytes.push(b'"');
            return self;
        }
        while let Some(at) = rest.iter().position(|byte| is_special(*byte)) {
            let (plain, special) = rest.split_at(at);
            self.bytes.extend_from_slice(plain);
            let Some((&byte, after)) = special.split_first() else { break };
            self.escape(byte);
            rest = after;
        }
        self.bytes.extend_from_slice(rest);
        self.bytes.push(b'"');
        self
    }

    /// A word that is known to need no escape, in quotes, or `null`.
    #[inline]
    pub(crate) fn word_or_null(&mut self, word: Option<&str>) -> &mut Json {
        match word {
            Some(word) => self.word(word),
            None => self.raw(b"null"),
        }
    }

    /// Text, or `null`.
    pub(crate) fn text_or_null(&mut self, text: Option<&str>) -> &mut Json {
        match text {
            Some(text) => self.text(text),
            None => self.raw(b"null"),
        }
    }

    fn escape(&mut self, byte: u8) {
        match byte {
            b'"' => self.raw(b"\\\""),
            b'\\' => self.raw(b"\\\\"),
            b'\n' => self.raw(b"\\n"),
            b'\r' => self.raw(b"\\r"),
            b'\t' => self.raw(b"\\t"),
            _ => {
                self.raw(b"\\u00");
                self.hex(byte)
            }
        };
    }

    /// Two digits of hexadecimal.
    #[inline]
    fn hex(&mut self, byte: u8) -> &mut Json {
        self.raw(&hex(byte))
    }

    /// The first 16 hexadecimal digits of a SHA-256, in quotes: enough to tell policies and baselines apart.
    pub(crate) fn hash(&mut self, hash: &[u8; 32]) -> &mut Json {
        self.bytes.push(b'"');
        if let Some(first) = hash.first_chunk::<8>() {
            self.bytes.extend_from_slice(first.map(hex).as_flattened());
        }
        self.bytes.push(b'"');
        self
    }

    /// A MAC address in quotes, or `null`.
    #[inline]
    pub(crate) fn mac(&mut self, mac: Mac) -> &mut Json {
        if mac.is_none() {
            return self.raw(b"null");
        }
        let [[a0, a1], [b0, b1], [c0, c1], [d0, d1], [e0, e1], [f0, f1]] = mac.0.map(hex);
        self.raw(&[b'"', a0, a1, b':', b0, b1, b':', c0, c1, b':', d0, d1, b':', e0, e1, b':', f0, f1, b'"'])
    }

    /// An IP address in quotes, or `null`.
    #[inline]
    pub(crate) fn ip(&mut self, ip: Ip) -> &mut Json {
        if ip.is_none() {
            return self.raw(b"null");
        }
        self.bytes.push(b'"');
        self.plain_ip(ip);
        self.bytes.push(b'"');
        self
    }

    /// The key of a device in quotes, as [`DeviceKey`] displays it.
    #[inline]
    pub(crate) fn device(&mut self, device: DeviceKey) -> &mut Json {
        match device {
            DeviceKey::Mac(mac) => {
                let digits = mac.0.map(hex);
                let [[a0, a1], [b0, b1], [c0, c1], [d0, d1], [e0, e1], [f0, f1]] = digits;
                self.raw(&[b'"', b'm', b'a', b'c', b'-', a0, a1, b0, b1, c0, c1, d0, d1, e0, e1, f0, f1]);
            }
            DeviceKey::Ip(ip) => {
                self.raw(b"\"ip-");
                self.plain_ip(ip);
            }
        }
        self.bytes.push(b'"');
        self
    }

    #[inline]
    fn plain_ip(&mut self, ip: Ip) {
        let Some(octets) = ip.as_v4() else { return self.plain_v6(ip) };
        let mut block = [0; 16];
        let mut end = 0_usize;
        for octet in octets {
            let (text, len) = OCTETS.get(usize::from(octet)).copied().unwrap_or_default();
            if let Some(place) = block.get_mut(end..).and_then(<[u8]>::first_chunk_mut) {
                *place = text;
            }
            end = end.wrapping_add(usize::from(len)).wrapping_add(1);
        }
        // Without the dot after the last octet.
        self.part(&block, end.wrapping_sub(1));
    }

    /// The canonical text of an IPv6 address (RFC 5952 section 4): the first longest run of zeros becomes `::`.
    fn plain_v6(&mut self, ip: Ip) {
        let mut groups = [0_u16; 8];
        for (group, pair) in groups.iter_mut().zip(ip.0.chunks(2)) {
            *group = pair.iter().fold(0, |value, &byte| value << 8 | u16::from(byte));
        }
        let (run_at, run_len) = longest_zero_run(&groups);
        for (at, &group) in groups.iter().enumerate() {
            if run_len >= 2 && at >= run_at && at < run_at.saturating_add(run_len) {
                if at == run_at {
                    self.raw(b"::");
                }
                continue;
            }
            let after_run = run_len >= 2 && at == run_at.saturating_add(run_len);
            if at > 0 && !after_run {
                self.raw(b":");
            }
            self.group(group);
        }
    }

    /// One group of an IPv6 address, without zeros in front.
    fn group(&mut self, group: u16) {
        let digits = [group >> 12, group >> 8, group >> 4, group].map(|digit| hex_digit((digit & 15) as u8));
        let zeros = (group.leading_zeros() / 4).min(3) as usize;
        self.bytes.extend_from_slice(digits.get(zeros..).unwrap_or_default());
    }

    /// RFC 3339 in UTC with nanoseconds, in quotes.
    #[inline]
    pub(crate) fn time(&mut self, at: Timestamp) -> &mut Json {
        let number = at.0 / (60 * SECOND);
        if number != self.minute.number {
            self.minute = Minute::of(number);
        }
        let Minute { text, .. } = self.minute;
        let (second, nanoseconds) = (at.0 / SECOND % 60, at.0 % SECOND);
        let [_, _, s0, s1] = four(second);
        let [_, _, _, n0] = four(nanoseconds / 100_000_000);
        let [n1, n2, n3, n4] = four(nanoseconds / 10_000 % 10_000);
        let [n5, n6, n7, n8] = four(nanoseconds % 10_000);
        self.raw(b"\"").raw(&text);
        self.raw(&[s0, s1, b'.', n0, n1, n2, n3, n4, n5, n6, n7, n8, b'Z', b'"'])
    }
}

/// Whether a byte must be escaped in JSON (RFC 8259 section 7).
const fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

/// Whether one of eight bytes must be escaped, for all eight at once: a byte below a limit borrows into its highest bit,
/// which it did not have before.
const fn has_special(block: [u8; 8]) -> bool {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    const fn below(block: u64, limit: u64) -> u64 {
        block.wrapping_sub(EACH * limit) & !block & (EACH * 0x80)
    }
    let block = u64::from_ne_bytes(block);
    let quote = block ^ (EACH * b'"' as u64);
    let backslash = block ^ (EACH * b'\\' as u64);
    below(block, 0x20) | below(quote, 1) | below(backslash, 1) != 0
}

/// The last four digits of a number, zeros in front included.
#[inline]
const fn four(value: u64) -> [u8; 4] {
    // Within 16 bits, where division by a constant is cheapest.
    let value = (value % 10_000) as u16;
    [
        b'0' + (value / 1_000) as u8,
        b'0' + (value / 100 % 10) as u8,
        b'0' + (value / 10 % 10) as u8,
        b'0' + (value % 10) as u8,
    ]
}

/// The two digits of every byte.
const HEX: [[u8; 2]; 256] = hexes();

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated when compiling; the index is a byte and the table has 256"
)]
const fn hexes() -> [[u8; 2]; 256] {
    let mut table = [[0; 2]; 256];
    let mut n: u8 = 0;
    loop {
        table[n as usize] = [hex_digit(n >> 4), hex_digit(n & 15)];
        if n == 255 {
            return table;
        }
        n += 1;
    }
}

#[inline]
fn hex(byte: u8) -> [u8; 2] {
    HEX.get(usize::from(byte)).copied().unwrap_or_default()
}

#[inline]
const fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + (value - 10) % 6 }
}

/// Where the first longest run of zero groups begins, and its length.
fn longest_zero_run(groups: &[u16; 8]) -> (usize, usize) {
    let mut best = (0, 0);
    let mut run = (0, 0);
    for (at, &group) in groups.iter().enumerate() {
        run = match (group, run.1) {
            (0, 0) => (at, 1),
            (0, len) => (run.0, len + 1),
            _ => (0, 0),
        };
        if run.1 > best.1 {
            best = run;
        }
    }
    best
}

#[cfg(test)]
mod tests;
