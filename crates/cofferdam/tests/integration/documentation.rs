//! The documentation agrees with the repository: links lead somewhere, named files exist, and charts are what
//! the command draws.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use crate::{cofferdam, repository};

/// Every page for readers, with its path below the repository.
fn pages() -> Vec<(PathBuf, String)> {
    let mut files: Vec<PathBuf> = ["README.md", "SECURITY.md", "CHANGELOG.md"]
        .map(PathBuf::from)
        .into();
    let mut directories = vec![PathBuf::from("docs")];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(repository(&directory.display().to_string())).unwrap() {
            let entry = entry.unwrap();
            let path = directory.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                files.push(path);
            }
        }
    }
    files.sort();
    let text = |path: PathBuf| {
        let text = std::fs::read_to_string(repository(&path.display().to_string())).unwrap();
        (path, text)
    };
    files.into_iter().map(text).collect()
}

/// The lines of a page that are not in a block of code.
fn prose(page: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    page.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

/// The parts of a text outside (even) and inside (odd) of backticks.
fn by_backticks(text: &str) -> impl Iterator<Item = (bool, &str)> {
    text.split('`')
        .enumerate()
        .map(|(number, part)| (number % 2 == 1, part))
}

/// The targets of the links of a page.
fn links(page: &str) -> Vec<String> {
    let prose: Vec<&str> = prose(page).collect();
    // Code is left out, so that `a[b](c)` in it is not a link.
    let text: String = by_backticks(&prose.join("\n"))
        .filter(|(is_code, _)| !is_code)
        .map(|(_, part)| part)
        .collect();
    let target = |rest: &str| rest.split([')', ' ', '\n']).next().unwrap_or_default().to_owned();
    text.split("](").skip(1).map(target).collect()
}

/// The anchors of a page's headings, as GitHub and most other hosts make them.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let headings = prose(page).filter(|line| line.starts_with('#'));
    headings
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' '))
        .map(|heading| {
            let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
            let anchor: String = heading.trim().to_lowercase().chars().filter(kept).collect();
            let anchor = anchor.replace(' ', "-");
            let count = counts.entry(anchor.clone()).or_default();
            *count += 1;
            match *count {
                1 => anchor,
                n => format!("{anchor}-{}", n - 1),
            }
        })
        .collect()
}

/// A path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::Normal(name) => parts.push(name),
            _ => {}
        }
    }
    parts
}

/// The links of these pages that lead nowhere.
fn broken(pages: &[(PathBuf, String)], exists: &dyn Fn(&Path) -> bool) -> Vec<String> {
    let anchors: BTreeMap<&Path, BTreeSet<String>> = (pages.iter())
        .map(|(path, text)| (path.as_path(), anchors(text)))
        .collect();
    let mut broken = Vec::new();
    for (page, text) in pages {
        for link in links(text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (file, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => page.clone(),
                _ => normal(&page.parent().unwrap_or(Path::new("")).join(file)),
            };
            let has_anchor = || {
                anchors
                    .get(target.as_path())
                    .is_some_and(|all| all.contains(anchor))
            };
            if !exists(&target) {
                broken.push(format!("{}: {link}: no such file", page.display()));
            } else if !anchor.is_empty() && !has_anchor() {
                broken.push(format!("{}: {link}: no such heading", page.display()));
            }
        }
    }
    broken
}

#[test]
fn every_relative_link_leads_to_a_file_and_a_heading() {
    let pages = pages();
    assert!(pages.len() > 90, "{}", pages.len());
    let broken = broken(&pages, &|path| repository(&path.display().to_string()).exists());
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn a_link_to_nothing_is_found() {
    let page = "# One `two`, three\n# One `two`, three\n[a](#one-two-three) [b](#one-two-three-1) [c](#four)\n\
                [d](../README.md) [e](gone.md) `[f](gone.md)` [g](https://example.net/#x)\n```\n[h](gone.md)\n```\n";
    let pages = [
        (PathBuf::from("docs/a.md"), page.to_owned()),
        (PathBuf::from("README.md"), String::new()),
    ];
    let exists = |path: &Path| pages.iter().any(|(page, _)| page == path);
    assert_eq!(
        broken(&pages, &exists),
        [
            "docs/a.md: #four: no such heading",
            "docs/a.md: gone.md: no such file"
        ]
    );
}

#[test]
fn every_file_of_the_repository_that_a_page_names_exists() {
    let tops = [
        "crates/",
        "docs/",
        "schemas/",
        "examples/",
        "fuzz/",
        "benches/",
        "tools/",
    ];
    let mut missing = Vec::new();
    for (page, text) in pages() {
        // The pages of rules name files of their examples.
        if page.starts_with("docs/rules") || page.starts_with("docs/scenarios") {
            continue;
        }
        let prose: Vec<&str> = prose(&text).collect();
        for (_, code) in by_backticks(&prose.join("\n")).filter(|(is_code, _)| *is_code) {
            // Names that begin with a dot are made by the commands that the page describes.
            let is_path = tops.iter().any(|top| code.starts_with(top))
                && !code.contains([' ', '\n', '*', '{', '<'])
                && !code.contains("/.");
            // `docs/rules/ID.md` stands for every page.
            let is_pattern = code.split(['/', '.']).any(|part| {
                part.len() > 1 && part.chars().all(|c| c.is_ascii_uppercase()) && !matches!(part, "README")
            });
            if is_path && !is_pattern && !repository(code).exists() {
                missing.push(format!("{}: {code}", page.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn the_charts_of_the_guide_are_what_simulate_draws() {
    for scenario in ["connection-storm", "retry-storm"] {
        let output = cofferdam()
            .arg("simulate")
            .arg(repository("examples/clean-platform"))
            .args(["--scenario", scenario, "--format", "svg"])
            .output()
            .unwrap();
        let file = format!("docs/images/{scenario}.svg");
        let shown = std::fs::read_to_string(repository(&file)).unwrap();
        assert!(
            shown == String::from_utf8(output.stdout).unwrap(),
            "{file} is out of date: cofferdam simulate examples/clean-platform --scenario {scenario} --format svg > {file}"
        );
    }
}
