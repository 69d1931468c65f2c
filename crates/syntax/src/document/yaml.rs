//! YAML text to items. The parser's events give the contents; the text between them gives the places of
//! dashes, colons, anchors and headers of block scalars.

use super::{Broken, Entry, Item, ItemKind, Layout, MAX_DEPTH, Parts};
use granit_parser::{Event, Options, Parser, ScalarStyle, StructureStyle};
use std::collections::HashMap;
use std::ops::Range;

/// Reads a stream of YAML documents.
pub(super) fn read(text: &str) -> Result<Parts, Broken> {
    let skip = if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let mut options = Options::default();
    options.emit_anchor_events = true;
    let mut parser = Parser::new_from_str_with_options(&text[skip..], options);
    let mut builder = Builder {
        text,
        cursor: skip,
        parts: Parts::default(),
        stack: Vec::new(),
        names: HashMap::new(),
    };
    loop {
        let (event, span) = match parser.next_event() {
            None => break,
            Some(Ok(event)) => event,
            Some(Err(error)) => {
                let at = skip + error.marker().byte_offset().unwrap_or(text.len() - skip);
                return Err(Broken::new(text, at, error.info()));
            }
        };
        let shift = |range: Range<usize>| range.start + skip..range.end + skip;
        let range = shift(span.byte_range().unwrap_or(0..0));
        let mut props = Props {
            end: span.tag_span().and_then(|s| s.byte_range()).map(|r| shift(r).end),
            ..Props::default()
        };
        props.tag = span
            .tag_span()
            .and_then(|s| s.byte_range())
            .map(|r| text[shift(r)].into());
        // The anchor's event comes after the node's; here both are one.
        if let Some(Ok((Event::Anchor(..), _))) = parser.peek()
            && let Some(Ok((Event::Anchor(id, name), at))) = parser.next_event()
        {
            let end = shift(at.byte_range().unwrap_or(0..0)).end;
            props.end = Some(props.end.map_or(end, |tag| tag.max(end)));
            props.anchor = Some(name.as_ref().into());
            builder.names.insert(id, name.as_ref().into());
        }
        builder.event(event, range, props)?;
    }
    builder.parts.comments.sort_by_key(|c| c.start);
    Ok(builder.parts)
}

/// What precedes a node.
#[derive(Default)]
struct Props {
    end: Option<usize>,
    anchor: Option<Box<str>>,
    tag: Option<Box<str>>,
}

struct Builder<'t> {
    text: &'t str,
    /// Everything before it belongs to earlier nodes.
    cursor: usize,
    parts: Parts,
    stack: Vec<Frame>,
    names: HashMap<usize, Box<str>>,
}

/// A collection that is being read.
struct Frame {
    item: Item,
    /// The dash, `?` or key that begins the entry that is being read.
    entry: Option<Start>,
}

struct Start {
    at: usize,
    key: Option<Box<str>>,
    key_span: Range<usize>,
    sep_end: Option<usize>,
    complex: bool,
    merge: bool,
}

impl Builder<'_> {
    fn event(&mut self, event: Event<'_>, range: Range<usize>, props: Props) -> Result<(), Broken> {
        match event {
            Event::Comment(..) => self.parts.comments.push(range),
            Event::DocumentStart(true, _) => self.cursor = range.end,
            Event::DocumentEnd => {
                self.cursor = self.cursor.max(range.end);
                self.names.clear();
            }
            Event::Scalar(text, style, _, _) => {
                self.before_node();
                let item = self.scalar(&text, style, range, props);
                self.place(item);
            }
            Event::Alias(id) => {
                self.before_node();
                let name = self.names.get(&id).cloned().unwrap_or_default();
                self.cursor = range.end;
                let item = Item::new(ItemKind::Alias, Layout::Plain, &name, range);
                self.place(item);
            }
            Event::SequenceStart(style, ..) => self.open(ItemKind::List, style, range, props)?,
            Event::MappingStart(style, ..) => self.open(ItemKind::Map, style, range, props)?,
            Event::SequenceEnd | Event::MappingEnd => self.close(range),
            _ => {}
        }
        Ok(())
    }

    /// Skips blanks, line breaks, comments and (in brackets) commas from the cursor.
    fn gap(&self, from: usize, commas: bool) -> usize {
        let bytes = self.text.as_bytes();
        let mut at = from;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => at += 1,
                b',' if commas => at += 1,
                b'#' => at = self.text[at..].find('\n').map_or(self.text.len(), |n| at + n),
                _ => break,
            }
        }
        at
    }

    fn is_at(&self, at: usize, mark: u8) -> bool {
        let bytes = self.text.as_bytes();
        bytes.get(at) == Some(&mark)
            && bytes
                .get(at + 1)
                .is_none_or(|b| matches!(b, b' ' | b'\t' | b'\n' | b'\r'))
    }

    /// Reads the dash or the `?` that begins an entry, or the colon that goes before a value.
    fn before_node(&mut self) {
        let Some(frame) = self.stack.last() else { return };
        let flow = frame.item.layout != Layout::Lines;
        let at = self.gap(self.cursor, flow);
        match (frame.item.kind, &frame.entry) {
            (ItemKind::List, _) => {
                let dash = !flow && self.is_at(at, b'-');
                let start = Start {
                    at,
                    key: None,
                    key_span: at..at,
                    sep_end: dash.then_some(at + 1),
                    complex: false,
                    merge: false,
                };
                self.cursor = if dash { at + 1 } else { at };
                self.enter(start);
            }
            (_, None) => {
                let complex = self.is_at(at, b'?');
                let start = Start {
                    at,
                    key: None,
                    key_span: at..at,
                    sep_end: None,
                    complex,
                    merge: false,
                };
                self.cursor = if complex { at + 1 } else { at };
                self.enter(start);
            }
            (_, Some(_)) => {
                let colon = self.gap(self.cursor, false);
                if self.text.as_bytes().get(colon) == Some(&b':') {
                    self.cursor = colon + 1;
                    if let Some(start) = self.stack.last_mut().and_then(|f| f.entry.as_mut()) {
                        start.sep_end = Some(colon + 1);
                    }
                }
            }
        }
    }

    fn enter(&mut self, start: Start) {
        if let Some(frame) = self.stack.last_mut() {
            frame.entry = Some(start);
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, range: Range<usize>, props: Props) -> Item {
        self.cursor = self.cursor.max(props.end.unwrap_or(0));
        let layout = match style {
            ScalarStyle::Plain if range.is_empty() => Layout::Empty,
            ScalarStyle::Plain => Layout::Plain,
            ScalarStyle::SingleQuoted => Layout::Single,
            ScalarStyle::DoubleQuoted => Layout::Double,
            ScalarStyle::Literal => Layout::Literal,
            ScalarStyle::Folded => Layout::Folded,
        };
        let span = match layout {
            Layout::Empty => self.cursor..self.cursor,
            Layout::Literal | Layout::Folded => {
                let start = self.gap(self.cursor, false);
                start..block_end(self.text, start, range.end)
            }
            _ => range,
        };
        self.cursor = self.cursor.max(span.end);
        let tag = props.tag.as_deref();
        let kind = match layout {
            Layout::Empty if tag.is_none() => ItemKind::Null,
            Layout::Plain if tag.is_none() => plain_kind(text),
            _ => ItemKind::Text,
        };
        let text = if kind == ItemKind::Null || layout == Layout::Empty {
            ""
        } else {
            text
        };
        Item {
            props_end: props.end,
            anchor: props.anchor,
            tag: props.tag,
            ..Item::new(kind, layout, text, span)
        }
    }

    fn open(
        &mut self,
        kind: ItemKind,
        style: StructureStyle,
        range: Range<usize>,
        props: Props,
    ) -> Result<(), Broken> {
        if self.stack.len() >= MAX_DEPTH {
            let message = format!("nested more than {MAX_DEPTH} levels deep");
            return Err(Broken::new(self.text, range.start, message));
        }
        self.before_node();
        self.cursor = self.cursor.max(props.end.unwrap_or(0));
        let at = self.gap(self.cursor, false);
        let layout = match (style, kind) {
            (StructureStyle::Block, _) => Layout::Lines,
            (_, ItemKind::Map)
                if self.text.as_bytes().get(range.start) != Some(&b'{') || range.is_empty() =>
            {
                Layout::Pair
            }
            _ => Layout::Flow,
        };
        let start = if layout == Layout::Flow {
            self.cursor = range.end;
            range.start
        } else {
            at
        };
        let item = Item {
            props_end: props.end,
            anchor: props.anchor,
            tag: props.tag,
            ..Item::new(kind, layout, "", start..start)
        };
        self.stack.push(Frame { item, entry: None });
        Ok(())
    }

    fn close(&mut self, range: Range<usize>) {
        let Some(mut frame) = self.stack.pop() else { return };
        let end = if frame.item.layout == Layout::Flow {
            self.cursor = range.end;
            range.end
        } else {
            frame
                .item
                .entries
                .last()
                .map_or(frame.item.span.start, |e| e.span.end)
        };
        frame.item.span.end = end.max(frame.item.span.start);
        self.place(frame.item);
    }

    /// Puts a finished node in its place.
    fn place(&mut self, item: Item) {
        let Some(frame) = self.stack.last_mut() else {
            // An empty document has no contents and no number; readers skip it too.
            if item.kind != ItemKind::Null {
                self.parts.roots.push(item);
            }
            return;
        };
        let Some(mut start) = frame.entry.take() else {
            return;
        };
        if frame.item.kind == ItemKind::Map && start.key.is_none() {
            let (key, simple) = match item.kind {
                ItemKind::Null => ("null".into(), item.layout != Layout::Empty),
                ItemKind::Text | ItemKind::Number | ItemKind::Bool => (item.text, true),
                _ => ("?".into(), false),
            };
            start.merge = &*key == "<<" && item.layout == Layout::Plain;
            start.complex |= !simple || item.tag.is_some() || item.anchor.is_some();
            start.key = Some(key);
            start.key_span = item.span;
            frame.entry = Some(start);
            return;
        }
        let end = item
            .span
            .end
            .max(item.props_end.unwrap_or(0))
            .max(start.sep_end.unwrap_or(0))
            .max(start.key_span.end);
        frame.item.entries.push(Entry {
            key: start.key,
            key_span: start.key_span,
            sep_end: start.sep_end,
            span: start.at..end,
            merge: start.merge,
            complex: start.complex,
            value: item,
        });
    }
}

/// The end of a block scalar that begins with its indicator at `start`: the end of the last line that is part
/// of the value, without its line break. `end` is the end according to the parser.
fn block_end(text: &str, start: usize, end: usize) -> usize {
    let end = end.clamp(start, text.len());
    let header_end = text[start..end].find('\n').map_or(end, |n| start + n);
    let mark = &text[start..header_end];
    let mark = mark.split_once('#').map_or(mark, |(mark, _)| mark);
    let header_stop = start + mark.trim_end().len();
    let body = &text[header_end..end];
    if mark.contains('+') {
        let trimmed = body.strip_suffix('\n').unwrap_or(body);
        let trimmed = trimmed.strip_suffix('\r').unwrap_or(trimmed);
        return if trimmed.trim().is_empty() && trimmed.len() < 2 && body.len() < 2 {
            header_stop
        } else {
            header_end + trimmed.len()
        };
    }
    // Blank lines at the end are not part of the value unless they are deeper than its lines.
    let indent = body
        .lines()
        .find(|line| !line.trim().is_empty())
        .map_or(usize::MAX, |line| line.len() - line.trim_start_matches(' ').len());
    let mut stop = body.len();
    while let Some(at) = body[..stop].rfind('\n') {
        let line = body[at + 1..stop].trim_end_matches('\r');
        if !line.trim_matches(' ').is_empty() || line.len() > indent {
            break;
        }
        stop = at;
    }
    if stop == 0 {
        return header_stop;
    }
    header_end + body[..stop].trim_end_matches(['\r', '\n']).len()
}

/// The type of a plain scalar under the core schema of YAML 1.2.
pub(crate) fn plain_kind(text: &str) -> ItemKind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => ItemKind::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => ItemKind::Bool,
        _ if is_number(text) => ItemKind::Number,
        _ => ItemKind::Text,
    }
}

fn is_number(text: &str) -> bool {
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    if let Some(hex) = text.strip_prefix("0x") {
        return !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit());
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return !octal.is_empty() && octal.bytes().all(|b| (b'0'..=b'7').contains(&b));
    }
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(bare, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let (mantissa, exponent) = match bare.split_once(['e', 'E']) {
        Some((m, e)) => (m, Some(e.strip_prefix(['+', '-']).unwrap_or(e))),
        None => (bare, None),
    };
    let mantissa_ok = match mantissa.split_once('.') {
        Some((whole, part)) => {
            (digits(whole) && (part.is_empty() || digits(part))) || (whole.is_empty() && digits(part))
        }
        None => digits(mantissa),
    };
    mantissa_ok && exponent.is_none_or(digits)
}
