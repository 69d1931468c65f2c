//! Names that lead somewhere, and names that lead nowhere.

use super::*;

#[test]
fn undeclared_names_are_reported_with_the_nearest_declared_name() {
    let terraform = terraform(&[
        (
            "main.tf",
            r#"
variable "threshold" { default = 1 }
locals {
  a = local.b
  b = local.a
}
module "gone" { source = "./modules/gone" }
module "m" {
  source = "./m"
  nmae   = "x"
}
module "registry" {
  source = "terraform-aws-modules/rds/aws"
  engine = "postgres"
}
resource "t" "r" {
  a = var.treshold
  b = local.a
  c = t.absent.id
  d = module.m.nothing
}
"#,
        ),
        ("m/main.tf", "variable \"name\" { default = \"\" }\n"),
    ]);
    let shown: Vec<String> = terraform.roots[0].environments[0]
        .dangling
        .iter()
        .map(|d| format!("{:?} {} {:?}", d.what, d.name, d.nearest))
        .collect();
    for wanted in [
        "Variable treshold Some(\"threshold\")",
        "Cycle a None",
        "ModuleDirectory modules/gone None",
        "Argument nmae of module m Some(\"name\")",
        "Resource t.absent None",
        "Output nothing None",
    ] {
        assert!(shown.iter().any(|s| s == wanted), "{wanted} in {shown:?}");
    }
    assert_eq!(shown.len(), 6);
    let registry = &terraform.roots[0].environments[0].modules[0];
    assert_eq!(registry.source.as_deref(), Some("terraform-aws-modules/rds/aws"));
    assert_eq!(registry.body.get("engine").unwrap().as_str(), Some("postgres"));
}

#[test]
fn modules_that_call_each_other_are_read_once_and_reported() {
    let terraform = terraform(&[
        (
            "a/main.tf",
            "module \"b\" { source = \"../b\" }\nresource \"t\" \"r\" {}\n",
        ),
        ("b/main.tf", "module \"a\" { source = \"../a\" }\n"),
    ]);
    assert_eq!(terraform.roots.len(), 1);
    assert_eq!(
        terraform.roots[0].environments[0].dangling[0].what,
        Missing::Cycle
    );
    assert_eq!(terraform.roots[0].environments[0].resources.len(), 1);
}

/// What is dangling in the roots of these files, as `what name`.
fn dangling(files: &[(&str, &str)]) -> Vec<String> {
    let terraform = terraform(files);
    let roots = terraform.roots.iter().flat_map(|root| &root.environments);
    roots
        .flat_map(|values| &values.dangling)
        .map(|d| format!("{:?} {}", d.what, d.name))
        .collect()
}

#[test]
fn a_reference_counts_in_every_position() {
    let nested = "resource \"t\" \"r\" {\n  x = f(concat([], var.a ? [{ y = [{ \"Id\" = var.b }] }] : []), \"${local.c}\")\n  dynamic \"module\" {\n    for_each = [for var in [1] : var.mine]\n    content { z = module.value }\n  }\n}\noutput \"o\" { value = false ? module.d.x : null }\n";
    assert_eq!(
        dangling(&[("main.tf", nested)]),
        ["Variable a", "Local c", "ModuleCall d"],
        "`var` and `module` are bound in the resource, where only what is evaluated is looked at"
    );
    let free = nested.replace("for var in [1] : var.mine", "for v in [1] : v.mine");
    let mut found = dangling(&[("main.tf", &free)]);
    found.sort();
    assert_eq!(found, ["Local c", "ModuleCall d", "Variable a", "Variable b"]);
}

#[test]
fn built_in_names_of_terraform_are_not_reported() {
    let found = dangling(&[
        (
            "main.tf",
            "ephemeral \"t\" \"e\" {}\nresource \"t\" \"r\" { x = ephemeral.t.e.y }\nresource \"t\" \"s\" {\n  x = resource.t.r.y\n  y = try(module.m.absent, null)\n  z = can(module.m.absent)\n}\nmodule \"m\" { source = \"./m\" }\n",
        ),
        ("m/main.tf", "output \"o\" { value = 1 }\n"),
    ]);
    assert!(found.is_empty(), "{found:?}");
    let found = dangling(&[(
        "main.tf",
        "resource \"t\" \"s\" { x = [resource.t.gone.y, ephemeral.t.gone.y] }\n",
    )]);
    assert_eq!(found, ["Resource t.gone", "Resource ephemeral.t.gone"]);
}

#[test]
fn a_module_that_another_tool_provides_is_remote() {
    let files = [
        (".gitignore", "a/vendor/\n"),
        (".gitmodules", "[submodule \"s\"]\n  path = shared\n"),
        (
            "a/main.tf",
            "module \"v\" { source = \"./vendor/x//y\" }\nmodule \"s\" { source = \"../shared/z\" }\nmodule \"gone\" { source = \"./gone\" }\n",
        ),
    ];
    assert_eq!(dangling(&files), ["ModuleDirectory a/gone"]);
}

#[test]
fn files_that_terragrunt_generates_declare_names() {
    let main = "resource \"t\" \"r\" {\n  x = [var.stage, local.region, data.t.d.id]\n  y = var.gone\n}\n";
    let own = "generate \"inputs\" {\n  path = \"inputs.tf\"\n  contents = <<-EOF\n    variable \"stage\" {}\n    locals {\n      region = \"${local.r}\"\n    }\n    data \"t\" \"d\" {}\n  EOF\n}\n";
    assert_eq!(
        dangling(&[("a/main.tf", main), ("a/terragrunt.hcl", own)]),
        ["Variable gone"]
    );
    // The same from an included file, for the module that the unit names.
    let including = "include \"root\" {\n  path = find_in_parent_folders(\"root.hcl\")\n}\nterraform {\n  source = \"${get_repo_root()}/modules//m\"\n}\n";
    let through = [
        ("modules/m/main.tf", main),
        ("live/root.hcl", own),
        ("live/prod/terragrunt.hcl", including),
    ];
    assert_eq!(dangling(&through), ["Variable gone"]);
    // A file that cannot be read proves nothing. A file that is not Terraform's changes nothing.
    let opaque = "generate \"x\" {\n  path = \"x.tf\"\n  contents = file(\"x.txt\")\n}\n";
    assert!(dangling(&[("a/main.tf", main), ("a/terragrunt.hcl", opaque)]).is_empty());
    let other = opaque.replace("x.tf", "x.json");
    assert_eq!(
        dangling(&[("a/main.tf", main), ("a/terragrunt.hcl", &other)]).len(),
        4
    );
    assert_eq!(
        dangling(&[("a/main.tf", main), ("b/terragrunt.hcl", opaque)]).len(),
        4
    );
}

#[test]
fn a_module_with_templates_of_its_files_is_not_complete() {
    let main = "resource \"t\" \"r\" { x = var.stage }\n";
    for beside in ["a/variables.tf.j2", "a/variables.tf.tmpl", "stack.tm.hcl"] {
        assert!(
            dangling(&[("a/main.tf", main), (beside, "generate_hcl \"x\" {}")]).is_empty(),
            "{beside}"
        );
    }
    for beside in ["a/user-data.sh.tmpl", "b/variables.tf.j2", "b/stack.tm.hcl"] {
        assert_eq!(
            dangling(&[("a/main.tf", main), (beside, "x")]),
            ["Variable stage"],
            "{beside}"
        );
    }
}
