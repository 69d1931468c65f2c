//! How often one process does something: the loops around the calls that lead to it.

use super::found::{Enclosing, Found, Repeat};
use super::scope::{ClassId, FunctionId, Scope, Symbols};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The maximum number of scopes around a call that are looked at.
const MAX_SCOPES: usize = 200;

/// Who calls each function and who builds each class, looked up once: a module may have thousands of both.
pub(super) struct Callers<'f> {
    of_functions: HashMap<FunctionId, Vec<Caller<'f>>>,
    of_classes: BTreeMap<ClassId, Vec<Caller<'f>>>,
    /// The answers so far; what is in one scope is repeated equally often.
    known: BTreeMap<Scope, Option<Repeat>>,
}

/// The scope of a call, and how often it is repeated there.
type Caller<'f> = (Scope, &'f Option<Repeat>);

impl<'f> Callers<'f> {
    pub(super) fn of(found: &'f Found) -> Self {
        let mut callers = Callers {
            of_functions: HashMap::default(),
            of_classes: BTreeMap::new(),
            known: BTreeMap::new(),
        };
        for edge in &found.edges {
            let known = callers.of_functions.entry(edge.to).or_default();
            known.push((edge.from, &edge.repeated));
        }
        for instance in found.instances.iter().filter(|i| i.from.class != Some(i.class)) {
            let known = callers.of_classes.entry(instance.class).or_default();
            known.push((instance.from, &instance.repeated));
        }
        callers
    }

    /// How often one process runs the code at `place`: the nearest loop or list of threads around it, or around
    /// the calls that lead to it.
    pub(super) fn repeated(&mut self, symbols: &Symbols<'_>, place: &Enclosing) -> Option<Repeat> {
        if let Some(repeat) = &place.repeated {
            return Some(repeat.clone());
        }
        if let Some(known) = self.known.get(&place.scope) {
            return known.clone();
        }
        let answer = self.around(symbols, place.scope);
        self.known.insert(place.scope, answer.clone());
        answer
    }

    fn around(&self, symbols: &Symbols<'_>, scope: Scope) -> Option<Repeat> {
        let mut seen = BTreeSet::new();
        let mut pending = vec![scope];
        while let Some(scope) = pending.pop() {
            if !seen.insert(scope) {
                continue;
            }
            if seen.len() > MAX_SCOPES {
                break;
            }
            let callers = scope
                .function
                .and_then(|function| self.of_functions.get(&function));
            let builders = scope.class.and_then(|class| self.of_classes.get(&class));
            let callers = callers.into_iter().flatten().filter(|(from, _)| *from != scope);
            for (from, repeat) in callers.chain(builders.into_iter().flatten()) {
                if let Some(repeat) = repeat {
                    return Some(repeat.clone());
                }
                pending.push(*from);
            }
            // A function inside a function runs as often as the outer one.
            if let Some(function) = scope.function {
                let outer = symbols.function(function).outer;
                if outer.function.is_some() {
                    pending.push(outer);
                }
            }
        }
        None
    }
}
