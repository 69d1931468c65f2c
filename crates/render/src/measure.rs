//! How large a value is, to bound what is made of it.

use cofferdam_syntax::tree::{Key, Node, Value};

/// Bytes that one part of a value takes, about.
pub(crate) const NODE_BYTES: usize = 64;

/// Levels of lists and maps that a value may have: as many as a file of YAML.
pub(crate) const MAX_DEPTH: usize = 200;

/// Number of parts of a value; a long text counts as many.
pub(crate) fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Seq(items) => items.iter().map(size).sum(),
        Value::Map(map) => {
            let entry = |(key, value): (&Key, &Node)| 1 + key.text.len() / 64 + size(value);
            map.iter().map(entry).sum()
        }
        Value::Scalar(scalar) => scalar.text.len() / 64,
        Value::Unknown(_) | Value::Null => 0,
    }
}

/// The same for the node alone, whose parts were counted when they were made.
pub(crate) fn own_size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Seq(items) => items.len(),
        Value::Map(map) => map.len(),
        Value::Scalar(scalar) => scalar.text.len() / 64,
        Value::Unknown(why) => why.len() / 64,
        Value::Null => 0,
    }
}

/// The most items or entries that a list or map in a value has.
pub(crate) fn widest(node: &Node) -> usize {
    match &node.value {
        Value::Seq(items) => items.iter().map(widest).max().unwrap_or(0).max(items.len()),
        Value::Map(map) => {
            let inner = map.iter().map(|(_, value)| widest(value)).max();
            inner.unwrap_or(0).max(map.len())
        }
        _ => 0,
    }
}

/// Whether lists and maps are nested more than `levels` deep.
pub(crate) fn is_deeper(node: &Node, levels: usize) -> bool {
    if !matches!(node.value, Value::Seq(_) | Value::Map(_)) {
        return false;
    }
    let Some(below) = levels.checked_sub(1) else {
        return true;
    };
    let mut parts = node.items().iter().chain(node.entries().map(|(_, value)| value));
    parts.any(|part| is_deeper(part, below))
}

#[cfg(test)]
mod tests {
    use super::*;
    use cofferdam_syntax::{FileId, yaml};

    fn tree(text: &str) -> Node {
        yaml::parse(text, FileId(0), 0).documents.remove(0)
    }

    #[test]
    fn a_value_has_a_size_a_width_and_a_depth() {
        let node = tree("a: [1, 2, {b: x}]\nc: d\n");
        // The map and two keys; the list and its items; the map in it with a key and a value; the last text.
        assert_eq!(size(&node), 3 + 3 + 3 + 1);
        assert_eq!(size(&tree(&"x".repeat(640))), 11);
        assert_eq!((own_size(&node), widest(&node)), (3, 3));
        assert!(is_deeper(&node, 2) && !is_deeper(&node, 3));
        assert!(is_deeper(&tree("[]"), 0) && !is_deeper(&tree("a"), 0));
    }
}
