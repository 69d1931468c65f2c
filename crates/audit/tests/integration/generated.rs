//! The schema of `cofferdam.yaml` and the tables of its guide come from the registry of facts. Whoever adds an entry
//! there writes both again with `UPDATE=1 cargo test -p cofferdam-audit --test integration generated`.

use cofferdam_model::registry::{Entry, Form, Kind, Section, entries};
use serde_json::{Map, Value as Json, json};
use std::fmt::Write;
use std::path::{Path, PathBuf};

const SCHEMA: &str = "schemas/cofferdam.schema.json";
const GUIDE: &str = "docs/overlay.md";

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Compares a committed file with what it should be, or writes it with `UPDATE=1`.
fn compare(path: &str, wanted: &str) {
    let written = std::fs::read_to_string(file(path)).unwrap();
    if written == wanted {
        return;
    }
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(file(path), wanted).unwrap();
        return;
    }
    let differs = written.lines().zip(wanted.lines()).find(|(a, b)| a != b);
    panic!(
        "{path} is not what the registry of facts says ({differs:?}); write it again with\n\
         UPDATE=1 cargo test -p cofferdam-audit --test integration generated"
    );
}

fn committed() -> Json {
    serde_json::from_str(&std::fs::read_to_string(file(SCHEMA)).unwrap()).unwrap()
}

fn described(mut node: Json, sentence: &str) -> Json {
    node["description"] = json!(sentence);
    node
}

/// The value of a fact.
fn property(entry: &Entry) -> Json {
    let of = |name: &str| described(json!({"$ref": format!("#/$defs/{name}")}), entry.sentence);
    match entry.kind {
        Kind::Choice(words) => {
            let words: Vec<Json> = words.iter().map(|w| json!(w)).chain([Json::Null]).collect();
            described(json!({"enum": words}), entry.sentence)
        }
        Kind::RateOrShare => {
            let percent = "^\\s*([0-9]{1,2}(\\.[0-9]+)?|100(\\.0+)?)\\s*%\\s*$";
            let share = json!({"type": "string", "pattern": percent});
            described(
                json!({"anyOf": [{"$ref": "#/$defs/rate"}, share]}),
                entry.sentence,
            )
        }
        Kind::Money => described(json!({"type": "number", "minimum": 0}), entry.sentence),
        Kind::Limits => {
            let mut list = described(json!({"type": ["array", "null"]}), entry.sentence);
            list["items"] = json!({
                "type": "object",
                "description": "A limit.",
                "properties": {
                    "connections": {"type": "integer", "minimum": 0, "description": "Maximum number of connections."},
                    "reason": {"type": "string", "pattern": "\\S", "description": "The source of the limit."}
                },
                "required": ["connections", "reason"],
                "additionalProperties": false
            });
            list
        }
        Kind::Map => {
            let mut map = described(json!({"type": ["object", "null"]}), entry.sentence);
            let inner = |e: &&&Entry| e.in_map().0 == Some(entry.key);
            let facts = entries(entry.section).iter().filter(inner);
            let facts = facts.map(|e| (e.in_map().1.to_owned(), property(e)));
            map["properties"] = Json::Object(facts.collect());
            map["additionalProperties"] = json!(false);
            map
        }
        kind => of(kind.name()),
    }
}

fn properties(section: Section) -> Map<String, Json> {
    let outer = entries(section).iter().filter(|entry| entry.in_map().0.is_none());
    outer
        .map(|entry| (entry.key.to_owned(), property(entry)))
        .collect()
}

/// A section at the top, or in an environment.
fn section(section: Section) -> Json {
    let map = || described(json!({"type": ["object", "null"]}), section.sentence());
    let part = json!({"$ref": format!("#/$defs/{}", section.part())});
    match section.form() {
        Form::Named => {
            let mut map = map();
            map["additionalProperties"] = part;
            map
        }
        Form::Listed => {
            let mut list = described(json!({"type": ["array", "null"]}), section.sentence());
            list["items"] = part;
            list
        }
        Form::One if section == Section::Kafka => part,
        form => {
            let mut map = map();
            map["properties"] = Json::Object(properties(section));
            map["additionalProperties"] = match form {
                Form::Open => json!({"type": "number", "minimum": 0}),
                _ => json!(false),
            };
            map
        }
    }
}

/// The definition of one part.
fn definition(of: Section) -> Json {
    let is_listed = of.form() == Form::Listed;
    let types = if is_listed {
        json!("object")
    } else {
        json!(["object", "null"])
    };
    let mut node = described(json!({"type": types}), of.of_one());
    let mut all = Map::new();
    if is_listed {
        let name = json!({"type": "string", "pattern": "\\S", "description": "Name."});
        all.insert("name".to_owned(), name);
    }
    all.extend(properties(of));
    if of == Section::Kafka {
        all.insert(Section::Topics.key().to_owned(), section(Section::Topics));
    }
    node["properties"] = Json::Object(all);
    if is_listed {
        node["required"] = json!(["name"]);
    }
    node["additionalProperties"] = json!(false);
    node
}

/// The committed schema with everything that the registry knows put in its place.
fn schema() -> Json {
    let mut schema = committed();
    for of in Section::ALL {
        if of != Section::Topics {
            schema["properties"][of.key()] = section(of);
        }
        if of.is_of_environments() {
            schema["$defs"][of.part()] = definition(of);
            if of != Section::Topics {
                schema["$defs"]["environment"]["properties"][of.key()] = section(of);
            }
        }
    }
    schema
}

/// The type of a value, in the words of the guide.
fn type_of(node: &Json) -> String {
    let part = |node: &Json| {
        node["$ref"]
            .as_str()
            .map(|r| r.rsplit('/').next().unwrap().to_owned())
    };
    if let Some(name) = part(node) {
        return name;
    }
    if let Some(all) = node["anyOf"].as_array() {
        return all.iter().map(type_of).collect::<Vec<_>>().join(" or ");
    }
    if let Some(words) = node["enum"].as_array() {
        let words = words.iter().filter(|w| !w.is_null());
        let words = words.map(|w| format!("`{}`", w.to_string().trim_matches('"')));
        return words.collect::<Vec<_>>().join(" / ");
    }
    let plain = node["type"].as_array().map_or(&node["type"], |all| &all[0]);
    match plain.as_str().unwrap() {
        "object" if !node["additionalProperties"].is_object() => "map".to_owned(),
        "object" => format!("map of {}", type_of(&node["additionalProperties"])),
        "array" => format!("list of {}", type_of(&node["items"])),
        "integer" => "whole".to_owned(),
        other => other.to_owned(),
    }
}

/// The rows of a map, with those of the maps in it.
fn rows(schema: &Json, node: &Json, above: &str, table: &mut String) {
    let required = |name: &str| {
        let mut all = node["required"].as_array().into_iter().flatten();
        above.is_empty() && all.any(|r| r == name)
    };
    for (name, property) in node["properties"].as_object().into_iter().flatten() {
        let target = property["$ref"].as_str().and_then(|r| schema.pointer(&r[1..]));
        let sentence = property["description"].as_str();
        let sentence = sentence
            .or(target.and_then(|t| t["description"].as_str()))
            .unwrap();
        let mark = if required(name) { " (required)" } else { "" };
        let _ = writeln!(
            table,
            "| `{above}{name}`{mark} | {} | {sentence} |",
            type_of(property)
        );
        rows(schema, property, &format!("{above}{name}."), table);
        rows(schema, &property["items"], &format!("{above}{name}[]."), table);
    }
}

/// One test, because the guide is made of the schema.
#[test]
fn the_schema_and_the_guide_are_those_of_the_registry() {
    let schema = schema();
    compare(SCHEMA, &(serde_json::to_string_pretty(&schema).unwrap() + "\n"));
    compare(GUIDE, &guide(&schema));
}

/// The committed guide with the tables of this schema in their places.
fn guide(schema: &Json) -> String {
    let guide = std::fs::read_to_string(file(GUIDE)).unwrap();
    let mut wanted = String::new();
    let mut heading = "";
    let mut in_table = false;
    for line in guide.lines() {
        if let Some(name) = line.strip_prefix("## ") {
            heading = name;
        }
        let of = match heading {
            "Sections" => Some(schema),
            name => schema["$defs"].get(name),
        };
        match of {
            Some(of) if line.starts_with("| key |") => {
                wanted.push_str("| key | type | what |\n|---|---|---|\n");
                rows(schema, of, "", &mut wanted);
                in_table = true;
            }
            _ if in_table && line.starts_with('|') => {}
            _ => {
                in_table = false;
                wanted.push_str(line);
                wanted.push('\n');
            }
        }
    }
    // A part without a heading would have no table.
    for (name, node) in schema["$defs"].as_object().unwrap() {
        let has_table = wanted.contains(&format!("\n## {name}\n"));
        assert_eq!(node["properties"].is_object(), has_table, "## {name}");
    }
    wanted
}
