//! States of Terraform: what one root module stores and another reads. A state that a root of this tree stores is read
//! here with that root, and nothing of it is made elsewhere.

use crate::pipeline::sources::Sources;
use cofferdam_render::hcl::Resource;
use std::collections::BTreeSet;

/// Where a state is stored: the bucket or container, where one is named, and the name in it.
pub(super) type State = (Option<String>, String);

/// Settings of backends that name the state in its bucket.
const NAMES: &[&str] = &["key", "prefix", "path", "address"];

/// Settings of backends that name the bucket.
const BUCKETS: &[&str] = &["bucket", "container_name", "organization"];

/// The state that a data source reads, where its configuration is known.
pub(super) fn of_data(resource: &Resource) -> Option<State> {
    if resource.kind != "terraform_remote_state" {
        return None;
    }
    let config = resource.body.get("config")?;
    let text = |keys: &[&str]| {
        let mut known = keys.iter().filter_map(|key| config.get(key)?.as_str());
        known.next().map(str::to_owned)
    };
    Some((text(BUCKETS), text(NAMES)?))
}

/// The states that the root modules of this tree store.
pub(super) fn of_roots(sources: &Sources<'_>) -> BTreeSet<State> {
    let files = sources.terraform.roots.iter().flat_map(|root| {
        let below = sources.repo.files.below(&root.dir);
        below.filter(|(path, _)| {
            path.parent() == Some(&*root.dir) && path.extension().is_some_and(|e| e == "tf")
        })
    });
    files
        .filter_map(|(path, _)| of_text(sources.repo.text(path)?))
        .collect()
}

/// The state that the backend in a file of Terraform names.
fn of_text(text: &str) -> Option<State> {
    let is_comment = |line: &&str| line.starts_with(['#', '/']);
    let mut lines = text.lines().map(str::trim).filter(|line| !is_comment(line));
    lines.find(|line| line.starts_with("backend \""))?;
    let (mut bucket, mut name) = (None, None);
    for line in lines.take_while(|line| !line.starts_with('}')) {
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let value = || Some(value.split('"').nth(1)?.to_owned());
        let key = key.trim();
        if NAMES.contains(&key) {
            name = name.or_else(value);
        } else if BUCKETS.contains(&key) {
            bucket = bucket.or_else(value);
        }
    }
    Some((bucket, name?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backend_names_where_the_state_is_stored() {
        let of = |text: &str| of_text(text);
        assert_eq!(
            of(
                "terraform {\n  # backend \"x\"\n  backend \"s3\" {\n    bucket = \"states\"\n    key    = \"a/b.tfstate\"\n  }\n}\n"
            ),
            Some((Some("states".to_owned()), "a/b.tfstate".to_owned()))
        );
        assert_eq!(
            of("backend \"gcs\" {\n  prefix = \"x\"\n}\nkey = \"y\"\n"),
            Some((None, "x".to_owned()))
        );
        assert_eq!(of("backend \"s3\" {}\n"), None);
        assert_eq!(of("key = \"x\"\n"), None);
    }
}
