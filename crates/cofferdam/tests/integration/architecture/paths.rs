//! Which top module of a crate uses which, from the paths in its text.
//!
//! Files are split into tokens, so that a path counts wherever it is written (a use tree, a signature, a
//! body, the arguments of a macro), but not in comments and quoted texts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// The part of a crate that is written in its root file itself.
const ROOT: &str = "(root)";

/// Edges between the top modules of a crate: from, to, and the first place that causes the edge.
pub(super) type Arrows = BTreeMap<(String, String), String>;

/// The edges of the crate with the root file `root`; `read` returns the text of a file, if it exists.
pub(super) fn arrows(root: &Path, read: &dyn Fn(&Path) -> Option<String>) -> Arrows {
    let mut modules = Vec::new();
    collect(root, Vec::new(), read, &mut modules);
    let own = Own::new(&modules);
    let mut arrows = Arrows::new();
    for module in &modules {
        let mut finder = Finder {
            own: &own,
            place: &module.file,
            scope: module.path.clone(),
            faces: false,
            arrows: &mut arrows,
        };
        finder.walk(module.tokens.clone());
    }
    arrows
}

/// A module that has a file.
struct Module {
    path: Vec<String>,
    file: PathBuf,
    tokens: TokenStream,
}

/// Reads a file and the files of the modules that it declares, except those of tests.
fn collect(
    file: &Path,
    path: Vec<String>,
    read: &dyn Fn(&Path) -> Option<String>,
    modules: &mut Vec<Module>,
) {
    let text = read(file).unwrap_or_else(|| panic!("{} cannot be read", file.display()));
    let tokens: TokenStream = text
        .parse()
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let tokens = without_tests(tokens);
    let folder = match file.file_stem().and_then(|stem| stem.to_str()) {
        Some("mod" | "lib" | "main") => file.with_file_name(""),
        _ => file.with_extension(""),
    };
    let declared = declared(&tokens);
    modules.push(Module {
        path: path.clone(),
        file: file.to_path_buf(),
        tokens,
    });
    for name in declared {
        let of_its_own = folder.join(format!("{name}.rs"));
        let file = match read(&of_its_own) {
            Some(_) => of_its_own,
            None => folder.join(&name).join("mod.rs"),
        };
        let path = [path.as_slice(), &[name]].concat();
        collect(&file, path, read, modules);
    }
}

/// Names of `mod name;`.
fn declared(tokens: &TokenStream) -> Vec<String> {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    tokens
        .windows(3)
        .filter(|three| is_word(&three[0], "mod") && is_mark(&three[2], ';'))
        .map(|three| three[1].to_string())
        .collect()
}

/// Removes items behind `#[cfg(test)]` and `#[test]`, at every depth.
fn without_tests(tokens: TokenStream) -> TokenStream {
    let mut kept = Vec::new();
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let attribute = match rest.peek() {
            Some(TokenTree::Group(group)) if is_mark(&token, '#') => group.stream().to_string(),
            _ => String::new(),
        };
        if attribute == "test" || attribute.replace(' ', "").starts_with("cfg(test") {
            // The item ends with `;`, or with its body; the braces of a use tree are not a body.
            let mut body_ends = true;
            for token in rest.by_ref() {
                body_ends &= !is_word(&token, "use");
                let body = matches!(&token, TokenTree::Group(g) if g.delimiter() == Delimiter::Brace);
                if is_mark(&token, ';') || body && body_ends {
                    break;
                }
            }
            continue;
        }
        kept.push(match token {
            TokenTree::Group(group) => {
                let mut clean = Group::new(group.delimiter(), without_tests(group.stream()));
                clean.set_span(group.span());
                TokenTree::Group(clean)
            }
            other => other,
        });
    }
    kept.into_iter().collect()
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == word)
}

fn is_mark(token: &TokenTree, mark: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == mark)
}

/// The contents of a crate's root file.
struct Own {
    /// Names of the modules.
    modules: BTreeSet<String>,
    /// Names that the root file re-exports from modules (`pub use module::Name`), with the module.
    faces: BTreeMap<String, String>,
}

impl Own {
    fn new(modules: &[Module]) -> Self {
        let mut own = Self {
            modules: modules
                .iter()
                .filter(|module| module.path.len() == 1)
                .map(|module| module.path[0].clone())
                .collect(),
            faces: BTreeMap::new(),
        };
        for module in modules.iter().filter(|module| module.path.is_empty()) {
            let tokens: Vec<TokenTree> = module.tokens.clone().into_iter().collect();
            for at in 0..tokens.len() {
                if is_word(&tokens[at], "use") {
                    for used in tree(&tokens[at + 1..], &[]).0 {
                        if let [module, .., name] = below_the_root(&used.parts)
                            && own.modules.contains(module)
                        {
                            let name = used.alias.as_ref().unwrap_or(name);
                            own.faces.insert(name.clone(), module.clone());
                        }
                    }
                }
            }
        }
        own
    }

    /// The top module that a path from the root leads to.
    fn target(&self, path: &[String]) -> String {
        let first = path.first().map_or("", String::as_str);
        match self.faces.get(first) {
            _ if self.modules.contains(first) => first.to_owned(),
            Some(module) => module.clone(),
            None => ROOT.to_owned(),
        }
    }
}

/// A path of the root file, without its beginning that says so.
fn below_the_root(path: &[String]) -> &[String] {
    match path {
        [first, rest @ ..] if matches!(first.as_str(), "crate" | "self") => rest,
        _ => path,
    }
}

/// Finds the paths of one file.
struct Finder<'a> {
    own: &'a Own,
    place: &'a Path,
    /// The module that contains the text.
    scope: Vec<String>,
    /// Whether the text is a `pub use` of the root file, which re-exports names and uses none.
    faces: bool,
    arrows: &'a mut Arrows,
}

impl Finder<'_> {
    fn walk(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                // `mod name { … }` is a separate place for `super`.
                TokenTree::Ident(word) if word == "mod" => {
                    if let [_, TokenTree::Ident(name), TokenTree::Group(body), ..] = &tokens[at..] {
                        self.scope.push(name.to_string());
                        self.walk(body.stream());
                        self.scope.pop();
                        at += 2;
                    }
                }
                TokenTree::Ident(word) if word == "use" => {
                    let before = at.checked_sub(1).map(|before| &tokens[before]);
                    let public = before
                        .is_some_and(|token| is_word(token, "pub") || matches!(token, TokenTree::Group(_)));
                    self.faces = self.scope.is_empty() && public;
                    at += self.paths(&tokens[at + 1..]);
                    self.faces = false;
                }
                TokenTree::Ident(_) => at += self.paths(&tokens[at..]) - 1,
                TokenTree::Group(group) => self.walk(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
            at += 1;
        }
    }

    /// Records the paths of a tree that begins here; returns how many tokens it takes.
    fn paths(&mut self, tokens: &[TokenTree]) -> usize {
        let (paths, length) = tree(tokens, &[]);
        for written in paths {
            if let Some(path) = self.absolute(&written.parts) {
                self.record(written.line, &path);
            }
        }
        length
    }

    /// The path from the root of the crate; `None` if it does not begin in this crate.
    fn absolute(&self, path: &[String]) -> Option<Vec<String>> {
        let mut base: Vec<String> = match path.first()?.as_str() {
            // A single word is not a path: `pub(crate)`, a value, a field.
            _ if path.len() == 1 => return None,
            "crate" => Vec::new(),
            "self" | "super" => self.scope.clone(),
            first if self.scope.is_empty() && self.own.modules.contains(first) => return Some(path.to_vec()),
            _ => return None,
        };
        let up = path.iter().take_while(|part| *part == "super").count();
        base.truncate(base.len().saturating_sub(up));
        let rest = path.iter().skip(up.max(1));
        base.extend(rest.filter(|part| *part != "super").cloned());
        Some(base)
    }

    fn record(&mut self, line: usize, path: &[String]) {
        let from = self.scope.first().map_or(ROOT, String::as_str);
        let to = self.own.target(path);
        if from != to && !self.faces {
            let place = format!("{}:{line} {}", self.place.display(), path.join("::"));
            self.arrows.entry((from.to_owned(), to)).or_insert(place);
        }
    }
}

/// A path as it is written.
struct Written {
    /// The line on which it ends.
    line: usize,
    /// Its parts; the last is `*` if it means the whole module.
    parts: Vec<String>,
    /// The name that `as` gives it.
    alias: Option<String>,
}

/// The paths of a path or of a use tree (`a::{b, c::{d as e}}`), and how many tokens it takes.
fn tree(tokens: &[TokenTree], before: &[String]) -> (Vec<Written>, usize) {
    let mut parts = before.to_vec();
    let (mut at, mut line) = (0, 0);
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(part)) => {
                line = part.span().start().line;
                parts.push(part.to_string());
                at += 1;
            }
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                let branches = inside
                    .split(|token| is_mark(token, ','))
                    .flat_map(|branch| tree(branch, &parts).0)
                    .collect();
                return (branches, at + 1);
            }
            Some(token) if is_mark(token, '*') => {
                parts.push("*".to_owned());
                break;
            }
            // Generics end a path; a path in them is a separate one.
            _ => break,
        }
        match tokens.get(at..at + 2) {
            Some([first, second]) if is_mark(first, ':') && is_mark(second, ':') => at += 2,
            _ => break,
        }
    }
    // `a::{self}` is `a`.
    if parts.len() > 1 && parts.last().is_some_and(|last| last == "self") {
        parts.pop();
    }
    let alias = match tokens.get(at..at + 2) {
        Some([word, TokenTree::Ident(name)]) if is_word(word, "as") => Some(name.to_string()),
        _ => None,
    };
    (vec![Written { line, parts, alias }], at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The edges of a crate of these files, as `from to`.
    fn of(files: &[(&str, &str)]) -> Vec<String> {
        let read = |path: &Path| {
            let text = files.iter().find(|(name, _)| Path::new(name) == path);
            text.map(|(_, text)| (*text).to_owned())
        };
        arrows(Path::new("src/lib.rs"), &read)
            .into_keys()
            .map(|(from, to)| format!("{from} {to}"))
            .collect()
    }

    /// A crate of three modules, the text of one of which is given.
    fn with(text: &str) -> Vec<String> {
        of(&[
            (
                "src/lib.rs",
                "pub mod a; mod b; mod c; pub use b::{Thing, deep::Other as Renamed};",
            ),
            ("src/a.rs", text),
            ("src/b.rs", "pub mod deep;"),
            ("src/b/deep.rs", ""),
            ("src/c/mod.rs", ""),
        ])
    }

    #[test]
    fn paths_count_in_every_position() {
        for text in [
            "use crate::b::Thing;",
            "use crate::{x::y, b::{deep::{Other, More}, self}};",
            "pub(crate) use super::b;",
            "fn f(x: &Vec<crate::b::Thing>) {}",
            "fn f() { if let Some(x) = crate::b::deep::g(1) {} }",
            "fn f() { println!(\"{}\", crate::b::g()); }",
            "mod inner { use super::super::b::Thing; }",
            "mod inner { fn f() { super::super::b::g() } }",
            "impl crate::b::Thing { fn f(&self) { self.x() } }",
            "use crate::Thing;",
            "use crate::Renamed;",
            "use {crate::b::Thing};",
            "fn f() { super::b::g::<u8>() }",
            "fn f() -> crate::Thing { todo!() }",
            "#[derive(Debug)] struct S(crate::b::Thing);",
        ] {
            assert_eq!(
                with(text).iter().filter(|arrow| *arrow == "a b").count(),
                1,
                "{text}: {:?}",
                with(text)
            );
        }
    }

    #[test]
    fn paths_outside_the_crate_do_not_count() {
        for text in [
            "// use crate::b::Thing;\n/* crate::b */ const X: &str = \"crate::b::c\";",
            "#[cfg(test)] mod tests { use crate::b::Thing; }",
            "#[cfg(test)] use crate::{b::Thing, c}; #[test] fn f() { crate::b::g() }",
            "#[cfg(test)] fn f() -> u8 { crate::b::g() }",
            "mod inner { use super::b::Thing; }",
            "use other::crate_b::b;",
            "use self::b::Thing;",
            "fn f() { b::g(); x.b.c() }",
            "pub(crate) fn f(self) -> Self { self.b; Self::b() }",
            "mod inner { use super::*; }",
        ] {
            assert_eq!(with(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn an_item_after_a_test_module_counts() {
        assert_eq!(
            with("#[cfg(test)] use crate::{b::Thing}; use crate::c::X;"),
            ["a c"]
        );
        assert_eq!(with("#[cfg(test)] mod tests; use crate::c::X;"), ["a c"]);
    }

    #[test]
    fn lib_rs_re_exports_names_without_using_them() {
        assert!(with("").is_empty());
        let root = |text: &str| of(&[("src/lib.rs", text), ("src/a.rs", "use crate::run;")]);
        assert_eq!(root("mod a; pub use a::X; pub fn run() {}"), ["a (root)"]);
        assert_eq!(root("mod a; pub fn run() { a::go() }"), ["(root) a", "a (root)"]);
        assert_eq!(
            root("mod a; use a::go; pub fn run() { go() }"),
            ["(root) a", "a (root)"]
        );
        let all = [("src/lib.rs", "mod a; fn f() {}"), ("src/a.rs", "use super::*;")];
        assert_eq!(of(&all), ["a (root)"]);
    }

    #[test]
    fn an_invented_cycle_is_found() {
        let files = [
            ("src/lib.rs", "mod read; mod parts; mod place;"),
            ("src/read/mod.rs", "mod one; use crate::parts::Part;"),
            ("src/read/one.rs", "use crate::{place::{self, Place}, parts};"),
            ("src/parts.rs", "pub struct Part(crate::place::Place);"),
            ("src/place.rs", "fn f() { vec![super::read::one::g()]; }"),
        ];
        let arrows = of(&files);
        assert_eq!(arrows, ["parts place", "place read", "read parts", "read place"]);
        let graph: super::super::Graph = arrows.iter().filter_map(|arrow| arrow.split_once(' ')).collect();
        let circle: BTreeSet<String> = ["parts", "place", "read"].map(str::to_owned).into();
        assert_eq!(graph.circles(), BTreeSet::from([circle.clone()]));
        assert_eq!(graph.way_around(&circle), ["place", "read", "place"]);
    }
}
