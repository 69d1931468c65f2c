//! Maps and sets with a hash that is fast for short keys: paths and names are looked up a million times, and the hash of
//! the standard library takes as long as everything else in a look-up.

use hashbrown::DefaultHashBuilder;

/// A map by hash.
pub type HashMap<K, V> = std::collections::HashMap<K, V, DefaultHashBuilder>;

/// A set by hash.
pub type HashSet<T> = std::collections::HashSet<T, DefaultHashBuilder>;
