//! Broken lines under names that mean nothing: only that the file cannot be read tells that a text there may be a secret.

/// A path and a text that cannot be parsed; `{}` is the secret.
pub(super) const UNREAD: &[(&str, &str)] = &[
    (
        "main.tf",
        "resource \"x\" \"y\" {\n  a = join(\"\", [\"{}\" \"b\"])\n}\n",
    ),
    ("main.tf", "variable \"x\" {\n  default \"{}\"\n}\n"),
    ("main.tf", "locals {\n  a = {\n    b = \"{}\" c = 1\n  }\n}\n"),
    ("main.tf", "resource \"x\" \"y\" {\n  value = \"{}\" }\n}\n"),
    (
        "main.tf",
        "variable \"x\" {\n  sensitive = true\n  default = \"{}\n}\n",
    ),
    ("a.json", "{\n \"a\":{\n  \"b\" \"{}\"\n }\n}\n"),
    ("a.yaml", "\"a\": 1\n\"c\":\n  \"b\" \"{}\"\n"),
    ("a.yaml", "a:\n  b: '{}\n  c: 1\nd: [\n"),
    ("a.yaml", "kind: Secret\nb: \"x\n'{}'\nc: }\n"),
    ("cofferdam.yaml", "a: \"{}\" [\n"),
];
