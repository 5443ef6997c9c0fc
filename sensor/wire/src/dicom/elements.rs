//! Elements of a data set or command set (PS3.5 section 7), read as their bytes arrive. Nothing is buffered but the header of
//! one element: a listener says which values it wants, and every other value is passed over by its length.

/// The tag of an element: group, element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tag(pub(super) u16, pub(super) u16);

/// How elements are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Syntax {
    /// Implicit VR, little endian; command sets always.
    Implicit,
    /// Explicit VR, little endian; all encapsulated syntaxes too.
    Explicit,
    /// Explicit VR, big endian (retired).
    Big,
    /// Not known: the first element tells.
    Unknown,
    /// Deflated: not read.
    Opaque,
}

impl Syntax {
    /// The encoding that a transfer syntax UID stands for (PS3.5 section 10).
    pub(super) fn of(uid: &[u8]) -> Syntax {
        match uid {
            // The second is a private syntax of GE: implicit, with only the pixels in big endian.
            b"1.2.840.10008.1.2" | b"1.2.840.113619.5.2" => Syntax::Implicit,
            b"1.2.840.10008.1.2.1" => Syntax::Explicit,
            b"1.2.840.10008.1.2.2" => Syntax::Big,
            b"1.2.840.10008.1.2.1.99" => Syntax::Opaque,
            _ if uid.starts_with(b"1.2.840.10008.1.2.") => Syntax::Explicit,
            _ => Syntax::Unknown,
        }
    }
}

/// Who takes the values.
pub(super) trait Listener {
    /// Whether the value of this element is wanted.
    fn wants(&self, tag: Tag) -> bool;
    /// The last tag that could be wanted: tags ascend (PS3.5 section 7.1), so reading ends behind it.
    fn last(&self) -> Tag;
    /// The next part of a wanted value.
    fn part(&mut self, tag: Tag, bytes: &[u8]);
    /// A wanted value is complete.
    fn end(&mut self, tag: Tag, order: Order);
}

/// The byte order of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Least significant byte first.
    Little,
    /// Most significant byte first.
    Big,
}

/// Sequences nest this deep at most; what is deeper ends the reading.
const DEPTH_MOST: u8 = 32;
/// Item, item delimitation and sequence delimitation (PS3.5 section 7.5).
const ITEM: Tag = Tag(0xfffe, 0xe000);
const ITEM_END: Tag = Tag(0xfffe, 0xe00d);
const SEQUENCE_END: Tag = Tag(0xfffe, 0xe0dd);
const UNDEFINED: u32 = u32::MAX;

/// The reader of one set.
#[derive(Debug)]
pub(super) struct Elements {
    syntax: Syntax,
    depth: u8,
    step: Step,
}

#[derive(Debug)]
enum Step {
    Head { bytes: [u8; 12], have: u8 },
    Value { tag: Tag, left: u32 },
    Skip { left: u32 },
    Done,
}

const HEAD: Step = Step::Head { bytes: [0; 12], have: 0 };

impl Elements {
    pub(super) fn new(syntax: Syntax) -> Elements {
        Elements { syntax, depth: 0, step: if syntax == Syntax::Opaque { Step::Done } else { HEAD } }
    }

    /// Whether nothing more is wanted.
    pub(super) fn done(&self) -> bool {
        matches!(self.step, Step::Done)
    }

    /// Takes the next bytes.
    pub(super) fn feed(&mut self, mut bytes: &[u8], to: &mut impl Listener) {
        while !bytes.is_empty() {
            match &mut self.step {
                Step::Done => return,
                Step::Skip { left } => {
                    let (_, rest) = split(bytes, left);
                    bytes = rest;
                    if *left == 0 {
                        self.step = HEAD;
                    }
                }
                Step::Value { tag, left } => {
                    let (part, rest) = split(bytes, left);
                    bytes = rest;
                    to.part(*tag, part);
                    if *left == 0 {
                        to.end(*tag, self.order());
                        self.step = HEAD;
                    }
                }
                Step::Head { bytes: head, have } => {
                    let Some((&byte, rest)) = bytes.split_first() else { return };
                    bytes = rest;
                    if let Some(slot) = head.get_mut(usize::from(*have)) {
                        *slot = byte;
                    }
                    *have = have.saturating_add(1);
                    let (head, have) = (*head, *have);
                    if self.syntax == Syntax::Unknown && have == 6 {
                        self.syntax = sniff(head);
                    }
                    if have >= 8 && have >= self.head_len(head) {
                        self.step = self.open(head, to);
                    }
                }
            }
        }
    }

    fn order(&self) -> Order {
        if self.syntax == Syntax::Big { Order::Big } else { Order::Little }
    }

    /// The length of an element's header: 12 where the VR has a length of 32 bits (PS3.5 section 7.1.2).
    fn head_len(&self, head: [u8; 12]) -> u8 {
        let explicit = matches!(self.syntax, Syntax::Explicit | Syntax::Big);
        let [.., v, r, _, _, _, _, _, _] = head;
        if explicit && self.tag(head).0 != ITEM.0 && long(v, r) { 12 } else { 8 }
    }

    fn tag(&self, [a, b, c, d, ..]: [u8; 12]) -> Tag {
        match self.order() {
            Order::Little => Tag(u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])),
            Order::Big => Tag(u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])),
        }
    }

    /// What to do with the element whose header is complete.
    fn open(&mut self, head: [u8; 12], to: &mut impl Listener) -> Step {
        let tag = self.tag(head);
        let explicit = matches!(self.syntax, Syntax::Explicit | Syntax::Big) && tag.0 != ITEM.0;
        let [_, _, _, _, first, second, ..] = head;
        if explicit && !(first.is_ascii_uppercase() && second.is_ascii_uppercase()) {
            return Step::Done;
        }
        let length = self.length(head, explicit.then_some([first, second]));
        if tag == ITEM_END || tag == SEQUENCE_END {
            return match self.depth.checked_sub(1) {
                Some(depth) => {
                    self.depth = depth;
                    HEAD
                }
                None => Step::Done,
            };
        }
        if length == UNDEFINED {
            // Only sequences and their items nest; other values of undefined length are encapsulated pixels, and an
            // unknown VR hides its encoding.
            let nests = tag == ITEM || !explicit || [first, second] == *b"SQ";
            self.depth = self.depth.saturating_add(1);
            return if nests && self.depth <= DEPTH_MOST { HEAD } else { Step::Done };
        }
        self.value(tag, length, to)
    }

    /// The length of a value: where it stands depends on whether a VR is given, and on which.
    fn length(&self, head: [u8; 12], vr: Option<[u8; 2]>) -> u32 {
        let [_, _, _, _, word @ .., a, b, c, d] = head;
        let [_, _, short @ ..] = word;
        let word = match vr {
            Some([first, second]) if long(first, second) => [a, b, c, d],
            None => word,
            Some(_) => {
                return u32::from(match self.order() {
                    Order::Little => u16::from_le_bytes(short),
                    Order::Big => u16::from_be_bytes(short),
                });
            }
        };
        match self.order() {
            Order::Little => u32::from_le_bytes(word),
            Order::Big => u32::from_be_bytes(word),
        }
    }

    fn value(&self, tag: Tag, length: u32, to: &mut impl Listener) -> Step {
        match self.depth {
            0 if tag > to.last() => Step::Done,
            0 if to.wants(tag) && length > 0 => Step::Value { tag, left: length },
            0 if to.wants(tag) => {
                to.end(tag, self.order());
                HEAD
            }
            _ if length == 0 => HEAD,
            _ => Step::Skip { left: length },
        }
    }
}

/// The VRs whose length has 32 bits (PS3.5 table 7.1-1).
fn long(v: u8, r: u8) -> bool {
    matches!(
        &[v, r],
        b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR" | b"UT" | b"UV"
    )
}

/// The encoding by the first tag and what stands where an explicit VR would.
fn sniff([a, b, _, _, v, r, ..]: [u8; 12]) -> Syntax {
    match (a, b, v.is_ascii_uppercase() && r.is_ascii_uppercase()) {
        (0, 1.., true) => Syntax::Big,
        (_, _, true) => Syntax::Explicit,
        (_, _, false) => Syntax::Implicit,
    }
}

/// Splits off what belongs to a run of `left` bytes, and counts it down.
fn split<'a>(bytes: &'a [u8], left: &mut u32) -> (&'a [u8], &'a [u8]) {
    let here = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
    *left = left.saturating_sub(u32::try_from(here).unwrap_or(u32::MAX));
    bytes.split_at_checked(here).unwrap_or((bytes, &[]))
}
