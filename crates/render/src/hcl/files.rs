//! Functions that read files of the tree, and that decode what is in them.

use super::eval::{Bind, Scope};
use super::parse::At;
use super::value::{Eval, MAX_TEXT, Wrong, bool_node, unknown, why_unknown, wrong};
use cofferdam_syntax::Span;
use cofferdam_syntax::repo::normalise;
use cofferdam_syntax::tree::{Node, Scalar, Style, Value};
use cofferdam_syntax::yaml;
use std::path::Path;

impl<'w> Scope<'_, 'w> {
    /// Functions that read files of the tree.
    pub(super) fn file_function(self, name: &str, args: &[Node], span: Span) -> Eval {
        let Some(first) = args.first() else {
            return wrong(format!("{name}() takes an argument"));
        };
        if let Some(why) = why_unknown(first) {
            return Ok(unknown(why, span));
        }
        if matches!(name, "jsondecode" | "yamldecode") {
            return self.decode(first, span);
        }
        let Some(path) = first.as_str() else {
            return wrong(format!("{name}() takes a path"));
        };
        let path = if path.starts_with('/') {
            normalise(Path::new(path.trim_start_matches('/')))
        } else {
            normalise(&self.run.root_dir().join(path))
        };
        let repo = self.run.repo();
        let found = repo
            .files
            .get(&path)
            .map(|id| repo.sources.file(*id).text.clone());
        let (Some(text), Some(id)) = (found, repo.files.get(&path)) else {
            return Ok(match name {
                "fileexists" if repo.exists(&path) => bool_node(true, span),
                _ => unknown(format!("the file {} was not read", path.display()), span),
            });
        };
        if name == "fileexists" {
            return Ok(bool_node(true, span));
        }
        self.run.make(1 + text.len() / 64);
        if text.len() > MAX_TEXT || self.run.is_over(span) {
            return Ok(unknown("a file too long to take in", span));
        }
        // The file is the content of the call that names it.
        let chains = repo.sources.chains();
        let whole = chains.extended(Span::new(*id, 0, text.len()), &chains.inside(span, false));
        if name == "file" {
            return Ok(Node {
                span: whole,
                value: Value::Scalar(Scalar {
                    text: text.as_ref().into(),
                    style: Style::Literal,
                }),
            });
        }
        self.run.spend(text.len() / 16);
        let Ok(template) = hcl_edit::parser::parse_template(&text) else {
            return wrong(format!("{} is not a template", path.display()));
        };
        let variables: Vec<(&str, &Node)> = args
            .get(1)
            .map(|n| n.entries().map(|(k, v)| (&*k.text, v)).collect())
            .unwrap_or_default();
        self.with_all(&variables, None, &|scope| {
            scope.template(template.iter(), At::inside(whole), whole)
        })
    }

    /// Evaluates with several names bound and no others.
    fn with_all(
        self,
        names: &[(&str, &Node)],
        bound: Option<&Bind<'_>>,
        then: &dyn Fn(Scope<'_, 'w>) -> Eval,
    ) -> Eval {
        match names {
            // Templates have few variables. The bound protects the stack from hostile files.
            [(name, value), rest @ ..] if rest.len() < 200 => {
                let bind = Bind {
                    name,
                    value,
                    next: bound,
                };
                self.with_all(rest, Some(&bind), then)
            }
            _ => then(Scope {
                run: self.run,
                instance: self.instance,
                bind: bound,
            }),
        }
    }

    fn decode(self, node: &Node, span: Span) -> Eval {
        let Some(text) = node.as_str() else {
            // It was encoded in this configuration, and the tree was kept.
            return Ok(node.clone());
        };
        let sources = &self.run.repo().sources;
        let source = &sources.file(node.span.file).text;
        let mut written = node.clone();
        if let Value::Scalar(scalar) = &mut written.value
            && yaml::is_file(node.span, source)
            && **source == *text
        {
            // A whole file was read: its lines are in the file as they are.
            scalar.style = Style::Literal;
        }
        let stream = yaml::parse_embedded(&written, source, sources.chains());
        let Some(stream) = stream else {
            return wrong("the text cannot be decoded");
        };
        if let Some(error) = stream.errors.first() {
            return Err(Wrong(error.message.clone()));
        }
        Ok(stream.documents.into_iter().next().unwrap_or(Node {
            span,
            value: Value::Null,
        }))
    }
}
