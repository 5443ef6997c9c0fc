//! Reduces a request target to what names a kind of thing: identifiers and names of people in paths must not be told.

/// Segments that are told; what follows them is not.
const MOST_SEGMENTS: usize = 2;

/// Words that are safe: parts of interfaces, none of them anybody's name.
const WORDS: [&str; 114] = [
    "account",
    "admin",
    "agent",
    "alarm",
    "allergyintolerance",
    "api",
    "app",
    "appointment",
    "assets",
    "auditevent",
    "auth",
    "axis-cgi",
    "base-station",
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
    "goform",
    "group-device",
    "hap",
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
    "isapi",
    "js",
    "json",
    "list",
    "login",
    "logout",
    "media",
    "medicationadministration",
    "medicationrequest",
    "message",
    "metadata",
    "metrics",
    "modalities",
    "mqtt",
    "notify",
    "oauth",
    "observation",
    "onvif",
    "orders",
    "patient",
    "patients",
    "peers",
    "ping",
    "pki",
    "portal",
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
    "router",
    "rpc",
    "rs",
    "scale",
    "sdk",
    "search",
    "series",
    "service",
    "servicerequest",
    "services",
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
    "user",
    "users",
    "version",
    "wado",
    "web",
    "worklist",
    "wsman",
];

/// The authority of a target in absolute form (RFC 9112 section 3.2.2).
pub(super) fn authority(target: &str) -> Option<&str> {
    let (scheme, rest) = target.split_once("://")?;
    let is_scheme = !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let authority = rest.split(['/', '?', '#']).next()?;
    // Credentials may stand before the host.
    is_scheme.then(|| authority.rsplit('@').next().unwrap_or_default())
}

/// The first segments of the path: known words as they are, all else `:id`. A first segment that looks like the name
/// of an application is no exception, because names of people look no different.
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
    for segment in path.split('/').filter(|segment| !segment.is_empty()).take(MOST_SEGMENTS) {
        reduced.push('/');
        reduced.push_str(if is_word(segment) { segment } else { ":id" });
    }
    if reduced.is_empty() {
        reduced.push('/');
    }
    reduced
}

fn is_word(segment: &str) -> bool {
    WORDS.iter().any(|word| word.eq_ignore_ascii_case(segment))
}
