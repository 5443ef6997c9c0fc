//! Heads of requests and responses.

use super::body::Framing;
use super::{Http, resource};
use crate::Claim;
use crate::field::printable;

/// Fields of a head; more make it unreadable.
const MOST_FIELDS: usize = 128;

/// The methods of HTTP (RFC 9110, RFC 5789), `WebDAV` (RFC 4918) and `UPnP` eventing.
const METHODS: [&str; 22] = [
    "GET",
    "POST",
    "PUT",
    "HEAD",
    "DELETE",
    "OPTIONS",
    "PATCH",
    "CONNECT",
    "TRACE",
    "PROPFIND",
    "PROPPATCH",
    "MKCOL",
    "COPY",
    "MOVE",
    "LOCK",
    "UNLOCK",
    "REPORT",
    "SEARCH",
    "NOTIFY",
    "SUBSCRIBE",
    "UNSUBSCRIBE",
    "PURGE",
];

/// Credentials whose scheme may be told (IANA registry, and what devices use beside it).
const SCHEMES: [&str; 10] = [
    "basic",
    "bearer",
    "digest",
    "negotiate",
    "ntlm",
    "token",
    "apikey",
    "hoba",
    "scram-sha-256",
    "aws4-hmac-sha256",
];

/// A head that was read.
pub(super) enum Head {
    /// Of a request.
    Request(Request),
    /// Of a response.
    Response(Response),
}

/// What a request says.
pub(super) struct Request {
    pub(super) http: Http,
    pub(super) framing: Framing,
}

/// What a response says.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) server: Option<String>,
    pub(super) realm: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) framing: Framing,
}

/// Whether bytes begin like a request or a response of HTTP/1.
pub(super) fn claim(first: &[u8]) -> Claim {
    if let Some(rest) = first.strip_prefix(b"HTTP/1.") {
        return match rest {
            [] | [b'0' | b'1'] => Claim::More,
            [b'0' | b'1', b' ', ..] => Claim::Yes,
            _ => Claim::No,
        };
    }
    if b"HTTP/1.".starts_with(first) {
        return Claim::More;
    }
    let Some(space) = first.iter().take(12).position(|byte| *byte == b' ') else {
        let may_be = METHODS.iter().any(|method| method.as_bytes().starts_with(first));
        return if may_be { Claim::More } else { Claim::No };
    };
    let (method, target) = first.split_at_checked(space).unwrap_or_default();
    if !METHODS.iter().any(|known| known.as_bytes() == method) {
        return Claim::No;
    }
    match target {
        [] | [_] => Claim::More,
        [_, b'/', ..] => Claim::Yes,
        // SIP and RTSP share these methods, but not these forms of a target.
        [_, rest @ ..] if method != b"CONNECT" && method != b"OPTIONS" => {
            let known = rest.get(..rest.len().min(7)).unwrap_or_default().to_ascii_lowercase();
            match b"http://".strip_prefix(known.as_slice()) {
                Some([]) => Claim::Yes,
                Some(_) => Claim::More,
                None => Claim::No,
            }
        }
        [_, rest @ ..] => version_in_line(rest),
    }
}

/// Whether the request line ends in HTTP/1, looking no further than an authority may be long.
fn version_in_line(rest: &[u8]) -> Claim {
    let line = rest.split(|byte| *byte == b'\n').next().unwrap_or_default();
    if line.windows(8).any(|part| part == b" HTTP/1.") {
        Claim::Yes
    } else if line.len() == rest.len() && rest.len() < 300 {
        Claim::More
    } else {
        Claim::No
    }
}

/// Reads a whole head; none if it is not one of HTTP/1.
pub(super) fn read(bytes: &[u8]) -> Option<Head> {
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    if bytes.starts_with(b"HTTP/") {
        let mut parsed = httparse::Response::new(&mut fields);
        let config = {
            let mut config = httparse::ParserConfig::default();
            config.allow_spaces_after_header_name_in_responses(true);
            config.ignore_invalid_headers_in_responses(true);
            config
        };
        config.parse_response(&mut parsed, bytes).ok()?;
        response(parsed.code?, parsed.headers).map(Head::Response)
    } else {
        let mut parsed = httparse::Request::new(&mut fields);
        let mut config = httparse::ParserConfig::default();
        config.ignore_invalid_headers_in_requests(true);
        config.parse_request(&mut parsed, bytes).ok()?;
        Some(Head::Request(request(parsed.method?, parsed.path?, parsed.headers)))
    }
}

fn request(method: &str, target: &str, fields: &[httparse::Header<'_>]) -> Request {
    let is_connect = method == "CONNECT";
    let authority = if is_connect { Some(target) } else { resource::authority(target) };
    let host = authority.map(str::as_bytes).or_else(|| field(fields, "host"));
    // What stands before the last `@` is a name and a password (RFC 3986 section 3.2.1).
    let host = host.and_then(|host| host.rsplit(|&byte| byte == b'@').next());
    let framing = match body_length(fields) {
        _ if is_connect => Framing::None,
        // Without a length a request has no body (RFC 9112 section 6.3).
        Framing::ToClose => Framing::None,
        framing @ (Framing::None | Framing::Length(_) | Framing::Chunked) => framing,
    };
    let http = Http {
        method: printable(method.as_bytes(), 16),
        host: host.map(|host| printable(&host.to_ascii_lowercase(), 255)),
        resource: (!is_connect).then(|| resource::reduce(target)),
        user_agent: field(fields, "user-agent").map(|agent| printable(agent, 128)),
        auth: field(fields, "authorization").map(scheme),
        request_content_type: field(fields, "content-type").map(media_type),
        ..Http::default()
    };
    Request { http, framing }
}

fn response(status: u16, fields: &[httparse::Header<'_>]) -> Option<Response> {
    (100..1000).contains(&status).then(|| Response {
        status,
        server: field(fields, "server").map(|server| printable(server, 128)),
        realm: field(fields, "www-authenticate").and_then(realm),
        content_type: field(fields, "content-type").map(media_type),
        framing: body_length(fields),
    })
}

/// The first field of a name, without the spaces around it.
fn field<'a>(fields: &[httparse::Header<'a>], name: &str) -> Option<&'a [u8]> {
    fields.iter().find(|field| field.name.eq_ignore_ascii_case(name)).map(|field| field.value.trim_ascii())
}

/// Transfer coding goes before length (RFC 9112 section 6.3).
fn body_length(fields: &[httparse::Header<'_>]) -> Framing {
    if let Some(coding) = field(fields, "transfer-encoding") {
        let last = coding.rsplit(|byte| *byte == b',').next().unwrap_or_default().trim_ascii();
        return if last.eq_ignore_ascii_case(b"chunked") { Framing::Chunked } else { Framing::ToClose };
    }
    field(fields, "content-length")
        .and_then(|len| str::from_utf8(len).ok())
        .and_then(|len| len.split(',').next().unwrap_or_default().trim().parse().ok())
        .map_or(Framing::ToClose, |len| if len == 0 { Framing::None } else { Framing::Length(len) })
}

/// The media type without its parameters.
fn media_type(value: &[u8]) -> String {
    let kind = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    printable(&kind.to_ascii_lowercase(), 64)
}

/// The scheme of credentials. Some clients send a bare secret, so only known words are told.
fn scheme(credentials: &[u8]) -> &'static str {
    let (word, _) = credentials
        .split_at_checked(credentials.iter().position(|byte| *byte == b' ').unwrap_or(credentials.len()))
        .unwrap_or_default();
    SCHEMES.into_iter().find(|known| word.eq_ignore_ascii_case(known.as_bytes())).unwrap_or("other")
}

/// The realm of a challenge, quoted or not (RFC 9110 section 11.5).
fn realm(challenge: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(challenge);
    let start = text.to_ascii_lowercase().find("realm=")?.checked_add(6)?;
    let value = text.get(start..)?;
    let value = match value.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next()?,
        None => value.split(',').next()?,
    };
    (!value.is_empty()).then(|| printable(value.as_bytes(), 64))
}
