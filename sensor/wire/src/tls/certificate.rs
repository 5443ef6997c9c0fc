//! The few names that a row tells of a certificate (RFC 5280), by a walk of its DER that goes no deeper than they lie.

use crate::cursor::Cursor;
use crate::field::printable;

/// What a server's certificate says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificate {
    /// Common name of the subject.
    pub subject: Option<String>,
    /// Organization of the subject.
    pub subject_organization: Option<String>,
    /// Common name of the issuer, or its organization where it has none.
    pub issuer: Option<String>,
    /// The end of its validity, RFC 3339.
    pub not_after: Option<String>,
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_ID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`, the version of the certificate.
const VERSION: u8 = 0xa0;
/// `id-at-commonName` (2.5.4.3).
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
/// `id-at-organizationName` (2.5.4.10).
const ORGANIZATION: [u8; 3] = [0x55, 0x04, 0x0a];

const LONGEST_NAME: usize = 128;
const MOST_ATTRIBUTES: usize = 32;

/// The first certificate of a `Certificate` message of TLS 1.2 or earlier (RFC 5246 section 7.4.2): the server's own.
pub(super) fn first(body: &[u8]) -> Option<Certificate> {
    let list = Cursor(body).counted_24()?;
    read(Cursor(list).counted_24()?)
}

fn read(der: &[u8]) -> Option<Certificate> {
    let mut outer = Cursor(expect(&mut Cursor(der), SEQUENCE)?);
    let mut body = Cursor(expect(&mut outer, SEQUENCE)?);
    if body.0.first() == Some(&VERSION) {
        element(&mut body)?;
    }
    element(&mut body)?; // Serial number.
    element(&mut body)?; // Signature algorithm.
    let issuer = Name::read(expect(&mut body, SEQUENCE)?);
    let mut validity = Cursor(expect(&mut body, SEQUENCE)?);
    element(&mut validity)?;
    let not_after = element(&mut validity).and_then(|(tag, content)| time(tag, content));
    let subject = Name::read(expect(&mut body, SEQUENCE)?);
    Some(Certificate {
        subject: subject.common_name,
        subject_organization: subject.organization,
        issuer: issuer.common_name.or(issuer.organization),
        not_after,
    })
}

#[derive(Default)]
struct Name {
    common_name: Option<String>,
    organization: Option<String>,
}

impl Name {
    /// A name is a sequence of sets of attributes (RFC 5280 section 4.1.2.4).
    fn read(content: &[u8]) -> Name {
        let mut name = Name::default();
        let mut sets = Cursor(content);
        for _ in 0..MOST_ATTRIBUTES {
            let Some(mut set) = expect(&mut sets, SET).map(Cursor) else {
                break;
            };
            let Some(mut attribute) = expect(&mut set, SEQUENCE).map(Cursor) else {
                break;
            };
            let (Some(kind), Some((_, value))) = (expect(&mut attribute, OBJECT_ID), element(&mut attribute))
            else {
                break;
            };
            let place = match kind {
                _ if kind == COMMON_NAME => &mut name.common_name,
                _ if kind == ORGANIZATION => &mut name.organization,
                _ => continue,
            };
            place.get_or_insert_with(|| printable(value, LONGEST_NAME));
        }
        name
    }
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` (RFC 5280 section 4.1.2.5) as RFC 3339.
fn time(tag: u8, content: &[u8]) -> Option<String> {
    let text = str::from_utf8(content).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (century, rest) = match (tag, text.len()) {
        (UTC_TIME, 12) => (if text < "50" { "20" } else { "19" }, text),
        (GENERALIZED_TIME, 14) => text.split_at_checked(2)?,
        _ => return None,
    };
    let at = |from: usize| rest.get(from..from.saturating_add(2)).unwrap_or_default();
    Some(format!("{century}{}-{}-{}T{}:{}:{}Z", at(0), at(2), at(4), at(6), at(8), at(10)))
}

/// The content of the next element, if it has this tag.
fn expect<'a>(cursor: &mut Cursor<'a>, tag: u8) -> Option<&'a [u8]> {
    let (found, content) = element(cursor)?;
    (found == tag).then_some(content)
}

/// The next element with a definite length of at most three bytes (X.690 section 8.1).
fn element<'a>(cursor: &mut Cursor<'a>) -> Option<(u8, &'a [u8])> {
    let tag = cursor.u8()?;
    let len = match cursor.u8()? {
        len @ 0..=0x7f => u32::from(len),
        0x81 => u32::from(cursor.u8()?),
        0x82 => u32::from(cursor.u16()?),
        0x83 => cursor.u24()?,
        _ => return None,
    };
    Some((tag, cursor.take(usize::try_from(len).unwrap_or(usize::MAX))?))
}
