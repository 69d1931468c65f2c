//! Variables of a container that look like settings of its image and that the image does not read.
//! PgBouncer's are left to the pooler, whose reader reports them with their consequences.

use super::object::Object;
use crate::images_env::{KnownImage, Unread, known_image};
use cofferdam_model::Parts;
use cofferdam_model::delivery::{Defect, DefectEffect};
use cofferdam_render::image::parse_image;
use cofferdam_syntax::tree::{Node, Value};

/// Records each as a defect of the object. A container with its own command does not run the image's entry
/// script; it is unknown which variables it reads.
pub(super) fn check(container: &Node, object: &Object<'_>, parts: &mut Parts) {
    if container.get("command").is_some_and(|c| !c.is_null()) {
        return;
    }
    let Some(image) = container
        .get("image")
        .and_then(Node::as_str)
        .and_then(|text| known_image(&parse_image(text).name()))
        .filter(|image| !image.name.ends_with("pgbouncer"))
    else {
        return;
    };
    let entries = container.get("env").map_or(&[][..], Node::items);
    let names: Vec<&Node> = entries.iter().filter_map(|e| e.get("name")).collect();
    let mut texts = Vec::new();
    for (key, value) in container.entries() {
        // A variable's value may use another one, its own name does not.
        if &*key.text == "env" {
            entries
                .iter()
                .filter_map(|e| e.get("value"))
                .for_each(|v| collect(v, &mut texts));
        } else {
            collect(value, &mut texts);
        }
    }
    for unread in image.unread(names.iter().filter_map(|n| n.as_str()), &texts) {
        if let Some(name) = names.iter().find(|n| n.as_str() == Some(unread.variable)) {
            parts.defects.push(defect(&unread, image, name, object));
        }
    }
}

/// Every text of a tree.
fn collect<'n>(node: &'n Node, texts: &mut Vec<&'n str>) {
    match &node.value {
        Value::Scalar(scalar) => texts.push(&scalar.text),
        Value::Seq(items) => items.iter().for_each(|n| collect(n, texts)),
        Value::Map(map) => map.iter().for_each(|(_, n)| collect(n, texts)),
        Value::Null | Value::Unknown(_) => {}
    }
}

fn defect(unread: &Unread<'_>, image: &KnownImage, name: &Node, object: &Object<'_>) -> Defect {
    let remedy = match (&unread.instead, &unread.setting) {
        (Some(instead), _) => format!("Write `{instead}`, which the image reads."),
        (None, Some(setting)) => {
            format!("Set `{setting}` by an argument or a file; the image has no variable for it.")
        }
        (None, None) => "Remove the variable.".to_owned(),
    };
    Defect {
        subject: object.subject(),
        path: format!("env.{}", unread.variable),
        span: name.span,
        problem: format!(
            "the image {} does not read the variable `{}` ({})",
            image.name, unread.variable, image.source
        ),
        effect: DefectEffect::Ignored,
        remedy,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;

    fn problems(container: &str) -> Vec<(String, String)> {
        let env = read(&format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: p}}\nspec:\n  containers:\n  - {{name: c, {container}}}\n"
        ));
        env.defects.into_iter().map(|d| (d.path, d.remedy)).collect()
    }

    #[test]
    fn a_server_setting_among_the_variables_of_postgres_does_nothing() {
        let variables =
            "env: [{name: POSTGRES_MAX_CONNECTIONS, value: '500'}, {name: POSTGRES_DB, value: shop}]";
        assert_eq!(
            problems(&format!("image: 'postgres:16', {variables}")),
            [(
                "env.POSTGRES_MAX_CONNECTIONS".to_owned(),
                "Set `max_connections` by an argument or a file; the image has no variable for it."
                    .to_owned()
            )]
        );
    }

    #[test]
    fn a_variable_used_by_an_argument_a_probe_or_an_own_command_is_not_judged() {
        let variables = "env: [{name: REDIS_PASSWORD, value: x}]";
        assert_eq!(problems(&format!("image: 'redis:7', {variables}")).len(), 1);
        for rest in [
            "args: ['--requirepass', '$(REDIS_PASSWORD)']",
            "command: [sh, -c, start]",
            "livenessProbe: {exec: {command: [sh, -c, 'redis-cli -a $REDIS_PASSWORD ping']}}",
        ] {
            assert_eq!(
                problems(&format!("image: 'redis:7', {variables}, {rest}")),
                [],
                "{rest}"
            );
        }
        assert_eq!(
            problems(&format!("image: 'example.com/redis:7', {variables}")),
            []
        );
    }
}
