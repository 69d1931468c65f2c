//! Follows a name from module to module to the value that it has.

use super::dotted::absolute;
use super::project::Project;
use cofferdam_code::python::Module;
use cofferdam_code::python::value::{PyValue, Val};
use std::path::Path;

/// The maximum number of names that are followed from module to module.
pub(super) const MAX_IMPORTS: u8 = 6;

impl<'m> Project<'m> {
    /// The value that a dotted name imported by `from` has in another module.
    pub(super) fn lookup(&self, from: &Module, name: &str, steps: u8) -> Option<(&'m Module, Val)> {
        let steps = steps.checked_sub(1)?;
        let name = absolute(&from.path, name);
        let parts: Vec<&str> = name.split('.').filter(|p| !p.is_empty()).collect();
        for cut in (1..parts.len()).rev() {
            let Some(module) = self.module(from, &parts[..cut]) else {
                continue;
            };
            let symbol = parts[cut..].join(".");
            if let Some(found) = self.symbol(module, &symbol, steps) {
                return Some(found);
            }
        }
        None
    }

    /// The module with the name `path`.
    pub(super) fn module(&self, from: &Module, path: &[&str]) -> Option<&'m Module> {
        let file = self.file(&from.path, path)?;
        let at = self.module_of.get(self.files[file].0.as_path())?;
        Some(self.modules[*at])
    }

    /// The file with the dotted name `path`, the nearest to `from` if there are several.
    pub(super) fn file(&self, from: &Path, path: &[&str]) -> Option<usize> {
        let tail = path.join(".");
        let inner = format!(".{tail}");
        let near = |at: usize| {
            let shared = self.files[at].0.iter().zip(from.iter());
            (shared.take_while(|(a, b)| a == b).count(), std::cmp::Reverse(at))
        };
        self.by_last
            .get(*path.last()?)?
            .iter()
            .filter(|(_, name)| *name == tail || name.ends_with(&inner))
            .map(|(at, _)| *at)
            .max_by_key(|at| near(*at))
    }

    /// The value of `symbol` (`NAME`, `NAME.attribute`, `function.key`) in a module.
    fn symbol(&self, module: &'m Module, symbol: &str, steps: u8) -> Option<(&'m Module, Val)> {
        let steps = steps.checked_sub(1)?;
        if let Some(value) = module.exports.get(symbol) {
            return match &value.value {
                PyValue::Ref(name) if &**name != symbol && module.exports.contains_key(&**name) => {
                    self.symbol(module, name, steps)
                }
                PyValue::Ref(name) => self.lookup(module, name, steps),
                _ => Some((module, value.clone())),
            };
        }
        // An attribute of an object, an item of a dictionary.
        let (owner, last) = symbol.rsplit_once('.')?;
        let (found_in, value) = self.symbol(module, owner, steps)?;
        match &value.value {
            PyValue::Object(object) => self.member(found_in, &object.class, last, steps),
            PyValue::Dict(_) | PyValue::ByEnvironment(_) => Some((found_in, value.item(last)?)),
            _ => None,
        }
    }

    /// An attribute of a class, which the module defines or imports.
    fn member(&self, module: &'m Module, class: &str, name: &str, steps: u8) -> Option<(&'m Module, Val)> {
        let inside = format!("{class}.{name}");
        match module.exports.get(&inside) {
            Some(_) => self.symbol(module, &inside, steps),
            None => self.lookup(module, &inside, steps),
        }
    }
}
