//! Reduces a request target to what names a kind of thing: identifiers and names of people in paths must not be told.

/// Segments that are told; what follows them is not.
const MOST_SEGMENTS: usize = 2;
const LONGEST_SEGMENT: usize = 32;

/// Words that are safe at any depth: parts of interfaces, none of them anybody's name.
const WORDS: [&str; 97] = [
    "account",
    "admin",
    "allergyintolerance",
    "api",
    "app",
    "appointment",
    "assets",
    "auditevent",
    "auth",
    "axis-cgi",
    "bundle",
    "cgi-bin",
    "changes",
    "cmd",
    "config",
    "css",
    "data",
    "device",
    "devicemetric",
    "devices",
    "diagnosticreport",
    "dicom",
    "dicom-web",
    "dicomweb",
    "download",
    "encounter",
    "events",
    "export",
    "favicon.ico",
    "fhir",
    "files",
    "firmware",
    "hl7",
    "home",
    "html",
    "images",
    "imagingstudy",
    "img",
    "index.html",
    "index.php",
    "info",
    "instances",
    "ipp",
    "js",
    "json",
    "list",
    "login",
    "logout",
    "media",
    "medicationadministration",
    "medicationrequest",
    "metadata",
    "metrics",
    "modalities",
    "notify",
    "oauth",
    "observation",
    "onvif",
    "orders",
    "patient",
    "patients",
    "peers",
    "ping",
    "print",
    "printers",
    "procedure",
    "proxy",
    "public",
    "queries",
    "query",
    "report",
    "reports",
    "results",
    "robots.txt",
    "rpc",
    "rs",
    "search",
    "series",
    "service",
    "services",
    "servicerequest",
    "sessions",
    "soap",
    "static",
    "statistics",
    "status",
    "studies",
    "subscription",
    "system",
    "token",
    "tools",
    "update",
    "upload",
    "users",
    "version",
    "wado",
    "worklist",
];

/// The authority of a target in absolute form (RFC 9112 section 3.2.2).
pub(super) fn authority(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let authority = rest.split(['/', '?', '#']).next()?;
    // Credentials may stand before the host.
    is_scheme.then(|| authority.rsplit('@').next().unwrap_or_default())
}

/// The first segments of the path: known words as they are, a first segment also if it is a plain word, all else `:id`.
pub(super) fn reduce(target: &str) -> String {
    let path = match authority(target) {
        Some(_) => target.split_once("://").and_then(|(_, rest)| {
            let at = rest.find(['/', '?', '#'])?;
            rest.get(at..)
        }),
        None => Some(target),
    };
    let path = path.unwrap_or("/").split(['?', '#', ';']).next().unwrap_or_default();
    if path == "*" {
        return path.to_owned();
    }
    let mut reduced = String::new();
    for (depth, segment) in
        path.split('/').filter(|segment| !segment.is_empty()).take(MOST_SEGMENTS).enumerate()
    {
        reduced.push('/');
        let is_told = is_word(segment) || depth == 0 && is_plain(segment);
        reduced.push_str(if is_told { segment } else { ":id" });
    }
    if reduced.is_empty() {
        reduced.push('/');
    }
    reduced
}

fn is_word(segment: &str) -> bool {
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(segment))
}

/// A first segment names the application, unless it looks like a file or an identifier.
fn is_plain(segment: &str) -> bool {
    segment.len() <= LONGEST_SEGMENT
        && segment.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$' | b'-'))
}
