//! Object files of small kernel programs, assembled here: a few instructions need no compiler for the kernel's machine.

/// A register of the kernel's machine: 0 is returned, 1 is the context and the first argument, 6 to 9 survive calls,
/// 10 is the end of the stack.
pub type Register = u8;

/// An instruction, or two where a map is named.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Code, registers, offset and constant as the machine has them (RFC 9669 section 3).
    Plain(u8, (Register, Register), i16, i32),
    /// The same, but it jumps to [`Step::Out`].
    Leave(u8, (Register, Register), i32),
    /// Puts a constant of 64 bits into a register.
    Wide(Register, u64),
    /// Puts a map, by its place among the maps, into a register.
    Map(Register, usize),
    /// Returns `XDP_ABORTED`; where [`Step::Leave`] goes.
    Out,
}

/// What instructions do (RFC 9669), of those that are used here.
pub mod code {
    /// To += constant.
    pub const ADD: u8 = 0x07;
    /// To &= constant.
    pub const AND: u8 = 0x57;
    /// To &= from.
    pub const AND_WITH: u8 = 0x5f;
    /// To, of so many bits, in network order.
    pub const BIG_ENDIAN: u8 = 0xdc;
    /// Calls the helper of a number.
    pub const CALL: u8 = 0x85;
    /// Returns register 0.
    pub const EXIT: u8 = 0x95;
    /// Jumps if to > from.
    pub const IF_ABOVE: u8 = 0x2d;
    /// Jumps if to = constant.
    pub const IF_EQUAL: u8 = 0x15;
    /// Jumps if not.
    pub const IF_NOT: u8 = 0x55;
    /// To <<= constant.
    pub const LEFT: u8 = 0x67;
    /// Two bytes.
    pub const LOAD16: u8 = 0x69;
    /// To = the word of four bytes at from + offset.
    pub const LOAD32: u8 = 0x61;
    /// Eight bytes.
    pub const LOAD64: u8 = 0x79;
    /// One byte.
    pub const LOAD8: u8 = 0x71;
    /// To = from.
    pub const MOVE: u8 = 0xbf;
    /// To |= constant.
    pub const OR: u8 = 0x47;
    /// To |= from.
    pub const OR_WITH: u8 = 0x4f;
    /// Two bytes = constant.
    pub const PUT16: u8 = 0x6a;
    /// Four bytes at to + offset = constant.
    pub const PUT32: u8 = 0x62;
    /// To >>= constant.
    pub const RIGHT: u8 = 0x77;
    /// To = constant.
    pub const SET: u8 = 0xb7;
    /// Two bytes = from.
    pub const STORE16: u8 = 0x6b;
    /// Four bytes at to + offset = from.
    pub const STORE32: u8 = 0x63;
    /// Eight bytes = from.
    pub const STORE64: u8 = 0x7b;
    /// To *= constant.
    pub const TIMES: u8 = 0x27;
}

/// Numbers of the kernel's helpers (include/uapi/linux/bpf.h), of those that are used here.
pub mod helper {
    /// Where a value of a map lies.
    pub const LOOK_UP: i32 = 1;
    /// The time since the system started.
    pub const CLOCK: i32 = 5;
    /// Goes on with another program.
    pub const TAIL_CALL: i32 = 12;
    /// On to an interface by its index.
    pub const REDIRECT: i32 = 23;
    /// On to an interface by its place in a map.
    pub const REDIRECT_MAP: i32 = 51;
}

/// A map, as objects without type information declare it.
#[derive(Clone, Copy, Debug)]
pub struct Map {
    /// Its name.
    pub name: &'static str,
    /// Type, size of keys, size of values, entries, flags.
    pub shape: [u32; 5],
}

/// Whether a program takes frames of more than one piece. Programs of the two kinds cannot call each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pieces {
    /// One piece: what most programs were written for.
    One,
    /// Any number.
    Many,
}

/// A program.
#[derive(Clone, Debug)]
pub struct Program {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub pieces: Pieces,
    /// What it does.
    pub steps: Vec<Step>,
}

/// Code of a map's name and of a wide constant, which take two instructions.
const WIDE: u8 = 0x18;
const INSTRUCTION: usize = 8;
const HEADER: usize = 64;
/// Section numbers.
const MAPS: u16 = 3;
const PROGRAMS: [(Pieces, u16, &str, &str); 2] =
    [(Pieces::One, 4, "xdp", ".relxdp"), (Pieces::Many, 5, "xdp.frags", ".relxdp.frags")];

/// A string table that grows.
struct Strings(Vec<u8>);

impl Strings {
    fn place(&mut self, text: &str) -> u32 {
        let at = number(self.0.len());
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        at
    }
}

fn number(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn long(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// The object file (ELF64, little-endian, relocatable, machine 247) of these maps and programs.
pub fn object(maps: &[Map], programs: &[Program]) -> Vec<u8> {
    let mut strings = Strings(vec![0]);
    let mut symbols = vec![0; 24];
    let mut map_bytes = Vec::new();
    for map in maps {
        let at = map_bytes.len();
        map.shape.iter().for_each(|word| map_bytes.extend_from_slice(&word.to_le_bytes()));
        symbol(&mut symbols, (strings.place(map.name), 0x11), MAPS, (at, map_bytes.len() - at));
    }
    let mut sections: Vec<(u32, [u32; 4], Vec<u8>)> = Vec::new();
    let mut relocations = Vec::new();
    for (pieces, section, name, relocated) in PROGRAMS {
        let (mut code, mut relocation) = (Vec::new(), Vec::new());
        for program in programs.iter().filter(|program| program.pieces == pieces) {
            let at = code.len();
            assemble(&program.steps, &mut code, &mut relocation);
            symbol(&mut symbols, (strings.place(program.name), 0x12), section, (at, code.len() - at));
        }
        // PROGBITS, allocated and executable.
        sections.push((strings.place(name), [1, 6, 0, 0], code));
        // REL over the symbols of section 2.
        relocations.push((strings.place(relocated), [9, 0, 2, u32::from(section)], relocation));
    }
    let names = ["", ".strtab", ".symtab", "maps"].map(|name| strings.place(name));
    let [none, strtab, symtab, maps] = names;
    let mut all = vec![
        (none, [0; 4], Vec::new()),
        (strtab, [3, 0, 0, 0], strings.0),
        (symtab, [2, 0, 1, 1], symbols),
        (maps, [1, 3, 0, 0], map_bytes),
    ];
    all.extend(sections);
    all.extend(relocations);
    file(&all)
}

fn symbol(symbols: &mut Vec<u8>, (name, info): (u32, u8), section: u16, (at, len): (usize, usize)) {
    symbols.extend_from_slice(&name.to_le_bytes());
    symbols.extend_from_slice(&[info, 0]);
    symbols.extend_from_slice(&section.to_le_bytes());
    symbols.extend_from_slice(&long(at).to_le_bytes());
    symbols.extend_from_slice(&long(len).to_le_bytes());
}

fn assemble(steps: &[Step], code: &mut Vec<u8>, relocations: &mut Vec<u8>) {
    let width = |step: &Step| match step {
        Step::Plain(..) | Step::Leave(..) => 1,
        Step::Wide(..) | Step::Map(..) | Step::Out => 2,
    };
    let out: usize = steps.iter().take_while(|step| !matches!(step, Step::Out)).map(width).sum();
    let mut at = 0;
    for step in steps {
        match *step {
            Step::Plain(opcode, registers, offset, constant) => {
                instruction(code, opcode, registers, (offset, constant));
            }
            Step::Leave(opcode, registers, constant) => {
                let offset = i16::try_from(out.saturating_sub(at + 1)).unwrap_or(0);
                instruction(code, opcode, registers, (offset, constant));
            }
            Step::Wide(register, value) => wide(code, register, value),
            Step::Map(register, map) => {
                relocations.extend_from_slice(&long(code.len()).to_le_bytes());
                // Type 1 (a map or an address), of the symbol of the map; symbol 0 is none.
                relocations.extend_from_slice(&(((long(map) + 1) << 32) | 1).to_le_bytes());
                wide(code, register, 0);
            }
            Step::Out => {
                instruction(code, code::SET, (0, 0), (0, 0));
                instruction(code, code::EXIT, (0, 0), (0, 0));
            }
        }
        at += width(step);
    }
}

fn wide(code: &mut Vec<u8>, register: Register, value: u64) {
    let [b0, b1, b2, b3, b4, b5, b6, b7] = value.to_le_bytes();
    instruction(code, WIDE, (register, 0), (0, i32::from_le_bytes([b0, b1, b2, b3])));
    instruction(code, 0, (0, 0), (0, i32::from_le_bytes([b4, b5, b6, b7])));
}

fn instruction(
    code: &mut Vec<u8>,
    opcode: u8,
    (to, from): (Register, Register),
    (offset, constant): (i16, i32),
) {
    code.extend_from_slice(&[opcode, to | (from << 4)]);
    code.extend_from_slice(&offset.to_le_bytes());
    code.extend_from_slice(&constant.to_le_bytes());
}

/// Header, contents, section headers.
fn file(sections: &[(u32, [u32; 4], Vec<u8>)]) -> Vec<u8> {
    let mut contents = vec![0; HEADER];
    let mut headers = Vec::new();
    for (name, [kind, flags, link, info], bytes) in sections {
        contents.resize(contents.len().next_multiple_of(INSTRUCTION), 0);
        let entry: u64 = match kind {
            2 => 24,
            9 => 16,
            _ => 0,
        };
        headers.extend_from_slice(&name.to_le_bytes());
        headers.extend_from_slice(&kind.to_le_bytes());
        for word in [u64::from(*flags), 0, long(contents.len()), long(bytes.len())] {
            headers.extend_from_slice(&word.to_le_bytes());
        }
        headers.extend_from_slice(&link.to_le_bytes());
        headers.extend_from_slice(&info.to_le_bytes());
        for word in [8, entry] {
            headers.extend_from_slice(&word.to_le_bytes());
        }
        contents.extend_from_slice(bytes);
    }
    contents.resize(contents.len().next_multiple_of(INSTRUCTION), 0);
    let mut header = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for half in [1_u16, 247] {
        header.extend_from_slice(&half.to_le_bytes());
    }
    header.extend_from_slice(&1_u32.to_le_bytes());
    for word in [0, 0, long(contents.len())] {
        header.extend_from_slice(&word.to_le_bytes());
    }
    header.extend_from_slice(&0_u32.to_le_bytes());
    let count = u16::try_from(sections.len()).unwrap_or(0);
    for half in [64_u16, 0, 0, 64, count, 1] {
        header.extend_from_slice(&half.to_le_bytes());
    }
    for (to, byte) in contents.iter_mut().zip(header) {
        *to = byte;
    }
    contents.extend_from_slice(&headers);
    contents
}
