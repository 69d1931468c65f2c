//! What Kubernetes would refuse or silently drop in a manifest: fields that are unknown, misplaced, missing,
//! of the wrong type or of a removed API version, and values that the API server's own validation refuses.
//!
//! A false alarm is worse than a miss. Fields that no table knows are not judged, nor is a value that a
//! template fills in, nor a null, which Kubernetes reads as absent, nor `status`, which it ignores.

mod check;
mod cursor;
mod place;
mod problem;
mod scalar;
mod table;
mod versions;

use cofferdam_syntax::tree::{Key, Node, Style, Value};
use cursor::Cursor;
use place::Hint;
pub use problem::{ProblemKind, SchemaProblem};
use scalar::Plain;
pub(in crate::kubernetes) use scalar::templated;
use table::{Table, Ty, Type};

fn place_name(belongs: &str) -> String {
    if belongs.is_empty() {
        "to the top of the object".to_owned()
    } else {
        format!("under `{belongs}`")
    }
}

/// Everything that Kubernetes would refuse or drop in a whole object, in the order of the text. An
/// object of a kind that no table knows has none. The items of a `List` are judged one by one.
pub fn validate(object: &Node) -> Vec<SchemaProblem> {
    run(object, false)
}

/// The same for a part of an object (an overlay's patch, a file of a build that failed): unknown and
/// misplaced fields and wrong types, never missing fields or relations of values.
pub fn validate_fragment(object: &Node) -> Vec<SchemaProblem> {
    run(object, true)
}

/// What a tree lacks that looks like an object of Kubernetes but has no `apiVersion` or no `kind`; `None` for
/// every other tree.
pub fn lacks(node: &Node) -> Option<SchemaProblem> {
    let map = |key: &str| {
        node.get(key)
            .and_then(Node::as_map)
            .is_some_and(|m| !m.is_empty())
    };
    let text = |key: &str| node.get(key).and_then(Node::as_str).filter(|t| !t.is_empty());
    let table = table::table();
    let field = match (text("apiVersion"), text("kind")) {
        (None, Some(kind)) if !table.versions(kind).is_empty() => "apiVersion",
        (Some(version), None) if versions::STABLE.contains(&version) => "kind",
        _ => return None,
    };
    let absent = node.get(field).is_none_or(Node::is_null);
    let is_object = absent && map("metadata") && ["spec", "data", "stringData"].iter().any(|key| map(key));
    let root = Cursor::root(node);
    is_object.then(|| SchemaProblem {
        kind: ProblemKind::Missing,
        path: field.to_owned(),
        span: root.get("metadata").map_or(root.span, |m| m.span),
    })
}

fn run(object: &Node, fragment: bool) -> Vec<SchemaProblem> {
    let mut walk = Walk {
        table: table::table(),
        fragment,
        out: Vec::new(),
    };
    walk.document(object, 0);
    walk.out.sort_by_key(|p| (p.span.file, p.span.start, p.span.end));
    walk.out
}

/// Paths of the images that OpenShift's triggers set, so that they may be missing: those of a
/// DeploymentConfig, and those of an annotation, which other kinds have.
fn images_of_triggers(object: &Node) -> Vec<String> {
    let triggers = object.at("spec/triggers").map_or(&[][..], Node::items);
    let named: Vec<&str> = triggers
        .iter()
        .filter_map(|trigger| trigger.at("imageChangeParams/containerNames"))
        .flat_map(Node::items)
        .filter_map(Node::as_str)
        .collect();
    let annotations = object.at("metadata/annotations");
    let annotated = annotations.is_some_and(|a| a.get("image.openshift.io/triggers").is_some());
    if named.is_empty() && !annotated {
        return Vec::new();
    }
    ["containers", "initContainers"]
        .iter()
        .flat_map(|list| {
            let place = format!("spec/template/spec/{list}");
            let containers = object.at(&place).map_or(&[][..], Node::items);
            containers.iter().enumerate().map(move |(index, container)| {
                let name = container.get("name").and_then(Node::as_str).unwrap_or("");
                (name, format!("spec.template.spec.{list}[{index}].image"))
            })
        })
        .filter(|(name, _)| annotated || named.contains(name))
        .map(|(_, path)| path)
        .collect()
}

/// Whether a trigger of OpenShift sets the image of a container.
pub fn has_image_of_trigger(object: &Node, container: &Node) -> bool {
    let name = container.get("name").and_then(Node::as_str).unwrap_or("");
    let lists = ["containers", "initContainers"];
    let paths = images_of_triggers(object);
    let mut places = lists.iter().flat_map(|list| {
        let place = format!("spec/template/spec/{list}");
        let containers = object.at(&place).map_or(&[][..], Node::items);
        containers
            .iter()
            .enumerate()
            .map(move |(index, c)| (*list, index, c))
    });
    !paths.is_empty()
        && places.any(|(list, index, c)| {
            c.get("name").and_then(Node::as_str) == Some(name)
                && paths.contains(&format!("spec.template.spec.{list}[{index}].image"))
        })
}

/// Nested lists that are followed; nobody writes more than one level.
const LIST_DEPTH: usize = 4;

struct Walk {
    table: &'static Table,
    fragment: bool,
    out: Vec<SchemaProblem>,
}

impl Walk {
    fn document(&mut self, object: &Node, depth: usize) {
        let (Some(version), Some(kind)) = (object.get("apiVersion"), object.get("kind")) else {
            return;
        };
        let (Some(version_text), Some(kind_text)) = (version.as_str(), kind.as_str()) else {
            return;
        };
        if kind_text == "List" && version_text == "v1" {
            if depth < LIST_DEPTH {
                for item in object.get("items").map_or(&[][..], Node::items) {
                    self.document(item, depth + 1);
                }
            }
            return;
        }
        let root = Cursor::root(object);
        if let Some(ty) = self.table.kind(version_text, kind_text) {
            let root = root.typed(ty);
            self.object(&root, ty);
            if !self.fragment {
                check::root(&root, ty, &mut self.out);
            }
            let triggered = images_of_triggers(object);
            self.out
                .retain(|p| p.kind != ProblemKind::Missing || !triggered.contains(&p.path));
            return;
        }
        self.unserved(&root, version, (version_text, kind_text));
    }

    /// An API version that does not have the kind, if that is certain.
    fn unserved(&mut self, root: &Cursor<'_>, version: &Node, (text, kind): (&str, &str)) {
        let problem = if let Some(gone) = versions::removed(text, kind) {
            ProblemKind::RemovedApi {
                since: gone.since.to_owned(),
                replacement: gone.replacement().map(str::to_owned),
            }
        } else if versions::STABLE.contains(&text)
            && let [right, ..] = self.table.versions(kind)
            && (versions::STABLE.contains(right) || right.contains(".k8s.io/"))
        {
            ProblemKind::InvalidValue {
                reason: format!("is `{text}`, which has no kind {kind}"),
                remedy: format!("Write `apiVersion: {right}`."),
            }
        } else if let Some(right) = self.other_number(text, kind) {
            ProblemKind::InvalidValue {
                reason: format!("is `{text}`, which Kubernetes does not have"),
                remedy: format!("Write `apiVersion: {right}`."),
            }
        } else {
            self.misspelt(root, (text, kind));
            return;
        };
        self.out.push(SchemaProblem {
            kind: problem,
            path: root.path_of("apiVersion"),
            span: version.span,
        });
    }

    /// For a version such as `apps/v2`, of a group that is Kubernetes' own and without a beta in it: the
    /// version that has the kind.
    fn other_number(&self, text: &str, kind: &str) -> Option<&'static str> {
        let (group, number) = text.split_once('/')?;
        let stable = number
            .strip_prefix('v')
            .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()));
        let own = matches!(group, "apps" | "autoscaling" | "batch" | "policy");
        let right = self.table.versions(kind).first()?;
        (stable && own && versions::STABLE.contains(right)).then_some(right)
    }

    /// A kind with wrong case: `deployment`.
    fn misspelt(&mut self, root: &Cursor<'_>, (text, kind): (&str, &str)) {
        let Some(right) = self.table.kind_like(text, kind) else {
            return;
        };
        let Some(at) = root.get("kind") else { return };
        self.out.push(SchemaProblem {
            kind: ProblemKind::InvalidValue {
                reason: format!("is `{kind}`, and {text} has the kind {right}"),
                remedy: format!("Write `kind: {right}`."),
            },
            path: root.path_of("kind"),
            span: at.node.span,
        });
    }

    fn object<'a>(&mut self, at: &'a Cursor<'a>, ty: &'a Type) {
        let Some(map) = at.node.as_map() else {
            return;
        };
        for (key, value) in map.iter() {
            match ty.field(&key.text) {
                Some(field) => self.value(&at.child(key, value), field.ty),
                None => self.unknown(at, ty, key),
            }
        }
        if self.fragment {
            return;
        }
        for name in &ty.required {
            if map.get(name).is_none_or(Node::is_null) {
                self.out.push(SchemaProblem {
                    kind: ProblemKind::Missing,
                    path: at.path_of(name),
                    span: at.span,
                });
            }
        }
        if let Some(check) = ty.check {
            check(at, &mut self.out);
        }
    }

    fn value(&mut self, at: &Cursor<'_>, ty: Ty) {
        match (&at.node.value, ty) {
            (Value::Null | Value::Unknown(_), _) | (_, Ty::Any) => {}
            (Value::Map(_), Ty::Object(_)) => {
                if let Some(ty) = self.table.object(ty) {
                    let typed = at.typed(ty);
                    self.object(&typed, ty);
                }
            }
            (Value::Map(map), Ty::Map(inner)) => {
                let inner = self.table.inner(inner);
                for (key, value) in map.iter() {
                    if !scalar::templated(&key.text) {
                        self.value(&at.child(key, value), inner);
                    }
                }
            }
            (Value::Seq(items), Ty::List(inner)) => {
                let inner = self.table.inner(inner);
                for (index, item) in items.iter().enumerate() {
                    self.value(&at.item(index, item), inner);
                }
            }
            (Value::Scalar(scalar), _) if scalar::templated(&scalar.text) => {}
            // `{name}` is a placeholder that a program fills in.
            (Value::Map(map), _) if scalar::braced(map) => {}
            (Value::Scalar(scalar), _) => self.scalar(at, scalar::resolve(scalar), &scalar.text, ty),
            _ => self.wrong_type(at, ty),
        }
    }

    fn scalar(&mut self, at: &Cursor<'_>, plain: Plain, text: &str, ty: Ty) {
        let fits = match (ty, plain) {
            (_, Plain::Unsure) | (Ty::Any, _) => true,
            (Ty::Text | Ty::Choice(_) | Ty::IntOrText | Ty::Bytes | Ty::Quantity, Plain::Text)
            | (Ty::Bool, Plain::Bool)
            | (Ty::Number | Ty::Quantity, Plain::Int(_) | Plain::Float(_)) => true,
            (Ty::Int32 | Ty::IntOrText, Plain::Int(value)) => i32::try_from(value).is_ok(),
            (Ty::Int64, Plain::Int(value)) => i64::try_from(value).is_ok(),
            // JSON treats `1.0` and `1e3` as whole numbers.
            (Ty::Int32 | Ty::Int64 | Ty::IntOrText, Plain::Float(value)) => value.fract() == 0.0,
            (Ty::Int32 | Ty::Int64 | Ty::Number | Ty::Bool, Plain::Text)
            | (Ty::Object(_) | Ty::List(_) | Ty::Map(_), Plain::Text) => {
                scalar::placeholder(text) && at.node_is_plain()
            }
            _ => false,
        };
        if !fits {
            self.wrong_type(at, ty);
            return;
        }
        if plain == Plain::Unsure {
            return;
        }
        match ty {
            Ty::Choice(values) if !text.is_empty() && !values.split('|').any(|v| v == text) => {
                self.out.push(invalid_choice(at, values, text));
            }
            Ty::Quantity if scalar::quantity(text).is_none() && !scalar::placeholder(text) => {
                self.out.push(SchemaProblem {
                    kind: ProblemKind::InvalidValue {
                        reason: format!("is `{text}`, which is not a quantity"),
                        remedy: quantity_remedy(text),
                    },
                    path: at.path(),
                    span: at.node.span,
                });
            }
            Ty::Bytes if !scalar::is_base64(text) => self.out.push(SchemaProblem {
                // The value may be a secret; it is never shown.
                kind: ProblemKind::InvalidValue {
                    reason: "is not base64".to_owned(),
                    remedy: "Encode the value, or write it under `stringData`.".to_owned(),
                },
                path: at.path(),
                span: at.node.span,
            }),
            _ => {}
        }
    }

    fn wrong_type(&mut self, at: &Cursor<'_>, ty: Ty) {
        let expected = match ty {
            Ty::Any => return,
            Ty::Text | Ty::Choice(_) | Ty::Bytes => "text",
            Ty::Int32 | Ty::Int64 => "a whole number",
            Ty::Number => "a number",
            Ty::Bool => "true or false",
            Ty::IntOrText => "a whole number or text",
            Ty::Quantity => "a quantity (500m, 1Gi)",
            Ty::Object(_) | Ty::Map(_) => "a map",
            Ty::List(_) => "a list",
        };
        let is_number = matches!(ty, Ty::Int32 | Ty::Int64 | Ty::Number | Ty::Bool | Ty::Quantity);
        self.out.push(SchemaProblem {
            kind: ProblemKind::WrongType {
                expected: expected.to_owned(),
                found: scalar::describe(at.node, !is_number),
            },
            path: at.path(),
            span: at.node.span,
        });
    }

    fn unknown(&mut self, at: &Cursor<'_>, ty: &Type, key: &Key) {
        let field = &*key.text;
        // sops adds its own section to an encrypted object and removes it when decrypting.
        let sops = at.up.is_none() && field == "sops";
        if sops || field.is_empty() || scalar::templated(field) || field == "<<" {
            return;
        }
        let kind = if let Some(moved) = versions::of_another_version(ty.name, field) {
            ProblemKind::OtherVersion {
                version: moved.version.to_owned(),
                instead: moved.instead.to_owned(),
            }
        } else {
            match place::hint(self.table, at, ty, field) {
                Hint::Near(name) => ProblemKind::Unknown { nearest: Some(name) },
                Hint::Belongs(path) => ProblemKind::Misplaced { belongs: path },
                Hint::Nothing => ProblemKind::Unknown { nearest: None },
            }
        };
        self.out.push(SchemaProblem {
            kind,
            path: at.path_of(field),
            span: key.span,
        });
    }
}

impl Cursor<'_> {
    fn node_is_plain(&self) -> bool {
        matches!(&self.node.value, Value::Scalar(s) if s.style == Style::Plain)
    }
}

fn invalid_choice(at: &Cursor<'_>, values: &str, text: &str) -> SchemaProblem {
    let listed: Vec<&str> = values.split('|').collect();
    let same = listed.iter().find(|v| v.eq_ignore_ascii_case(text));
    let remedy = match same {
        Some(value) => format!("Write `{value}`."),
        None => format!("Write one of {}.", listed.join(", ")),
    };
    SchemaProblem {
        kind: ProblemKind::InvalidValue {
            reason: format!("is `{text}`, which is not one of {}", listed.join(", ")),
            remedy,
        },
        path: at.path(),
        span: at.node.span,
    }
}

/// The quantity that was probably intended: `512MB` is `512M`, `1gb` is `1G`, `2GiB` is `2Gi`.
fn quantity_remedy(text: &str) -> String {
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (digits, unit) = text.split_at(end);
    let meant = match unit.trim().to_ascii_lowercase().as_str() {
        "kb" | "k" => "k",
        "mb" | "megabytes" => "M",
        "gb" | "g" => "G",
        "tb" | "t" => "T",
        "kib" | "ki" => "Ki",
        "mib" | "mi" => "Mi",
        "gib" | "gi" => "Gi",
        "tib" | "ti" => "Ti",
        _ => "",
    };
    if meant.is_empty() || digits.is_empty() {
        "Write a number with one of n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei or nothing.".to_owned()
    } else {
        format!("Write `{digits}{meant}`.")
    }
}

#[cfg(test)]
mod tests;
