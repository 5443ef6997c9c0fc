//! Values between brackets on one line: `{ a: 1, b: [x, y] }`.

/// Brackets inside brackets.
const DEPTH: usize = 32;

/// A value between brackets, or in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// As it is written, with its quotation marks.
    Word(String),
    List(Vec<Flow>),
    Map(Vec<(String, Option<Flow>)>),
}

impl Flow {
    /// The value at the beginning of a text, and the byte behind it; nothing where it is written in another way.
    pub(super) fn read(text: &str) -> Option<(Flow, usize)> {
        let mut cursor = Cursor { text, at: 0 };
        let flow = cursor.node(DEPTH)?;
        Some((flow, cursor.at))
    }

    pub(super) fn text(&self) -> String {
        match self {
            Flow::Word(word) => word.clone(),
            Flow::List(items) => {
                format!("[{}]", items.iter().map(Flow::text).collect::<Vec<_>>().join(", "))
            }
            Flow::Map(entries) if entries.is_empty() => "{}".to_owned(),
            Flow::Map(entries) => {
                format!("{{ {} }}", entries.iter().map(entry).collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// `key: value`.
pub(super) fn entry((key, value): &(String, Option<Flow>)) -> String {
    value.as_ref().map_or_else(|| key.clone(), |value| format!("{key}: {}", value.text()))
}

/// Bytes of a quoted word with its quotation marks (YAML 1.2.2 sections 7.3.1 and 7.3.2).
pub(super) fn quoted(text: &str) -> Option<usize> {
    let mut characters = text.char_indices().peekable();
    let (_, mark) = characters.next()?;
    while let Some((at, c)) = characters.next() {
        if c == '\\' && mark == '"' {
            characters.next()?;
        } else if c == mark {
            if mark == '\'' && characters.peek().is_some_and(|&(_, next)| next == '\'') {
                characters.next()?;
            } else {
                return Some(at.saturating_add(1));
            }
        }
    }
    None
}

struct Cursor<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Cursor<'t> {
    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn take(&mut self, bytes: usize) -> &'t str {
        let taken = self.rest().get(..bytes).unwrap_or("");
        self.at = self.at.saturating_add(taken.len());
        taken
    }

    fn skip(&mut self) {
        let rest = self.rest();
        self.take(rest.len().saturating_sub(rest.trim_start_matches([' ', '\t']).len()));
    }

    /// Takes the character if it is next.
    fn eat(&mut self, c: char) -> bool {
        let is_next = self.rest().starts_with(c);
        if is_next {
            self.take(c.len_utf8());
        }
        is_next
    }

    fn node(&mut self, depth: usize) -> Option<Flow> {
        let depth = depth.checked_sub(1)?;
        match self.rest().chars().next()? {
            '{' => self.map(depth),
            '[' => self.list(depth),
            '"' | '\'' => {
                let bytes = quoted(self.rest())?;
                Some(Flow::Word(self.take(bytes).to_owned()))
            }
            // Anchors, aliases, tags, explicit keys, and what no plain word begins with.
            '&' | '*' | '!' | '|' | '>' | '%' | '@' | '`' | '?' | '#' => None,
            _ => self.plain(),
        }
    }

    fn plain(&mut self) -> Option<Flow> {
        let rest = self.rest();
        let is_end = |&(at, c): &(usize, char)| {
            let behind = rest.get(at.saturating_add(c.len_utf8())..).unwrap_or("");
            match c {
                ',' | '[' | ']' | '{' | '}' => true,
                ':' => behind.is_empty() || behind.starts_with([' ', '\t', ',', '[', ']', '{', '}']),
                _ => false,
            }
        };
        let bytes = rest.char_indices().find(is_end).map_or(rest.len(), |(at, _)| at);
        let word = rest.get(..bytes)?.trim_end();
        if word.is_empty() || word.contains(" #") || word.contains("\t#") {
            return None;
        }
        Some(Flow::Word(self.take(word.len()).to_owned()))
    }

    fn list(&mut self, depth: usize) -> Option<Flow> {
        self.eat('[');
        let mut items = Vec::new();
        loop {
            self.skip();
            if self.eat(']') {
                return Some(Flow::List(items));
            }
            items.push(self.node(depth)?);
            self.skip();
            // Anything else is a pair in a list, or a list that goes on on the next line.
            if !self.eat(',') && !self.rest().starts_with(']') {
                return None;
            }
        }
    }

    fn map(&mut self, depth: usize) -> Option<Flow> {
        self.eat('{');
        let mut entries = Vec::new();
        loop {
            self.skip();
            if self.eat('}') {
                return Some(Flow::Map(entries));
            }
            let Flow::Word(key) = self.node(depth)? else { return None };
            self.skip();
            let mut value = None;
            if self.eat(':') {
                self.skip();
                if !self.rest().starts_with([',', '}']) {
                    value = Some(self.node(depth)?);
                    self.skip();
                }
            }
            entries.push((key, value));
            if !self.eat(',') && !self.rest().starts_with('}') {
                return None;
            }
        }
    }
}
