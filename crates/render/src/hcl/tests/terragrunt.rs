//! Units of Terragrunt: what each deploys, and with which values.

use super::*;
use cofferdam_syntax::tree::Value;

const MODULE: (&str, &str) = (
    "modules/db/main.tf",
    "variable \"name\" {}\nvariable \"size\" { default = 1 }\nvariable \"region\" { default = \"none\" }\nresource \"r\" \"a\" {\n  name   = var.name\n  size   = var.size\n  region = var.region\n}\n",
);

/// The units: directory, environment, and the arguments of the one resource.
fn units(files: &[(&str, &str)]) -> Vec<(String, Option<String>, [Option<String>; 3])> {
    let mut all = vec![MODULE];
    all.extend(files);
    let found = terraform(&all);
    let roots = found.roots.iter().filter(|root| root.dir.ends_with("modules/db"));
    let values = roots.flat_map(|root| &root.environments);
    values
        .map(|values| {
            let body = &values.resources[0].body;
            let text = |key: &str| match &body.get(key)?.value {
                Value::Unknown(_) => Some("?".to_owned()),
                _ => body.get(key)?.as_str().map(str::to_owned),
            };
            let dir = values
                .unit
                .as_ref()
                .map_or_else(String::new, |dir| dir.display().to_string());
            (
                dir,
                values.environment.clone(),
                [text("name"), text("size"), text("region")],
            )
        })
        .collect()
}

fn unit(
    dir: &str,
    environment: Option<&str>,
    values: [&str; 3],
) -> (String, Option<String>, [Option<String>; 3]) {
    let values = values.map(|value| Some(value.to_owned()));
    (dir.to_owned(), environment.map(str::to_owned), values)
}

#[test]
fn each_unit_deploys_its_module_with_its_inputs() {
    let of = |name: &str, more: &str| {
        format!(
            "terraform {{\n  source = \"../../../modules//db\"\n}}\nlocals {{\n  base = \"{name}\"\n}}\ninputs = {{\n  name = \"${{local.base}}-db\"\n{more}}}\n"
        )
    };
    let (dev, prod) = (of("a", ""), of("b", "  size = 3\n"));
    assert_eq!(
        units(&[
            ("live/dev/db/terragrunt.hcl", &dev),
            ("live/prod/db/terragrunt.hcl", &prod)
        ]),
        [
            unit("live/dev/db", Some("development"), ["a-db", "1", "none"]),
            unit("live/prod/db", Some("production"), ["b-db", "3", "none"]),
        ]
    );
}

#[test]
fn the_directories_of_units_name_environments_where_others_beside_them_do_too() {
    let own = "terraform {\n  source = \"../../../modules/db\"\n}\ninputs = {\n  name = \"u\"\n}\n";
    let of = |paths: &[&str]| -> Vec<Option<String>> {
        let files: Vec<(String, &str)> = paths
            .iter()
            .map(|p| (format!("{p}/terragrunt.hcl"), own))
            .collect();
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
        units(&files)
            .into_iter()
            .map(|(_, environment, _)| environment)
            .collect()
    };
    let name = |name: &str| Some(name.to_owned());
    assert_eq!(
        of(&[
            "accounts/shop-prod/app",
            "accounts/shop-staging/app",
            "accounts/root/app"
        ]),
        [None, name("production"), name("staging")]
    );
    assert_eq!(of(&["accounts/shop-prod/app", "accounts/root/app"]), [None, None]);
}

#[test]
fn inputs_come_from_included_and_read_files_and_the_own_ones_count() {
    let root = "locals {\n  env = read_terragrunt_config(find_in_parent_folders(\"env.hcl\"))\n}\ninputs = {\n  region = local.env.locals.region\n  size   = 7\n  name   = \"root\"\n}\n";
    let env = "locals {\n  region = \"eu\"\n}\n";
    let own = "include \"root\" {\n  path = find_in_parent_folders(\"root.hcl\")\n}\nterraform {\n  source = \"${get_repo_root()}//modules/db\"\n}\ninputs = {\n  name = basename(get_terragrunt_dir())\n}\n";
    assert_eq!(
        units(&[
            ("root.hcl", root),
            ("live/env.hcl", env),
            ("live/orders/terragrunt.hcl", own)
        ]),
        [unit("live/orders", None, ["orders", "7", "eu"])]
    );
}

#[test]
fn what_a_dependency_or_a_command_gives_is_unknown() {
    let own = "terraform {\n  source = \"../../modules/db\"\n}\ndependency \"vpc\" {\n  config_path = \"../vpc\"\n}\ninputs = {\n  name   = dependency.vpc.outputs.id\n  size   = run_cmd(\"x\")\n  region = local.gone\n}\n";
    assert_eq!(
        units(&[("live/a/terragrunt.hcl", own)]),
        [unit("live/a", None, ["?", "?", "?"])]
    );
    let found = terraform(&[MODULE, ("live/a/terragrunt.hcl", own)]);
    assert!(
        found
            .roots
            .iter()
            .flat_map(|r| &r.environments)
            .all(|v| v.dangling.is_empty())
    );
}

#[test]
fn a_module_that_another_one_calls_is_deployed_where_a_unit_names_it() {
    let own = "terraform {\n  source = \"../../modules/db\"\n}\ninputs = {\n  name = \"u\"\n}\n";
    let stack = "module \"db\" {\n  source = \"../modules/db\"\n  name   = \"s\"\n}\n";
    let files = [("stack/main.tf", stack), ("live/a/terragrunt.hcl", own)];
    assert_eq!(units(&files), [unit("live/a", None, ["u", "1", "none"])]);
    // Without a unit it is only a part of what calls it.
    assert_eq!(units(&files[..1]), []);
}

#[test]
fn files_that_read_one_another_end() {
    let own = "terraform {\n  source = \"../../modules/db\"\n}\nlocals {\n  me = read_terragrunt_config(\"terragrunt.hcl\")\n}\ninputs = {\n  name = local.me.locals.me.locals.x\n}\n";
    let found = units(&[("live/a/terragrunt.hcl", own)]);
    assert_eq!(found[0].2[0].as_deref(), Some("?"));
}
