//! Edits of YAML.

use super::flow::Brackets;
use super::site::{Site, Writer};
use super::yaml_style::{Style, Under, block, deep_comment_follows, habit};
use super::{Change, EditError, lines};
use crate::document::{Item, ItemKind, Layout};
use std::ops::Range;

pub(super) struct Yaml;

impl Writer for Yaml {
    fn replace(&self, site: &Site<'_>, new: &mut Item) -> Result<Vec<Change>, EditError> {
        if site.entry().is_none() && new.kind == ItemKind::Null {
            return Err(site.unsupported("a document without contents does not count; remove it by hand"));
        }
        tagged(site, new)?;
        let writing = Writing::new(site);
        let wanted = writing.wanted();
        if site.inside_brackets() {
            let scalar = writing.style.scalar(site, new, wanted, true)?;
            return Ok(writing.inline(scalar));
        }
        match &writing.style.string_block(new, site) {
            Some((mark, block)) => writing.to_block(new, mark, block),
            None if new.is_collection() && !new.entries.is_empty() => writing.to_lines(new, wanted),
            None => {
                let scalar = writing.style.scalar(site, new, wanted, false)?;
                Ok(writing.to_inline(scalar))
            }
        }
    }

    fn insert(
        &self,
        site: &Site<'_>,
        index: usize,
        key: Option<&str>,
        new: &mut Item,
    ) -> Result<Vec<Change>, EditError> {
        let item = site.item();
        let mut style = Style::of(site);
        let wanted = habits(site);
        if item.layout == Layout::Pair {
            return Err(
                site.unsupported("a map without braces in a list can have only one pair; write braces first")
            );
        }
        let entry = |brackets: bool| -> Result<String, EditError> {
            let value = style.scalar(site, new, wanted, brackets)?;
            Ok(match key {
                Some(key) => format!(
                    "{} {value}",
                    style.key(site, key, key_habit(item, site.text()), brackets)?
                ),
                None => value,
            })
        };
        if item.layout == Layout::Flow && (!item.entries.is_empty() || site.inside_brackets()) {
            let text = entry(true)?;
            return Ok(Brackets::new(site.doc, item).insert(index, &|_| text.clone()));
        }
        if item.entries.is_empty() {
            // An empty collection is written in brackets; its first entry goes on a line of its own.
            let mut whole = Item::new(item.kind, Layout::Flow, "", 0..0);
            whole.entries.push(match key {
                Some(key) => crate::document::Entry::pair(key, 0..0, new.clone()),
                None => crate::document::Entry::element(new.clone()),
            });
            return Writing::new(site).to_lines(&whole, wanted);
        }
        let text = site.text();
        let first = item.entries[0].span.start;
        let column = lines::column(text, first);
        let before = index
            .checked_sub(1)
            .map(|i| after(site, item.entries[i].span.end, column));
        if before == Some(text.len()) {
            check_end(site)?;
        }
        style.blocks = before.is_none_or(|at| !deep_comment_follows(text, at, column));
        let rendered = match key {
            Some(key) => {
                let key = style.key(site, key, key_habit(item, text), false)?;
                key + &style.after(site, new, Under::Key(column), wanted)?
            }
            None => "-".to_owned() + &style.after(site, new, Under::Dash(column), wanted)?,
        };
        let (nl, pad) = (style.nl, " ".repeat(column));
        let Some(at) = before else {
            if !lines::begins(text, first) || column == 0 {
                return Ok(vec![Change::insert(first, format!("{rendered}{nl}{pad}"))]);
            }
            let at = lines::above_comments(text, first, &site.doc.comments);
            return Ok(vec![Change::insert(at, format!("{pad}{rendered}{nl}"))]);
        };
        Ok(vec![Change::insert(at, format!("{nl}{pad}{rendered}"))])
    }

    fn delete(&self, site: &Site<'_>) -> Result<Vec<Change>, EditError> {
        let (parent, index) = site.in_parent("delete it")?;
        let collection = parent.item();
        let Some(entry) = site.entry() else {
            return Ok(Vec::new());
        };
        match collection.layout {
            Layout::Flow => return Ok(Brackets::new(site.doc, collection).delete(index)),
            Layout::Pair => {
                return Err(
                    site.unsupported("the only pair of a map without braces; delete the element of the list")
                );
            }
            _ => {}
        }
        if collection.entries.len() == 1 {
            let empty = if collection.kind == ItemKind::Map {
                "{}"
            } else {
                "[]"
            };
            return Ok(Writing::new(&parent).to_inline(empty.to_owned()));
        }
        let text = site.text();
        let start = entry.span.start;
        if lines::begins(text, start) {
            return Ok(vec![delete_lines(site, entry.span.clone())?]);
        }
        // The first entry on the line of a dash: the next one moves up, unless something is between.
        let end = lines::end(text, entry.span.end);
        let next = collection.entries.get(index + 1).map_or(end, |e| e.span.start);
        let between = &text[end..next.max(end)];
        let mut changes = Vec::new();
        if between.trim().is_empty() && between.matches('\n').count() == 1 {
            changes.push(Change::delete(start..next));
        } else {
            let dash = text[..start].trim_end_matches(' ').len();
            changes.push(Change::delete(dash..end));
        }
        Ok(changes)
    }

    fn rename(&self, site: &Site<'_>, name: &str) -> Result<Vec<Change>, EditError> {
        let Some(entry) = site.entry() else {
            return Ok(Vec::new());
        };
        let style = Style::of(site);
        let wanted = quotes(site.text(), &entry.key_span);
        let key = style.key(site, name, wanted, site.inside_brackets())?;
        let key = key.strip_suffix(':').unwrap_or(&key).to_owned();
        Ok(vec![Change::new(entry.key_span.clone(), key)])
    }
}

/// The text block whose lines end above the line of `at`, with only blank lines between.
fn block_above<'a>(site: &Site<'a>, at: usize) -> Option<&'a Item> {
    let text = site.text();
    let line = lines::start(text, at);
    let mut found = None;
    site.doc.roots.get(site.route.document)?.visit(&mut |item| {
        let is_block = matches!(item.layout, Layout::Literal | Layout::Folded);
        if is_block && item.span.end <= line && text[item.span.end..line].trim().is_empty() {
            found = Some(item);
        }
    });
    found
}

/// The column at which the lines of a text block begin; `None` if no line shows it: all are blank, or the header says
/// it.
fn column_of_lines(text: &str, block: &Item) -> Option<usize> {
    let first = lines::end(text, block.span.start);
    let header = text[block.span.start..first]
        .split('#')
        .next()
        .unwrap_or_default();
    if header.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let line = text[first..block.span.end]
        .split_inclusive('\n')
        .find(|line| !line.trim().is_empty())?;
    Some(line.len() - line.trim_start_matches(' ').len())
}

/// Refuses to add lines after a text block that ends the file without a line break: some readers see a line
/// break at its end only if there is one.
fn check_end(site: &Site<'_>) -> Result<(), EditError> {
    let text = site.text();
    let mut open = false;
    for root in &site.doc.roots {
        root.visit(&mut |item| {
            if matches!(item.layout, Layout::Literal | Layout::Folded) && item.span.end == text.len() {
                let header = &text[item.span.start..lines::end(text, item.span.start)];
                open |= !header.split('#').next().unwrap_or_default().contains('-');
            }
        });
    }
    match open {
        true => {
            Err(site.unsupported("a text block ends the file without a line break; add the line break first"))
        }
        false => Ok(()),
    }
}

/// Deletes the lines of an entry. Below a text block its neighbours could become lines of that text.
fn delete_lines(site: &Site<'_>, entry: Range<usize>) -> Result<Change, EditError> {
    let text = site.text();
    let mut change = lines::delete(text, entry.clone());
    let Some(block) = block_above(site, entry.start) else {
        return Ok(change);
    };
    // A comment left of the text's lines ends the text; one that is as far right would be a line of it.
    let outside = lines::column(text, entry.start);
    let least = column_of_lines(text, block).map_or(outside, |column| outside.max(column.saturating_sub(1)));
    if deep_comment_follows(text, entry.end, least) {
        let why = "the comment below it would become a line of the text above; move the comment first";
        return Err(site.unsupported(why));
    }
    // The line break before it ends the text, even if the file ends without one.
    change.range.start = change.range.start.max(lines::start(text, entry.start));
    let header = &text[block.span.start..lines::end(text, block.span.start)];
    let keeps = header.split('#').next().unwrap_or_default().contains('+');
    let blank = text[change.range.end..]
        .split_inclusive('\n')
        .take_while(|line| keeps && line.trim().is_empty());
    change.range.end += blank.map(str::len).sum::<usize>();
    Ok(change)
}

/// What a tag allows: under `!!int` and similar tags only values of that kind; other tags keep their value's
/// text.
fn tagged(site: &Site<'_>, new: &mut Item) -> Result<(), EditError> {
    let Some(tag) = site.item().tag.as_deref() else {
        return Ok(());
    };
    let fits = match tag {
        "!!str" => new.kind == ItemKind::Text,
        "!!int" | "!!float" => new.kind == ItemKind::Number,
        "!!bool" => new.kind == ItemKind::Bool,
        "!!null" => new.kind == ItemKind::Null,
        "!!map" => new.kind == ItemKind::Map,
        "!!seq" => new.kind == ItemKind::List,
        _ => true,
    };
    if !fits {
        let why = format!("it has the tag `{tag}`, which does not fit the new value; change the tag by hand");
        return Err(site.unsupported(&why));
    }
    if new.kind == ItemKind::Number && crate::document::plain_kind(&new.text) != ItemKind::Number {
        return Err(site.cannot_hold(format!("`{}` is not a valid number", new.text)));
    }
    // The reader does not interpret a tagged scalar.
    if matches!(new.kind, ItemKind::Number | ItemKind::Bool) {
        new.kind = ItemKind::Text;
        new.layout = Layout::Empty;
    }
    if new.kind == ItemKind::Null {
        new.kind = ItemKind::Text;
        new.layout = Layout::Empty;
        new.text = "null".into();
    }
    Ok(())
}

/// The quotes of a key or value that is written at a range.
fn quotes(text: &str, range: &Range<usize>) -> Layout {
    match text.as_bytes().get(range.start) {
        Some(b'"') if !range.is_empty() => Layout::Double,
        Some(b'\'') if !range.is_empty() => Layout::Single,
        _ => Layout::Plain,
    }
}

/// How a new key of a map is quoted: like the others, if all are quoted alike.
fn key_habit(item: &Item, text: &str) -> Layout {
    let mut all = item.entries.iter().map(|e| quotes(text, &e.key_span));
    match all.next() {
        Some(first) if all.all(|q| q == first) => first,
        _ => Layout::Plain,
    }
}

/// How new text in or near an item is quoted.
fn habits(site: &Site<'_>) -> Layout {
    let parent = site.parent();
    let root = site.doc.roots.get(site.route.document);
    habit(site.item())
        .or_else(|| habit(parent?.0.item()))
        .or_else(|| habit(root?))
        .unwrap_or(Layout::Plain)
}

/// The place at which an entry at `column` may follow one that ends at `end`: after its line and the deeper
/// comments below it.
fn after(site: &Site<'_>, end: usize, column: usize) -> usize {
    let text = site.text();
    let mut at = lines::end(text, end);
    loop {
        let next = lines::next(text, at);
        let body = next + (text[next..].len() - text[next..].trim_start_matches(' ').len());
        let comment = site
            .doc
            .comments
            .binary_search_by_key(&body, |c| c.start)
            .ok()
            .map(|i| &site.doc.comments[i]);
        match comment {
            Some(comment) if next > at && body - next > column => at = comment.end,
            _ => return at,
        }
    }
}

/// A value that is being replaced.
struct Writing<'s, 'a> {
    site: &'s Site<'a>,
    item: &'a Item,
    style: Style,
    /// The parent of the value; nothing for a root.
    under: Option<Under>,
    /// One past the text before the value: colon, dash, anchor, tag.
    head: usize,
}

impl Style {
    /// Header and lines of a new text that is written as a block.
    fn string_block(&self, new: &Item, site: &Site<'_>) -> Option<(&'static str, Vec<String>)> {
        let old = site.item();
        if new.kind != ItemKind::Text || site.entry().is_none() || !self.blocks {
            return None;
        }
        let quoted = matches!(old.layout, Layout::Single | Layout::Double) && old.kind == ItemKind::Text;
        match block(&new.text) {
            Some((mark, lines)) if !quoted => Some((mark, lines.into_iter().map(str::to_owned).collect())),
            _ => None,
        }
    }
}

impl<'s, 'a> Writing<'s, 'a> {
    fn new(site: &'s Site<'a>) -> Self {
        let item = site.item();
        let text = site.text();
        let entry = site.entry();
        let start = entry.map_or(item.span.start, |e| e.span.start);
        let head = entry.map_or(0, |e| e.sep_end.unwrap_or(e.key_span.end));
        let column = lines::column(text, start);
        let under = entry.map(|e| match e.key {
            Some(_) => Under::Key(column),
            None => Under::Dash(column),
        });
        let end = entry.map_or(item.span.end, |e| e.span.end);
        let mut style = Style::of(site);
        // Below a root nothing ends a text block, and a comment after one would become part of it.
        let alone = entry.is_some() || text[end..lines::end(text, end)].trim().is_empty();
        style.blocks = alone && !deep_comment_follows(text, end, column);
        Writing {
            site,
            item,
            style,
            under,
            head: head.max(item.props_end.unwrap_or(0)),
        }
    }

    /// The quotes of new text.
    fn wanted(&self) -> Layout {
        match (self.item.kind, self.item.layout) {
            (ItemKind::Text, layout @ (Layout::Plain | Layout::Single | Layout::Double)) => layout,
            _ => match self.site.parent() {
                Some((parent, _)) => habits(&parent),
                None => Layout::Plain,
            },
        }
    }

    fn text(&self) -> &'a str {
        self.site.text()
    }

    /// Whether the value begins on a later line than the text before it.
    fn apart(&self) -> bool {
        self.under.is_some()
            && self.item.layout != Layout::Empty
            && lines::start(self.text(), self.item.span.start) > self.head
    }

    /// Replaces a value on its line by text.
    fn inline(&self, scalar: String) -> Vec<Change> {
        if self.item.layout != Layout::Empty {
            return vec![Change::new(self.item.span.clone(), scalar)];
        }
        let colon = match self.site.entry() {
            Some(entry) if entry.key.is_some() && entry.sep_end.is_none() => ":",
            _ => "",
        };
        vec![Change::insert(self.head, format!("{colon} {scalar}"))]
    }

    /// The header of a block scalar: its indicators.
    fn mark(&self) -> Range<usize> {
        let start = self.item.span.start;
        let line = &self.text()[start..lines::end(self.text(), start)];
        let length = line.find([' ', '\t', '#']).unwrap_or(line.len());
        start..start + length
    }

    /// The lines of a block scalar below its header, with the line break before them.
    fn body(&self) -> Range<usize> {
        let from = lines::end(self.text(), self.item.span.start);
        from..self.item.span.end.max(from)
    }

    /// The lines of a collection that begins on a line of its own, with the line break before them.
    fn lines(&self) -> Range<usize> {
        let text = self.text();
        let from = lines::start(text, self.item.span.start);
        let before = from - usize::from(from > 0);
        let before = if text[..before].ends_with('\r') {
            before - 1
        } else {
            before
        };
        before..lines::end(text, self.item.span.end)
    }

    /// The value becomes a scalar or an empty collection.
    fn to_inline(&self, scalar: String) -> Vec<Change> {
        match self.item.layout {
            Layout::Literal | Layout::Folded => {
                vec![Change::new(self.mark(), scalar), Change::delete(self.body())]
            }
            Layout::Lines if self.apart() => {
                vec![
                    Change::insert(self.head, format!(" {scalar}")),
                    Change::delete(self.lines()),
                ]
            }
            Layout::Lines => {
                let end = lines::end(self.text(), self.item.span.end);
                vec![Change::new(self.item.span.start..end, scalar)]
            }
            _ => self.inline(scalar),
        }
    }

    /// The value becomes a collection with each entry on its own line.
    fn to_lines(&self, new: &Item, wanted: Layout) -> Result<Vec<Change>, EditError> {
        let (site, text) = (self.site, self.text());
        let Some(under) = self.under else {
            let end = match self.item.layout {
                Layout::Lines => lines::end(text, self.item.span.end),
                _ => self.item.span.end,
            };
            let entries = self.style.entries(site, new, 0, wanted)?;
            let start = self.item.span.start;
            let whole = if lines::begins(text, start) {
                entries
            } else {
                format!("{}{entries}", self.style.nl)
            };
            let from = if lines::begins(text, start) {
                lines::start(text, start).max(bom(text))
            } else {
                start
            };
            return Ok(vec![Change::new(from..end, whole)]);
        };
        let below = self.style.below(under, new.kind);
        let apart = |column: usize| -> Result<String, EditError> {
            let entries = self.style.entries(site, new, column, wanted)?;
            Ok(format!("{}{}{entries}", self.style.nl, " ".repeat(column)))
        };
        let plain_head = self.item.props_end.is_none();
        match self.item.layout {
            Layout::Lines if self.apart() => Ok(vec![Change::new(self.lines(), apart(below)?)]),
            Layout::Lines => {
                let end = lines::end(text, self.item.span.end);
                let column = lines::column(text, self.item.span.start);
                let entries = self.style.entries(site, new, column, wanted)?;
                Ok(vec![Change::new(self.item.span.start..end, entries)])
            }
            Layout::Literal | Layout::Folded => {
                let mark = self.mark();
                let head = text[..mark.start].trim_end_matches([' ', '\t']).len();
                if !plain_head || head < self.head || lines::start(text, mark.start) > self.head {
                    let why = "a text block with an anchor, a tag or on a line of its own; make it short text first";
                    return Err(site.unsupported(why));
                }
                Ok(vec![
                    Change::delete(head..mark.end),
                    Change::new(self.body(), apart(below)?),
                ])
            }
            _ if self.apart() => {
                let column = lines::column(text, self.item.span.start);
                let deep_enough =
                    column > under.column() || (new.kind == ItemKind::List && column == under.column());
                if !deep_enough || !lines::begins(text, self.item.span.start) {
                    return Err(site.unsupported("the value is on a line of its own; move it up first"));
                }
                let entries = self.style.entries(site, new, column, wanted)?;
                Ok(vec![Change::new(self.item.span.clone(), entries)])
            }
            _ => {
                let end = self.item.span.end.max(self.head);
                let line_end = lines::end(text, end);
                let comment = !text[end..line_end].trim().is_empty();
                if matches!(under, Under::Dash(_)) && plain_head && !comment {
                    let value = self.style.after(site, new, under, wanted)?;
                    return Ok(vec![Change::new(self.head..end, value)]);
                }
                Ok(vec![
                    Change::delete(self.head..end),
                    Change::insert(line_end, apart(below)?),
                ])
            }
        }
    }

    /// The value becomes a text block.
    fn to_block(&self, new: &Item, mark: &str, block: &[String]) -> Result<Vec<Change>, EditError> {
        let (site, text) = (self.site, self.text());
        let under = self.under.unwrap_or(Under::Key(0));
        let below = self.style.below(under, ItemKind::Text);
        let block: Vec<&str> = block.iter().map(String::as_str).collect();
        let quoted = || -> Result<Vec<Change>, EditError> {
            let scalar = self.style.scalar(site, new, Layout::Double, false)?;
            Ok(self.to_inline(scalar))
        };
        match self.item.layout {
            Layout::Literal | Layout::Folded => {
                let body = &text[self.body()];
                let depth = body
                    .lines()
                    .find(|l| !l.trim().is_empty())
                    .map(|l| l.len() - l.trim_start_matches(' ').len())
                    .filter(|depth| *depth > under.column());
                let lines = self.style.block_lines(&block, depth.unwrap_or(below));
                Ok(vec![
                    Change::new(self.mark(), mark),
                    Change::new(self.body(), lines),
                ])
            }
            Layout::Lines if self.apart() => {
                let lines = self.lines();
                // Comments above the collection would become lines of the text.
                if text[lines::end(text, self.head)..lines.start.max(lines::end(text, self.head))]
                    .trim()
                    .is_empty()
                {
                    return Ok(vec![
                        Change::insert(self.head, format!(" {mark}")),
                        Change::new(lines, self.style.block_lines(&block, below)),
                    ]);
                }
                quoted()
            }
            Layout::Lines => {
                let end = lines::end(text, self.item.span.end);
                let value = format!("{mark}{}", self.style.block_lines(&block, below));
                Ok(vec![Change::new(self.item.span.start..end, value)])
            }
            _ if self.apart() => quoted(),
            _ => {
                let end = self.item.span.end.max(self.head);
                Ok(vec![
                    Change::new(self.head..end, format!(" {mark}")),
                    Change::insert(lines::end(text, end), self.style.block_lines(&block, below)),
                ])
            }
        }
    }
}

fn bom(text: &str) -> usize {
    if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    }
}
