//! PDUs, messages and a whole conversation, with a mark wherever a patient's field can stand.

use crate::Side;

pub(super) const MARK: &str = "ZZPATIENTZZ";

pub(super) fn item(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 0];
    bytes.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
    bytes.extend(value);
    bytes
}

pub(super) fn pdu(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind, 0];
    bytes.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
    bytes.extend(body);
    bytes
}

pub(super) fn fixed() -> Vec<u8> {
    let mut body = vec![0, 1, 0, 0];
    body.extend(format!("{:16}{:16}", "PACS", "CT1").as_bytes());
    body.extend([0; 32]);
    body.extend(item(0x10, b"1.2.840.10008.3.1.1.1"));
    body
}

pub(super) fn request() -> Vec<u8> {
    let mut body = fixed();
    for (id, class) in [(1, "1.2.840.10008.5.1.4.1.1.2"), (3, "1.2.840.10008.5.1.4.1.2.2.1")] {
        let mut context = vec![id, 0, 0, 0];
        context.extend(item(0x30, class.as_bytes()));
        context.extend(item(0x40, b"1.2.840.10008.1.2.1"));
        context.extend(item(0x40, b"1.2.840.10008.1.2"));
        body.extend(item(0x20, &context));
    }
    let identity = [vec![2, 0], vec![0, 11], MARK.as_bytes().to_vec(), vec![0, 0]].concat();
    let user = [
        item(0x51, &16384_u32.to_be_bytes()),
        item(0x52, b"1.2.3.4"),
        item(0x55, b"MODALITY_1"),
        item(0x58, &identity),
    ];
    body.extend(item(0x50, &user.concat()));
    pdu(1, &body)
}

pub(super) fn accept(syntax: &str) -> Vec<u8> {
    let mut body = fixed();
    for (id, result) in [(1, 0), (3, 0), (5, 3)] {
        let mut context = vec![id, 0, result, 0];
        context.extend(item(0x40, syntax.as_bytes()));
        body.extend(item(0x21, &context));
    }
    body.extend(item(0x50, &[item(0x52, b"1.2.3.5"), item(0x55, b"ARCHIVE_2")].concat()));
    pdu(2, &body)
}

pub(super) fn element(group: u16, number: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = [group.to_le_bytes(), number.to_le_bytes()].concat();
    bytes.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
    bytes.extend(value);
    bytes
}

pub(super) fn explicit(group: u16, number: u16, vr: [u8; 2], value: &[u8]) -> Vec<u8> {
    let mut bytes = [group.to_le_bytes(), number.to_le_bytes()].concat();
    bytes.extend(vr);
    if matches!(&vr, b"SQ" | b"OB" | b"OW" | b"UT") {
        bytes.extend([0, 0]);
        bytes.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
    } else {
        bytes.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
    }
    bytes.extend(value);
    bytes
}

pub(super) fn command(elements: &[(u16, &[u8])]) -> Vec<u8> {
    let body: Vec<u8> = elements.iter().flat_map(|(number, value)| element(0, *number, value)).collect();
    [element(0, 0, &u32::try_from(body.len()).unwrap().to_le_bytes()), body].concat()
}

pub(super) fn ask(field: u16, id: u16, class: &str, data: u16) -> Vec<u8> {
    command(&[
        (0x0002, class.as_bytes()),
        (0x0100, &field.to_le_bytes()),
        (0x0110, &id.to_le_bytes()),
        (0x0600, b"VIEWER  "),
        (0x0800, &data.to_le_bytes()),
        (0x1000, MARK.as_bytes()),
    ])
}

pub(super) fn answer(field: u16, id: u16, status: u16, data: u16) -> Vec<u8> {
    command(&[
        (0x0100, &(field | 0x8000).to_le_bytes()),
        (0x0120, &id.to_le_bytes()),
        (0x0800, &data.to_le_bytes()),
        (0x0900, &status.to_le_bytes()),
        (0x0902, MARK.as_bytes()),
        (0x1021, &7_u16.to_le_bytes()),
        (0x1022, &1_u16.to_le_bytes()),
    ])
}

/// A message as fragments of at most `size` bytes.
pub(super) fn fragments(context: u8, control: u8, message: &[u8], size: usize) -> Vec<Vec<u8>> {
    let count = message.chunks(size).count();
    let fragment = |(place, chunk): (usize, &[u8])| {
        let mut bytes = u32::try_from(chunk.len() + 2).unwrap().to_be_bytes().to_vec();
        bytes.extend([context, control | if place + 1 == count { 2 } else { 0 }]);
        bytes.extend(chunk);
        bytes
    };
    message.chunks(size).enumerate().map(fragment).collect()
}

pub(super) fn pdata(context: u8, control: u8, message: &[u8]) -> Vec<u8> {
    pdu(4, &fragments(context, control, message, usize::MAX).concat())
}

/// An object whose patient fields all bear the mark, as does every field beside the five that are read.
pub(super) fn object() -> Vec<u8> {
    let nested = [
        vec![0xfe, 0xff, 0x00, 0xe0, 0xff, 0xff, 0xff, 0xff],
        explicit(0x0008, 0x0070, *b"LO", MARK.as_bytes()),
        explicit(0x0010, 0x0010, *b"PN", MARK.as_bytes()),
        vec![0xfe, 0xff, 0x0d, 0xe0, 0, 0, 0, 0],
        vec![0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0],
    ];
    let sequence = [[0x08, 0x00, 0x40, 0x11].to_vec(), b"SQ\0\0\xff\xff\xff\xff".to_vec(), nested.concat()];
    [
        explicit(0x0008, 0x0018, *b"UI", b"1.2.3.4.5.6\0"),
        explicit(0x0008, 0x0050, *b"SH", MARK.as_bytes()),
        explicit(0x0008, 0x0070, *b"LO", b"Acme Imaging"),
        explicit(0x0008, 0x0080, *b"LO", MARK.as_bytes()),
        explicit(0x0008, 0x0090, *b"PN", MARK.as_bytes()),
        explicit(0x0008, 0x1010, *b"SH", b"CTROOM1 "),
        explicit(0x0008, 0x1030, *b"LO", MARK.as_bytes()),
        explicit(0x0008, 0x1090, *b"LO", b"Scan 9"),
        sequence.concat(),
        explicit(0x0010, 0x0010, *b"PN", MARK.as_bytes()),
        explicit(0x0010, 0x0020, *b"LO", MARK.as_bytes()),
        explicit(0x0010, 0x0030, *b"DA", MARK.as_bytes()),
        explicit(0x0010, 0x1040, *b"LO", MARK.as_bytes()),
        explicit(0x0010, 0x4000, *b"UT", MARK.as_bytes()),
        explicit(0x0018, 0x1000, *b"LO", b"SN12345 "),
        explicit(0x0018, 0x1020, *b"LO", b"V1.2"),
        explicit(0x0018, 0x1030, *b"LO", MARK.as_bytes()),
        explicit(0x0020, 0x4000, *b"UT", MARK.as_bytes()),
        explicit(0x7fe0, 0x0010, *b"OW", &[4; 3000]),
    ]
    .concat()
}

pub(super) fn identifier(name: &str) -> Vec<u8> {
    [
        explicit(0x0008, 0x0050, *b"SH", b""),
        explicit(0x0008, 0x0052, *b"CS", b"STUDY "),
        explicit(0x0010, 0x0010, *b"PN", name.as_bytes()),
        explicit(0x0010, 0x0020, *b"LO", b"*"),
    ]
    .concat()
}

pub(super) const CT: &str = "1.2.840.10008.5.1.4.1.1.2";
pub(super) const STUDY: &str = "1.2.840.10008.5.1.4.1.2.2.1\0";

/// A whole conversation: who sends what, in order.
pub(super) fn conversation() -> Vec<(Side, Vec<u8>)> {
    use Side::{Client, Server};
    let query = [fragments(3, 1, &ask(0x20, 2, STUDY, 1), 20), fragments(3, 0, &identifier(MARK), 9)];
    vec![
        (Client, request()),
        (Server, accept("1.2.840.10008.1.2.1")),
        (Client, pdata(1, 1, &ask(1, 1, CT, 0))),
        (Client, fragments(1, 0, &object(), 700).iter().flat_map(|one| pdu(4, one)).collect()),
        (Server, pdata(1, 1, &answer(1, 1, 0, 0x101))),
        // A query whose command and identifier come in many fragments of one PDU.
        (Client, pdu(4, &query.concat().concat())),
        (Server, pdata(3, 1, &answer(0x20, 2, 0xff00, 0))),
        (Server, pdata(3, 0, MARK.as_bytes())),
        (Server, pdata(3, 1, &answer(0x20, 2, 0xff01, 0))),
        (Server, pdata(3, 0, MARK.as_bytes())),
        (Server, pdata(3, 1, &answer(0x20, 2, 0, 0x101))),
        // A retrieval whose objects come from the other side; two requests are under way at once.
        (Client, pdata(3, 1, &ask(0x10, 3, STUDY, 0))),
        (Client, pdata(3, 0, &identifier("*"))),
        (Server, pdata(1, 1, &ask(1, 3, CT, 0))),
        (Server, pdata(1, 0, &object())),
        (Client, pdata(1, 1, &answer(1, 3, 0xb000, 0x101))),
        (Client, pdata(3, 1, &command(&[(0x0100, &[0xff, 0x0f]), (0x0120, &[3, 0]), (0x0800, &[1, 1])]))),
        (Server, pdata(3, 1, &answer(0x10, 3, 0xfe00, 0x101))),
        (Client, pdu(5, &[0; 4])),
        (Server, pdu(6, &[0; 4])),
    ]
}
