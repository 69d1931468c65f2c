//! The complete view of files and texts after redaction.

use super::*;
use crate::Platform;
use crate::{Environment, SourceFile, Span};
use proptest::prelude::*;

fn platform(files: &[(&str, &str)]) -> Platform {
    let mut platform = Platform::default();
    for (path, text) in files {
        platform.sources.add(SourceFile::new((*path).into(), *text));
    }
    platform.environments.push(Environment::default());
    platform
}

const SECRET: &str = "4XjbnhsRw0a8zKow";

#[test]
fn a_secret_of_a_file_is_hidden_in_every_other_text() {
    let platform = platform(&[(
        "a.yaml",
        "password: 4XjbnhsRw0a8zKow\nadmin_password: correct-horse-battery\n",
    )]);
    let redactor = platform.redactor();
    for (text, wanted) in [
        ("`x` is `4XjbnhsRw0a8zKow`", "`x` is `***`"),
        ("cut: 4XjbnhsR…", "cut: ***…"),
        ("NFhqYm5oc1J3MGE4ektvdw==", "***=="),
        ("is correct-horse-battery.", "is ***."),
        ("a correct-horse", "a correct-horse"),
        ("nothing of it", "nothing of it"),
    ] {
        assert_eq!(redactor.text(text), wanted);
    }
}

#[test]
fn decoded_base64_and_escapes_are_hidden_too() {
    let platform = platform(&[
        ("s.yaml", "kind: Secret\ndata:\n  x: NFhqYm5oc1J3MGE4ektvdw==\n"),
        ("u.env", "URL=postgres://u:aB3%40kQ9%2Fx7@db/app\n"),
    ]);
    let redactor = platform.redactor();
    assert_eq!(redactor.text(SECRET), "***");
    assert_eq!(redactor.text("the password aB3@kQ9/x7"), "the password ***");
}

#[test]
fn a_password_equal_to_a_name_does_not_hide_the_name_in_reports() {
    let platform = platform(&[(
        "compose.yaml",
        "services:\n  airflow:\n    environment:\n      POSTGRES_PASSWORD: airflow\n",
    )]);
    let redactor = platform.redactor();
    assert_eq!(
        redactor.text("service airflow has one replica"),
        "service airflow has one replica"
    );
    let file = FileId(0);
    let text = &platform.sources.file(file).text;
    let shown = redactor.excerpt(file, 0..text.len()).text;
    assert!(
        shown.contains("POSTGRES_PASSWORD: ***") && shown.contains("  airflow:"),
        "{shown}"
    );
}

#[test]
fn names_with_numbers_stay_in_sentences_and_paths() {
    let platform = platform(&[
        (
            "overlays/osc-cl1-dev/a.yaml",
            "password: osc-cl1-dev\nadmin_password: configPassword\n",
        ),
        (
            "b.env",
            "TOKEN=N8N_ENCRYPTION\nN8N_ENCRYPTION_KEY=${x}\nconfigPassword=1\n",
        ),
        ("c.yaml", "token: base64Encoded1\nother: base64Encoded1\n"),
    ]);
    let redactor = platform.redactor();
    for text in [
        "overlays/osc-cl1-dev/a.yaml:1:1",
        "`N8N_ENCRYPTION_KEY`",
        "under `configPassword`",
        "`userPassword`",
        "in base64, eu-cl1-x",
    ] {
        assert_eq!(redactor.text(text), text);
    }
}

#[test]
fn settings_in_a_secret_are_hidden_completely_and_elsewhere_only_passwords() {
    let text = "kind: Secret\nstringData:\n  a.yaml: |\n    route:\n      group_wait: 30s\n      password: hunter2x\n  b: 1\n";
    let platform = platform(&[
        ("secret.yaml", text),
        ("other.yaml", "group_wait: 30s\n# hunter2x\n"),
    ]);
    let redactor = platform.redactor();
    assert_eq!(
        redactor.excerpt(FileId(0), 0..text.len()).text,
        "kind: Secret\nstringData:\n  a.yaml: |\n    ***\n      ***\n      ***\n  b: 1\n"
    );
    assert_eq!(redactor.excerpt(FileId(1), 0..15).text, "group_wait: 30s");
    assert_eq!(redactor.text("`x` is `hunter2x`"), "`x` is `***`");
    assert_eq!(redactor.text("group_wait: 30s"), "group_wait: 30s");
}

#[test]
fn common_passwords_and_short_words_stay_in_sentences() {
    let platform = platform(&[(
        "a.yaml",
        "password: postgres\nroot_password: app\npasswd: changeme\n",
    )]);
    let redactor = platform.redactor();
    let text = "postgres runs for app; changeme";
    assert_eq!(redactor.text(text), text);
}

#[test]
fn a_mark_points_at_the_mask_and_its_width_is_fixed() {
    let text = "a: 1\nx: {password: \"hunter2!Pass\", max: 50}\nb: 2\n";
    let platform = platform(&[("a.yaml", text)]);
    let redactor = platform.redactor();
    let file = FileId(0);
    let span = |what: &str| {
        let at = text.find(what).unwrap();
        Span::new(file, at, at + what.len())
    };
    let secret = span("hunter2!Pass");
    let lines = 5..text.len() - 6;
    let excerpt = redactor.excerpt(file, lines);
    assert_eq!(excerpt.text, "x: {password: \"***\", max: 50}");
    let shown = |excerpt: &Excerpt, span: Span| {
        let (start, end) = (
            excerpt.place(span.start as usize, false),
            excerpt.place(span.end as usize, true),
        );
        excerpt.text[start..end].to_owned()
    };
    assert_eq!(shown(&excerpt, secret), "***");
    // A mark behind the secret, nine characters nearer than in the file.
    assert_eq!(shown(&excerpt, span("50")), "50");
    assert_eq!(
        excerpt.place(span("50").start as usize, false),
        span("50").start as usize - 5 - 9
    );
}

#[test]
fn secrets_found_by_readers_are_hidden_if_the_scan_misses_them() {
    use crate::secrets::{SecretKind, SecretLiteral};
    let mut platform = platform(&[("a.yaml", "first: opensesame now\nsecond: opensesame-and-more\n")]);
    platform.environments[0].secret_literals.push(SecretLiteral {
        name: "first".to_owned(),
        span: Span::new(FileId(0), 7, 21),
        kind: SecretKind::Other,
        evidence: String::new(),
        fingerprint: 0,
        doubtful: false,
    });
    let redactor = platform.redactor();
    assert_eq!(redactor.excerpt(FileId(0), 0..21).text, "first: ***");
}

#[test]
fn only_the_password_of_an_address_is_hidden() {
    for (text, wanted) in [
        (
            "URL: postgresql://app:hunter2x@db.internal:5432/app",
            "URL: postgresql://app:***@db.internal:5432/app",
        ),
        (
            "url = https://registry.example.net:5000/@scope/x",
            "url = https://registry.example.net:5000/@scope/x",
        ),
        ("u: redis://:hunter2x@cache/0?a=b", "u: redis://:***@cache/0?a=b"),
        (
            "image: https://example.net/a:1@b",
            "image: https://example.net/a:1@b",
        ),
    ] {
        assert_eq!(masked(Path::new("a.yaml"), text), wanted);
    }
}

#[test]
fn a_writer_redacts_lines_written_in_pieces() {
    let platform = platform(&[("a.env", "TOKEN=4XjbnhsRw0a8zKow\n")]);
    let redactor = platform.redactor();
    let redactors = [&redactor];
    let mut out = Vec::new();
    let mut writer = Redacted::new(&redactors, &mut out);
    for piece in ["{\"a\": \"4Xjbn", "hsRw0a8z", "Kow\"}\nlast 4XjbnhsRw0a8zKow"] {
        writer.write_all(piece.as_bytes()).unwrap();
    }
    writer.flush().unwrap();
    drop(writer);
    assert_eq!(String::from_utf8(out).unwrap(), "{\"a\": \"***\"}\nlast ***");
}

#[test]
fn a_secret_prints_as_stars() {
    let secret = crate::secrets::Secret::new(SECRET.to_owned());
    assert_eq!(
        format!("{secret} {secret:?} {:?}", Some(&secret)),
        "*** *** Some(***)"
    );
    assert_eq!(secret.expose(), SECRET);
}

#[test]
fn arguments_hide_stated_secrets() {
    assert_eq!(argument("db.password=hunter2"), "db.password=***");
    assert_eq!(argument("db.password hunter2"), "db.password ***");
    assert_eq!(argument("services.api.replicas=3"), "services.api.replicas=3");
    assert_eq!(
        statement("unknown argument '--token=hunter2' found"),
        "unknown argument '--token=***' found"
    );
}

#[test]
fn a_file_made_to_waste_time_is_hidden_without_a_scan() {
    let units = [
        "password=",
        "\"password\":{",
        "{name: password, ",
        "name: token, value: x, ",
        "--token ",
        "\"token\", ",
        "https://a:b",
        "${token:-",
        "{{ default ",
        "bearer x ",
        "curl -u ",
        "\"kind\": \"Secret\", \"data\": {",
        "password: \"",
        "password='",
        "(token(",
        "mysql -pxyz ",
        "kind: Secret\n",
        "name: token\n",
        "password: {\n",
        "secretGenerator:\n",
        "\"kind\": \"Secret\",\n",
        "password: |\n",
        "token=\"\n",
        "value: x\n",
    ];
    for name in ["a.yaml", "a.json", "a.tf", "a.sh"] {
        for unit in units {
            let text = unit.repeat(120_000 / unit.len());
            let started = std::time::Instant::now();
            let found = scan(Path::new(name), &text);
            let hidden = found
                .windows(2)
                .all(|pair| pair[0].range.start <= pair[1].range.start);
            assert!(hidden, "{name}: {unit}");
            // Without a bound the worst of them takes minutes.
            assert!(started.elapsed().as_secs() < 20, "{name}: {unit}");
        }
    }
}

#[test]
fn a_long_line_of_json_is_scanned() {
    let mut text = "{\"panels\": [".to_owned();
    for n in 0..2000 {
        text.push_str(&format!(
            "{{\"title\": \"panel {n}\", \"key\": \"value {n}\", \"datasource\": {{\"uid\": \"abc\"}}}}, "
        ));
    }
    text.push_str("{\"token\": \"4XjbnhsRw0a8zKow\"}]}\n");
    let shown = masked(Path::new("dashboard.json"), &text);
    assert!(
        shown.contains("panel 1999") && !shown.contains("4Xjb"),
        "{}",
        &shown[..200]
    );
}

proptest! {
    #[test]
    fn no_text_panics_and_no_line_is_lost(
        name in prop::sample::select(vec!["a.yaml", "a.json", "a.tf", "a.py", "a.sh", "a.env", "secret.env", "a.properties", "Dockerfile"]),
        parts in prop::collection::vec(
            prop_oneof![
                "\\PC{0,12}",
                prop::sample::select(vec![
                    "password", ":", "=", " ", "\n", "\"", "'", "|", "- ", "{", "}", "[", "]", "(", "\\", "\\\"", "--token", "<<EOF", "kind: Secret\n",
                    "data:\n", "  ", "\t", "https://", "@", "${", "{{", "default", "name: ", "value: ", "-----BEGIN PRIVATE KEY-----", "<<<<<<<", "=======\n",
                    "secretGenerator:\n", "é", "&", "!", "curl -u ", "\r\n", "\"\"\"", "variable \"token\" {\n", "#",
                ]).prop_map(str::to_owned),
            ],
            0..24,
        ),
    ) {
        let text = parts.concat();
        let shown = masked(Path::new(name), &text);
        prop_assert_eq!(shown.matches('\n').count(), text.matches('\n').count());
        let platform = platform(&[(name, &text)]);
        let redactor = platform.redactor();
        let excerpt = redactor.excerpt(FileId(0), 0..text.len());
        let (start, end) = (excerpt.place(0, false), excerpt.place(text.len(), true));
        prop_assert!(excerpt.text.is_char_boundary(start) && excerpt.text.is_char_boundary(end) && start <= end);
        let _ = redactor.text(&text);
    }
}

#[test]
fn passwords_in_addresses_without_a_scheme_and_in_parameters_are_hidden() {
    for (line, wanted) in [
        (
            "x: 'app:4XjbnhsRw0a8zKow@tcp(db:3306)/shop'",
            "x: 'app:***@tcp(db:3306)/shop'",
        ),
        (
            "x: app:4XjbnhsRw0a8zKow@unix(/run/db)/shop",
            "x: app:***@unix(/run/db)/shop",
        ),
        (
            "x: https://s.blob.core.windows.net/c?sp=r&sig=4XjbnhsRw0a8zKow&se=1",
            "x: https://s.blob.core.windows.net/c?sp=r&sig=***&se=1",
        ),
        ("x: ldap://h??bindpw=4XjbnhsRw0a8zKow", "x: ldap://h??bindpw=***"),
        ("x: design=4XjbnhsRw0a8zKow", "x: design=4XjbnhsRw0a8zKow"),
        ("x: app@tcp(db:3306)/shop", "x: app@tcp(db:3306)/shop"),
    ] {
        let platform = platform(&[("a.yaml", line)]);
        let redactor = platform.redactor();
        let shown = redactor.excerpt(crate::FileId(0), 0..line.len());
        assert_eq!(shown.text.trim_end(), wanted);
    }
}
