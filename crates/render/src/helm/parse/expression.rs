//! Expressions inside actions: pipelines, calls, fields and literals.

use super::{Expr, MAX_DEPTH};

/// Reads a whole expression. Any other text is unknown.
pub(super) fn expression(text: &str) -> Expr<'_> {
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
    };
    let expr = reader.pipeline();
    reader.space();
    match expr {
        Some(expr) if reader.at == text.len() => expr,
        _ => Expr::Unknown,
    }
}

pub(super) fn arguments(text: &str) -> Option<Vec<Expr<'_>>> {
    let mut reader = Reader {
        text,
        at: 0,
        depth: 0,
    };
    reader.operands()
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl<'t> Reader<'t> {
    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn takes(&mut self, c: char) -> bool {
        let there = self.rest().starts_with(c);
        if there {
            self.at += c.len_utf8();
        }
        there
    }

    /// `a | b x | c`: each command gets the one before as its last argument.
    fn pipeline(&mut self) -> Option<Expr<'t>> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let mut value = self.command(None)?;
        for pipes in 0.. {
            self.space();
            if !self.takes('|') {
                break;
            }
            // Each pipe is one call inside another.
            if pipes >= MAX_DEPTH {
                return None;
            }
            value = self.command(Some(value))?;
        }
        self.depth -= 1;
        Some(value)
    }

    fn command(&mut self, piped: Option<Expr<'t>>) -> Option<Expr<'t>> {
        self.space();
        let word = self.word();
        if let Some(name) = word {
            match name {
                "true" | "false" => return Some(Expr::Plain(name)),
                "nil" => return Some(Expr::Nil),
                _ => {}
            }
            let mut operands = self.operands()?;
            operands.extend(piped);
            return Some(Expr::Call(name, operands));
        }
        let operands = self.operands()?;
        if let [Expr::Field(method) | Expr::Variable("", method), version] = operands.as_slice()
            && method.as_slice() == ["Capabilities", "APIVersions", "Has"]
            && piped.is_none()
        {
            return Some(Expr::Call("Capabilities.APIVersions.Has", vec![version.clone()]));
        }
        match (<[Expr<'t>; 1]>::try_from(operands), piped) {
            (Ok([only]), None) => Some(only),
            // A method with arguments, or a value that something is piped into.
            _ => Some(Expr::Unknown),
        }
    }

    fn word(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        if !rest.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            return None;
        }
        let end = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        self.at += end;
        Some(&rest[..end])
    }

    fn operands(&mut self) -> Option<Vec<Expr<'t>>> {
        let mut operands = Vec::new();
        loop {
            self.space();
            match self.rest().chars().next() {
                None | Some('|' | ')') => return Some(operands),
                Some(_) => operands.push(self.operand()?),
            }
        }
    }

    fn operand(&mut self) -> Option<Expr<'t>> {
        let rest = self.rest();
        match rest.chars().next()? {
            '.' => {
                if let Some(number) = self.number() {
                    return Some(Expr::Plain(number));
                }
                let fields = self.fields();
                if fields.is_empty() {
                    self.at += 1;
                }
                Some(Expr::Field(fields))
            }
            '$' => {
                self.at += 1;
                let name = self.word().unwrap_or("");
                Some(Expr::Variable(name, self.fields()))
            }
            '(' => {
                self.at += 1;
                let inner = self.pipeline()?;
                self.space();
                if !self.takes(')') {
                    return None;
                }
                let fields = self.fields();
                Some(if fields.is_empty() {
                    inner
                } else {
                    Expr::Of(Box::new(inner), fields)
                })
            }
            '"' => self.quoted(),
            '`' => {
                let end = rest[1..].find('`')?;
                self.at += end + 2;
                Some(Expr::Text(rest[1..=end].to_owned()))
            }
            '0'..='9' | '-' | '+' => Some(Expr::Plain(self.number()?)),
            _ => match self.word()? {
                word @ ("true" | "false") => Some(Expr::Plain(word)),
                "nil" => Some(Expr::Nil),
                name => Some(Expr::Call(name, Vec::new())),
            },
        }
    }

    fn number(&mut self) -> Option<&'t str> {
        let rest = self.rest();
        let digits = rest.trim_start_matches(['-', '+']);
        if !digits
            .trim_start_matches('.')
            .starts_with(|c: char| c.is_ascii_digit())
        {
            return None;
        }
        let sign = rest.len() - digits.len();
        let end = digits
            .find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '_'))
            .unwrap_or(digits.len());
        self.at += sign + end;
        Some(&rest[..sign + end])
    }

    /// `.a.b-c`: Go allows letters, digits and `_`.
    fn fields(&mut self) -> Vec<&'t str> {
        let mut fields = Vec::new();
        while let Some(rest) = self.rest().strip_prefix('.') {
            let end = rest
                .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                .unwrap_or(rest.len());
            if end == 0 {
                break;
            }
            fields.push(&rest[..end]);
            self.at += end + 1;
        }
        fields
    }

    fn quoted(&mut self) -> Option<Expr<'t>> {
        let rest = self.rest();
        let mut text = String::new();
        let mut chars = rest.char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at += at + 1;
                    return Some(Expr::Text(text));
                }
                '\\' => match chars.next()?.1 {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    other => text.push(other),
                },
                c => text.push(c),
            }
        }
        None
    }
}
