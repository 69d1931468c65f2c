//! Chains through variables and modules of Terraform.

use super::{assert_way, of, platform};
use cofferdam_model::Platform;
use cofferdam_model::database::Database;
use cofferdam_syntax::Layer::{Argument, Content, Override, Reference};

fn database(platform: &Platform) -> &Database {
    let mut databases = platform.environments.iter().flat_map(|e| &e.databases);
    databases.next().expect("a database")
}

const MODULE: &[(&str, &str)] = &[
    (
        "modules/db/variables.tf",
        "variable \"multi_az\" {
  default = false
}
variable \"version_of\" {}
variable \"tier\" {
  default = \"db.t3.small\"
}
variable \"guarded\" {
  default = true
}
",
    ),
    (
        "modules/db/main.tf",
        "locals {
  tier = var.tier
}
resource \"aws_db_instance\" \"main\" {
  identifier          = \"orders\"
  engine              = \"postgres\"
  engine_version      = var.version_of
  instance_class      = local.tier
  multi_az            = var.multi_az
  deletion_protection = var.guarded
}
",
    ),
    (
        "live/prod/main.tf",
        "variable \"engine\" {
  default = \"14\"
}
variable \"tier\" {
  default = \"db.t3.medium\"
}
module \"db\" {
  source     = \"../../modules/db\"
  version_of = var.engine
  tier       = var.tier
  multi_az   = true
}
",
    ),
    (
        "live/prod/terraform.tfvars",
        "tier = \"db.r6g.large\"
",
    ),
];

#[test]
fn the_default_of_a_variable_is_passed_on_as_an_argument() {
    let platform = platform(MODULE);
    let database = database(&platform);
    assert_way(
        &platform,
        of(&database.version),
        "live/prod/main.tf:2",
        &[
            (Reference, "live/prod/main.tf:9"),
            (Argument, "live/prod/main.tf:7"),
            (Reference, "modules/db/main.tf:7"),
        ],
    );
    // Nobody passes it.
    assert_way(
        &platform,
        of(&database.deletion_protection),
        "modules/db/variables.tf:9",
        &[(Reference, "modules/db/main.tf:10")],
    );
}

#[test]
fn a_value_file_and_an_argument_override_defaults() {
    let platform = platform(MODULE);
    let database = database(&platform);
    assert_way(
        &platform,
        of(&database.tier),
        "live/prod/terraform.tfvars:1",
        &[
            (Override, "live/prod/main.tf:5"),
            (Reference, "live/prod/main.tf:10"),
            (Argument, "live/prod/main.tf:7"),
            (Override, "modules/db/variables.tf:6"),
            (Reference, "modules/db/main.tf:2"),
            (Reference, "modules/db/main.tf:8"),
        ],
    );
    assert_way(
        &platform,
        of(&database.multi_zone),
        "live/prod/main.tf:11",
        &[
            (Argument, "live/prod/main.tf:7"),
            (Override, "modules/db/variables.tf:2"),
            (Reference, "modules/db/main.tf:9"),
        ],
    );
}

#[test]
fn a_file_that_terraform_decodes_is_content() {
    let platform = platform(&[
        (
            "live/prod/main.tf",
            "locals {
  settings = yamldecode(file(\"db.yaml\"))
}
resource \"aws_db_instance\" \"main\" {
  identifier = \"orders\"
  multi_az   = local.settings.multi_az
}
",
        ),
        ("live/prod/db.yaml", "# ours\nmulti_az: true\n"),
    ]);
    assert_way(
        &platform,
        of(&database(&platform).multi_zone),
        "live/prod/db.yaml:2",
        &[
            (Content, "live/prod/main.tf:2"),
            (Reference, "live/prod/main.tf:6"),
        ],
    );
}
