//! The field tables: parsed once from the text files beside this one, whose names they borrow. An invalid
//! line is skipped; a test makes sure that there is none.

use super::check::{self, Check};
use cofferdam_syntax::hash::HashMap;
use std::sync::OnceLock;

/// Fields of Kubernetes' own kinds; written by `tools/kubernetes_fields.py`.
const BUILTIN: &str = include_str!("data/builtin.txt");
/// Fields of well-known custom kinds; written by hand.
const CUSTOM: &str = include_str!("data/custom.txt");

/// The type of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ty {
    /// Anything; not examined.
    Any,
    /// Text.
    Text,
    /// Text from a closed set, separated by `|`.
    Choice(&'static str),
    /// Whole number of 32 bits.
    Int32,
    /// Whole number of 64 bits.
    Int64,
    /// Any number.
    Number,
    /// `true` or `false`.
    Bool,
    /// A whole number or text (ports, shares).
    IntOrText,
    /// A number with a unit (`500m`, `1Gi`), as text or number.
    Quantity,
    /// Base64 text.
    Bytes,
    /// A map with known fields: index of its type.
    Object(u32),
    /// A list: index of the type of its items.
    List(u32),
    /// A map with free keys: index of the type of its values.
    Map(u32),
}

/// A field of a type.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) ty: Ty,
}

/// A map with known fields.
#[derive(Debug)]
pub(super) struct Type {
    /// Name in the table (`core.v1.Container`).
    pub(super) name: &'static str,
    /// Its fields by name.
    fields: Vec<Field>,
    /// Names of the required fields.
    pub(super) required: Vec<&'static str>,
    /// The server's checks beyond fields and types.
    pub(super) check: Option<Check>,
}

impl Type {
    /// The field called `name`.
    pub(super) fn field(&self, name: &str) -> Option<&Field> {
        let index = self.fields.binary_search_by(|f| f.name.cmp(name)).ok()?;
        self.fields.get(index)
    }

    /// All fields, by name.
    pub(super) fn fields(&self) -> &[Field] {
        &self.fields
    }
}

/// All tables.
#[derive(Debug, Default)]
pub(super) struct Table {
    kinds: HashMap<(&'static str, &'static str), u32>,
    /// API versions in which a kind is known, first the built-in ones.
    versions: HashMap<&'static str, Vec<&'static str>>,
    types: Vec<Type>,
    inner: Vec<Ty>,
    /// Invalid lines, for the test.
    pub(super) bad_lines: Vec<String>,
}

/// The tables, parsed at the first call.
pub(super) fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| Table::parse(&[BUILTIN, CUSTOM]))
}

impl Table {
    /// Type of an object by its `apiVersion` and `kind`.
    pub(super) fn kind(&self, version: &str, kind: &str) -> Option<&Type> {
        self.types.get(*self.kinds.get(&(version, kind))? as usize)
    }

    /// Every `apiVersion` and `kind` of the tables.
    #[cfg(test)]
    pub(super) fn kinds(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.kinds.keys().copied()
    }

    /// The kind of an API version that differs from `kind` only in case.
    pub(super) fn kind_like(&self, version: &str, kind: &str) -> Option<&'static str> {
        let mut like = self
            .kinds
            .keys()
            .filter(|(v, k)| *v == version && k.eq_ignore_ascii_case(kind));
        like.next().map(|(_, kind)| *kind)
    }

    /// API versions that have `kind`.
    pub(super) fn versions(&self, kind: &str) -> &[&'static str] {
        self.versions.get(kind).map_or(&[], Vec::as_slice)
    }

    /// The type that `ty` is a map of, if it is one.
    pub(super) fn object(&self, ty: Ty) -> Option<&Type> {
        match ty {
            Ty::Object(index) => self.types.get(index as usize),
            _ => None,
        }
    }

    /// The type of the items of a list or the values of a map.
    pub(super) fn inner(&self, index: u32) -> Ty {
        self.inner.get(index as usize).copied().unwrap_or(Ty::Any)
    }

    fn parse(texts: &[&'static str]) -> Table {
        let mut table = Table::default();
        let lines = || {
            texts
                .iter()
                .flat_map(|t| t.lines())
                .map(str::trim)
                .filter(|l| !l.is_empty() && !l.starts_with('#'))
        };
        let mut names: HashMap<&'static str, u32> = HashMap::default();
        for line in lines() {
            if let Some(name) = line.strip_prefix("@type ") {
                names.insert(name, index(table.types.len()));
                table.types.push(Type {
                    name,
                    fields: Vec::new(),
                    required: Vec::new(),
                    check: check::of_type(name),
                });
            }
        }
        let mut current = None;
        for line in lines() {
            let understood = if let Some(name) = line.strip_prefix("@type ") {
                current = names.get(name).copied();
                current.is_some()
            } else if let Some(kind) = line.strip_prefix("@kind ") {
                table.add_kind(kind, &names).is_some()
            } else {
                table.add_field(line, current, &names).is_some()
            };
            if !understood {
                table.bad_lines.push(line.to_owned());
            }
        }
        for ty in &mut table.types {
            ty.fields.sort_by_key(|f| f.name);
        }
        table
    }

    fn add_kind(&mut self, line: &'static str, names: &HashMap<&'static str, u32>) -> Option<()> {
        let mut words = line.split(' ');
        let (version, kind, name) = (words.next()?, words.next()?, words.next()?);
        self.kinds.insert((version, kind), *names.get(name)?);
        self.versions.entry(kind).or_default().push(version);
        Some(())
    }

    fn add_field(
        &mut self,
        line: &'static str,
        current: Option<u32>,
        names: &HashMap<&'static str, u32>,
    ) -> Option<()> {
        let (name, ty) = line.split_once(' ')?;
        let ty = self.parse_type(ty, names)?;
        let owner = self.types.get_mut(current? as usize)?;
        let bare = name.strip_suffix('!').unwrap_or(name);
        if bare.len() < name.len() {
            owner.required.push(bare);
        }
        owner.fields.push(Field { name: bare, ty });
        Some(())
    }

    fn parse_type(&mut self, text: &'static str, names: &HashMap<&'static str, u32>) -> Option<Ty> {
        if let Some(inside) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
            let item = self.parse_type(inside, names)?;
            return Some(Ty::List(self.add_inner(item)));
        }
        if let Some(inside) = text.strip_prefix('{').and_then(|t| t.strip_suffix('}')) {
            let item = self.parse_type(inside, names)?;
            return Some(Ty::Map(self.add_inner(item)));
        }
        if let Some(values) = text.strip_prefix("string=") {
            return Some(Ty::Choice(values));
        }
        Some(match text {
            "any" => Ty::Any,
            "string" => Ty::Text,
            "int32" => Ty::Int32,
            "int64" => Ty::Int64,
            "number" => Ty::Number,
            "bool" => Ty::Bool,
            "intstr" => Ty::IntOrText,
            "quantity" => Ty::Quantity,
            "bytes" => Ty::Bytes,
            name => Ty::Object(*names.get(name)?),
        })
    }

    fn add_inner(&mut self, ty: Ty) -> u32 {
        if let Some(known) = self.inner.iter().position(|t| *t == ty) {
            return index(known);
        }
        self.inner.push(ty);
        index(self.inner.len() - 1)
    }
}

fn index(length: usize) -> u32 {
    // The tables have a few hundred types.
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_tables_is_parsed() {
        assert_eq!(table().bad_lines, Vec::<String>::new());
        assert!(table().types.len() > 300);
    }

    #[test]
    fn every_check_belongs_to_a_type() {
        let known: Vec<&str> = table().types.iter().map(|t| t.name).collect();
        for name in check::names() {
            assert!(known.contains(&name), "{name} is checked but not in the tables");
        }
    }

    #[test]
    fn every_type_is_declared_once_and_every_field_of_it_once() {
        let mut names: Vec<&str> = table().types.iter().map(|t| t.name).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|w| w[0] != w[1]));
        for ty in &table().types {
            assert!(
                ty.fields.windows(2).all(|w| w[0].name != w[1].name),
                "{} has a field twice",
                ty.name
            );
        }
    }

    #[test]
    fn lists_and_maps_nest() {
        let table = Table::parse(&["@type a\nx! {[b]}\n@type b\ny string=P|Q\n@kind v1 A a"]);
        assert_eq!(table.bad_lines, Vec::<String>::new());
        let a = table.kind("v1", "A").unwrap();
        assert_eq!(a.required, ["x"]);
        let Ty::Map(list) = a.field("x").unwrap().ty else {
            panic!("a map")
        };
        let Ty::List(item) = table.inner(list) else {
            panic!("a list")
        };
        let b = table.object(table.inner(item)).unwrap();
        assert_eq!(b.field("y").unwrap().ty, Ty::Choice("P|Q"));
    }
}
