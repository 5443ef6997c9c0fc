//! HTTP/1.x (RFC 9112): who asks whom for what kind of thing, and what came of it. Paths and queries carry patient data, so
//! a row tells only a reduced form of the path.

use crate::field::Value;
use crate::{Appetite, Claim, Exchange, Said, Side};
use abi::address::Timestamp;
use std::collections::VecDeque;

mod body;
mod head;
mod resource;

use body::{Event, Framing, Reader};
use head::{Head, Request, Response};

/// Requests that await their response; the oldest is told as unanswered when there are more.
const MOST_PENDING: usize = 32;

/// One request and its response.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Http {
    /// The method; empty where only the response was seen.
    pub method: String,
    /// Host and port that the client asks for, lower case.
    pub host: Option<String>,
    /// The path, reduced to words that name a kind of thing; all else is `:id`.
    pub resource: Option<String>,
    /// The client's program.
    pub user_agent: Option<String>,
    /// The scheme of the client's credentials, never they themselves.
    pub auth: Option<&'static str>,
    /// The server's program.
    pub server: Option<String>,
    /// The realm that the server asks credentials for (RFC 9110 section 11.5).
    pub realm: Option<String>,
    /// The status code.
    pub status: Option<u16>,
    /// Media type of the response.
    pub content_type: Option<String>,
    /// Media type of the request's content.
    pub request_content_type: Option<String>,
    /// Bytes of the request, head and body, missing ones included.
    pub request_bytes: u64,
    /// Bytes of the response, head and body, missing ones included.
    pub response_bytes: u64,
}

impl Http {
    /// The operation word of the row.
    pub fn op(&self) -> &'static str {
        "request"
    }

    /// The fields of the row.
    pub fn fields(&self, sink: &mut dyn FnMut(&'static str, Value<'_>)) {
        let mut text = |name: &'static str, value: Option<&str>| {
            if let Some(value) = value {
                sink(name, Value::Text(value));
            }
        };
        text("method", Some(self.method.as_str()).filter(|method| !method.is_empty()));
        text("host", self.host.as_deref());
        text("resource", self.resource.as_deref());
        text("user_agent", self.user_agent.as_deref());
        text("auth", self.auth);
        text("server", self.server.as_deref());
        text("realm", self.realm.as_deref());
        text("content_type", self.content_type.as_deref());
        text("request_content_type", self.request_content_type.as_deref());
        if let Some(status) = self.status {
            sink("status", Value::Number(u64::from(status)));
        }
        sink("request_bytes", Value::Number(self.request_bytes));
        sink("response_bytes", Value::Number(self.response_bytes));
    }
}

/// Whether the first bytes of a direction are a request or a response. A body met midway cannot be told from other bytes.
pub fn claim(first: &[u8]) -> Claim {
    head::claim(first)
}

/// An exchange that has begun.
#[derive(Debug)]
struct Pending {
    at: Timestamp,
    progress: Progress,
    http: Http,
}

/// How far an exchange got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// The request's body is being sent.
    Sending,
    /// The request is complete.
    Sent,
    /// The response has begun; the request may not have ended yet.
    Answering,
}

/// The reader of one connection.
#[derive(Debug, Default)]
pub struct Session {
    client: Reader,
    server: Reader,
    /// Who asks: known from the first head.
    asker: Option<Side>,
    pending: VecDeque<Pending>,
    /// So many of the oldest pending exchanges cannot be completed any more.
    overdue: usize,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    Done,
}

impl Session {
    /// Reads the next bytes of one side.
    pub fn feed(&mut self, from: Side, at: Timestamp, bytes: &[u8], out: &mut Vec<Exchange>) {
        for _ in 0..std::mem::take(&mut self.overdue) {
            self.tell(out);
        }
        let mut rest = bytes;
        while self.phase == Phase::Open {
            let Some(event) = self.reader(from).next(at, &mut rest) else {
                return;
            };
            match event {
                Event::Head(bytes) => self.head(from, &bytes, out),
                Event::End => self.end(from, out),
                Event::Broken => self.close(out),
            }
        }
    }

    /// Learns that bytes of one side are missing. Inside a body of known length that is no loss.
    pub fn gap(&mut self, from: Side, missing: u64) {
        if self.phase == Phase::Open && self.reader(from).gap(missing) == body::Gap::Lost {
            // Which response belongs to which request is not known any more.
            self.overdue = self.pending.len();
        }
    }

    /// Tells what is still open when the connection ends.
    pub fn finish(&mut self, _at: Timestamp, out: &mut Vec<Exchange>) {
        self.close(out);
    }

    /// Whether more bytes can say more: not after the connection has become a tunnel or something else.
    pub fn appetite(&self) -> Appetite {
        match self.phase {
            Phase::Open => Appetite::Hungry,
            Phase::Done => Appetite::Done,
        }
    }

    /// Bytes that the session holds, about: for accounting.
    pub fn memory(&self) -> usize {
        size_of::<Session>()
            .saturating_add(self.client.memory())
            .saturating_add(self.server.memory())
            .saturating_add(self.pending.capacity().saturating_mul(size_of::<Pending>()))
    }

    fn reader(&mut self, side: Side) -> &mut Reader {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn head(&mut self, from: Side, bytes: &[u8], out: &mut Vec<Exchange>) {
        let head = head::read(bytes);
        let asker = match &head {
            Some(Head::Request(_)) => from,
            Some(Head::Response(_)) => from.other(),
            None => return self.close(out),
        };
        if *self.asker.get_or_insert(asker) != asker {
            return self.close(out);
        }
        match head {
            Some(Head::Request(request)) => self.request(from, request, out),
            Some(Head::Response(response)) => self.response(from, response, out),
            None => {}
        }
    }

    fn request(&mut self, from: Side, request: Request, out: &mut Vec<Exchange>) {
        if self.pending.len() >= MOST_PENDING {
            self.tell(out);
        }
        let reader = self.reader(from);
        reader.expect(request.framing);
        let at = reader.began();
        self.pending.push_back(Pending { at, progress: Progress::Sending, http: request.http });
        if request.framing == Framing::None {
            self.end(from, out);
        }
    }

    fn response(&mut self, from: Side, response: Response, out: &mut Vec<Exchange>) {
        // An interim response comes before the real one (RFC 9110 section 15.2).
        if (100..200).contains(&response.status) && response.status != 101 {
            self.reader(from).restart();
            return;
        }
        if self.pending.is_empty() {
            let at = self.reader(from).began();
            self.pending.push_back(Pending { at, progress: Progress::Sent, http: Http::default() });
        }
        self.keep_request_bytes(from.other());
        let Some(pending) = self.pending.front_mut() else {
            return;
        };
        pending.progress = Progress::Answering;
        let http = &mut pending.http;
        http.status = Some(response.status);
        (http.server, http.realm, http.content_type) =
            (response.server, response.realm, response.content_type);
        let is_tunnel =
            response.status == 101 || http.method == "CONNECT" && (200..300).contains(&response.status);
        let framing = match (http.method.as_str(), response.status) {
            ("HEAD", _) | (_, 101 | 204 | 304) => Framing::None,
            _ => response.framing,
        };
        if is_tunnel {
            return self.close(out);
        }
        self.reader(from).expect(framing);
        if framing == Framing::None {
            self.end(from, out);
        }
    }

    /// A request that is answered before it ends counts as long as it is by then.
    fn keep_request_bytes(&mut self, asker: Side) {
        let seen = self.reader(asker).seen();
        if let [Pending { progress: Progress::Sending, http, .. }] = self.pending.make_contiguous() {
            http.request_bytes = seen;
        }
    }

    /// A message of one side is complete.
    fn end(&mut self, from: Side, out: &mut Vec<Exchange>) {
        let seen = self.reader(from).seen();
        self.reader(from).restart();
        if Some(from) == self.asker {
            if let Some(pending) = self.pending.back_mut().filter(|last| last.progress == Progress::Sending) {
                pending.http.request_bytes = seen;
                pending.progress = Progress::Sent;
            }
        } else if let Some(mut done) = self.pending.pop_front() {
            done.http.response_bytes = seen;
            self.push(done, out);
        }
    }

    /// Tells the oldest pending exchange as it is.
    fn tell(&mut self, out: &mut Vec<Exchange>) {
        let Some(mut pending) = self.pending.pop_front() else {
            return;
        };
        let asker = self.asker.unwrap_or(Side::Client);
        match pending.progress {
            Progress::Sending => pending.http.request_bytes = self.reader(asker).seen(),
            Progress::Answering => pending.http.response_bytes = self.reader(asker.other()).seen(),
            Progress::Sent => {}
        }
        self.push(pending, out);
    }

    fn push(&self, pending: Pending, out: &mut Vec<Exchange>) {
        let from = self.asker.unwrap_or(Side::Client);
        out.push(Exchange { at: pending.at, from, said: Said::Http(pending.http) });
    }

    fn close(&mut self, out: &mut Vec<Exchange>) {
        self.phase = Phase::Done;
        while !self.pending.is_empty() {
            self.tell(out);
        }
        self.client = Reader::default();
        self.server = Reader::default();
        self.pending = VecDeque::new();
    }
}

#[cfg(test)]
mod tests;
