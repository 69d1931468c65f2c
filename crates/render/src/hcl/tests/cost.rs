//! Configurations that ask for more work and memory than any machine has.

use super::*;

/// The messages about what was left out, each with its line.
fn told(files: &[(&str, &str)]) -> (Terraform, Vec<(usize, String)>) {
    let repo = repo(files);
    let terraform = read(&repo);
    let told = terraform.problems.iter();
    let told = told
        .map(|problem| {
            let span = problem.span.unwrap();
            let text = &repo.sources.file(span.file).text[..span.start as usize];
            (text.matches('\n').count() + 1, problem.message.clone())
        })
        .collect();
    (terraform, told)
}

/// A chain of locals, each made of the one before, and a resource that uses the last.
fn doubled(first: &str, next: &str) -> String {
    let mut text = format!("locals {{\n  a0 = {first}\n");
    for n in 1..60 {
        let before = format!("local.a{}", n - 1);
        text += &format!("  a{n} = {}\n", next.replace('@', &before));
    }
    text + "}\nresource \"t\" \"r\" {\n  x = local.a59\n  y = 1\n}\nresource \"t\" \"s\" {\n  z = 2\n}\n"
}

#[test]
fn values_that_double_are_stopped_and_the_line_is_named() {
    for (first, next) in [
        ("[1, 2]", "concat(@, @)"),
        ("[1, 2]", "[@, @]"),
        ("[1, 2]", "flatten([@, @])"),
        ("[1, 2]", "[for x in [1, 2] : @]"),
        ("{ a = [1] }", "{ a = @, b = @ }"),
        ("[1, 2]", "[for x in range(100) : @]"),
    ] {
        let (terraform, told) = told(&[("main.tf", &doubled(first, next))]);
        let [(line, message)] = told.as_slice() else {
            panic!("{next}: {told:?}");
        };
        assert!(message.contains("too much time or memory"), "{next}: {message}");
        assert!((3..=61).contains(line), "{next}: line {line}");
        let resources = &terraform.roots[0].environments[0].resources;
        let x = resources.first().and_then(|r| r.body.get("x"));
        assert!(x.is_none_or(|x| matches!(x.value, Value::Unknown(_))), "{next}");
    }
    // These stop at a text of 1 MiB, and the rest is read.
    for (first, next) in [
        ("\"text\"", "\"${@}${@}\""),
        ("\"text\"", "join(\"\", [@, @])"),
        ("\"text\"", "format(\"%s%s\", @, @)"),
        ("\"xx\"", "replace(@, \"x\", \"xxx\")"),
    ] {
        let (terraform, told) = told(&[("main.tf", &doubled(first, next))]);
        assert_eq!(told, [], "{next}");
        let resources = &terraform.roots[0].environments[0].resources;
        assert_eq!(show(resources[0].body.get("y").unwrap()), "1", "{next}");
    }
}

#[test]
fn the_cost_of_functions_counts() {
    let list = "range(10000)";
    let large = format!("\"{}\"", "x".repeat(100_000));
    for expression in [
        format!("[for i in {list} : [for j in {list} : {list}]]"),
        format!("[for i in {list} : {large}]"),
        format!("[for i in {list} : upper({large})]"),
        format!("[for i in {list} : replace({large}, \"x\", \"y\")]"),
        format!("[for i in {list} : split(\"\", {large})]"),
        format!("[for i in {list} : distinct(range(2000))]"),
        format!("[for i in {list} : contains({list}, 10001)]"),
        format!("[for i in {list} : merge({{ for j in {list} : \"k${{j}}\" => j }}, {{}})]"),
        format!("[for i in {list} : zipmap({list}, {list})]"),
        format!("[for i in {list} : jsonencode({list})]"),
        format!("[for i in {list} : [for x in {list} : x if x > 3]]"),
        "\"%{ for i in range(10000) }%{ for j in range(10000) }%{ for k in range(10000) }%{ endfor }%{ endfor }%{ endfor }\""
            .to_owned(),
    ] {
        let text = format!("resource \"t\" \"r\" {{\n  x = {expression}\n}}\n");
        let (_, told) = told(&[("main.tf", &text)]);
        let shown: String = expression.chars().take(60).collect();
        assert!(
            matches!(told.as_slice(), [(2, message)] if message.contains("too much time or memory")),
            "{shown}: {told:?}"
        );
    }
}

#[test]
fn a_file_that_is_decoded_again_and_again_counts() {
    let json = format!("[{}]", vec!["1"; 50_000].join(","));
    let main = "resource \"t\" \"r\" {\n  x = [for i in range(1000) : jsondecode(file(\"a.json\"))]\n}\n";
    let (_, told) = told(&[("main.tf", main), ("a.json", &json)]);
    assert!(matches!(told.as_slice(), [(2, _)]), "{told:?}");
}

#[test]
fn repetitions_within_each_other_are_a_product_that_ends() {
    let files = |repeat: &str| -> Vec<(String, String)> {
        let call = |next: &str| format!("module \"m\" {{\n  source = \"{next}\"\n  {repeat}\n}}\n");
        vec![
            ("main.tf".to_owned(), call("./a")),
            ("a/main.tf".to_owned(), call("../b")),
            ("b/main.tf".to_owned(), call("../c")),
            (
                "c/main.tf".to_owned(),
                format!("resource \"t\" \"r\" {{\n  {repeat}\n}}\n"),
            ),
        ]
    };
    for repeat in ["count = 300", "for_each = toset(formatlist(\"%s\", range(300)))"] {
        // The second is not known, so that it is one instance for all.
        let files = files(repeat);
        let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
        let (terraform, told) = told(&files);
        let resources = terraform.roots[0].environments[0].resources.len();
        match repeat.starts_with("count") {
            true => assert!(told.len() == 1 && resources > 1_000, "{told:?}"),
            false => assert!(told.is_empty() && resources == 1, "{told:?}"),
        }
        assert!(resources < 100_000, "{resources}");
    }
}

#[test]
fn repetitions_that_are_left_out_are_told() {
    let (terraform, told) = told(&[(
        "main.tf",
        "resource \"t\" \"r\" {\n  count = 1500\n}\nresource \"t\" \"s\" {\n  for_each = toset([for i in range(1200) : \"${i}\"])\n}\n",
    )]);
    assert_eq!(terraform.roots[0].environments[0].resources.len(), 2_000);
    let wanted = [
        (2, "only the first 1000 of 1500 repetitions were read".to_owned()),
        (5, "only the first 1000 of 1200 repetitions were read".to_owned()),
    ];
    assert_eq!(told, wanted);
}

#[test]
fn values_within_values_stop_at_a_depth() {
    // Each resource asks for a local that is a few levels deeper, so that no single expression is deep.
    let mut text = "locals {\n  a0 = []\n".to_owned();
    for n in 1..400 {
        text += &format!("  a{n} = [local.a{}]\n", n - 1);
    }
    text += "}\n";
    for n in (0..400).step_by(20) {
        text += &format!("resource \"t\" \"r{n}\" {{\n  x = local.a{n}\n}}\n");
    }
    let (terraform, told) = told(&[("main.tf", &text)]);
    assert!(
        matches!(told.as_slice(), [(_, message)] if message.contains("200 levels")),
        "{told:?}"
    );
    let resources = &terraform.roots[0].environments[0].resources;
    assert_eq!(resources.len(), 20);
    let depth = |node: &Node| {
        let levels = std::iter::successors(Some(node), |node| node.items().first());
        levels.count()
    };
    assert!(resources.iter().all(|r| depth(r.body.get("x").unwrap()) <= 201));
}

#[test]
fn a_number_that_is_too_large_is_absent_and_the_rest_is_read() {
    let resources = only(&[(
        "main.tf",
        "resource \"t\" \"r\" {\n  x = 1e400\n  y = 5\n  z = [1, 1e999]\n}\n",
    )]);
    assert!(resources[0].body.get("x").is_none());
    assert_eq!(show(resources[0].body.get("y").unwrap()), "5");
    assert_eq!(show(resources[0].body.get("z").unwrap()), "[1,null]");
}

#[test]
fn many_roots_share_one_budget_and_small_ones_are_read_all_the_same() {
    let large = "resource \"t\" \"r\" {\n  x = [for i in range(10000) : range(2000)]\n}\n";
    let mut files: Vec<(String, &str)> = (0..8).map(|n| (format!("large{n}/main.tf"), large)).collect();
    files.extend((0..8).map(|n| {
        (
            format!("small{n}/main.tf"),
            "resource \"t\" \"r\" {\n  x = 1\n}\n",
        )
    }));
    let files: Vec<(&str, &str)> = files.iter().map(|(p, t)| (p.as_str(), *t)).collect();
    let (terraform, told) = told(&files);
    assert_eq!(told.len(), 8, "{told:?}");
    for root in terraform
        .roots
        .iter()
        .filter(|root| root.dir.starts_with("small"))
    {
        assert_eq!(root.environments[0].resources.len(), 1);
    }
    for root in terraform
        .roots
        .iter()
        .filter(|r| r.dir.to_string_lossy().starts_with("small"))
    {
        assert_eq!(
            show(root.environments[0].resources[0].body.get("x").unwrap()),
            "1"
        );
    }
}
