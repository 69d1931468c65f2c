//! No output ever shows a secret: a secret of a known value is put into every kind of file, well-formed and
//! broken, and no command prints a piece of it in any format.

mod files;

use crate::cofferdam;
use cofferdam_model::redact;
use files::{FILES, OVERLAYS, SHAPES, STATEMENTS};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

/// A secret that must not be shown, in one of the forms that secrets have.
struct Canary {
    kind: &'static str,
    text: String,
    /// Its parts that must not be shown either.
    pieces: BTreeSet<String>,
}

/// Random characters, the same in each run (xorshift).
struct Chance(u64);

impl Chance {
    fn text(&mut self, alphabet: &str, length: usize) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        (0..length)
            .map(|_| {
                self.0 ^= self.0 << 13;
                self.0 ^= self.0 >> 7;
                self.0 ^= self.0 << 17;
                alphabet[(self.0 >> 33) as usize % alphabet.len()]
            })
            .collect()
    }
}

const LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

fn base64(bytes: &[u8]) -> String {
    let alphabet = BASE64.as_bytes();
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |word, b| word << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let index = (word >> (18 - 6 * place)) as usize & 63;
            out.push(if place <= chunk.len() {
                char::from(alphabet[index])
            } else {
                '='
            });
        }
    }
    out
}

fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        if b.is_ascii_alphanumeric() || b"-_.~".contains(&b) {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
        out
    })
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = (first == b'%').then(|| std::str::from_utf8(after.get(..2)?).ok());
        match code.flatten().and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn windows(text: &str, length: usize) -> impl Iterator<Item = String> {
    let chars: Vec<char> = text.chars().collect();
    let all: Vec<String> = chars.windows(length).map(|w| w.iter().collect()).collect();
    all.into_iter()
}

impl Canary {
    /// A random one: no six characters of it may be shown in any encoding.
    fn random(kind: &'static str, text: String) -> Self {
        let mut pieces: BTreeSet<String> = windows(&text, 6).collect();
        pieces.extend(windows(&percent_decoded(&text), 6));
        pieces.extend(windows(&base64(text.as_bytes()), 8));
        pieces.insert(percent_encoded(&text));
        Canary { kind, text, pieces }
    }

    /// One made of words that other texts also contain: neither the whole nor half of it may be shown.
    fn words(kind: &'static str, text: &str) -> Self {
        let half = text.rsplit_once('-').map_or(text, |(half, _)| half);
        let mut pieces = BTreeSet::from([text.to_owned(), half.to_owned(), percent_encoded(text)]);
        pieces.extend(windows(&base64(text.as_bytes()), 8));
        Canary {
            kind,
            text: text.to_owned(),
            pieces,
        }
    }

    fn all() -> Vec<Canary> {
        let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
        let jwt = format!(
            "eyJ{}.eyJ{}.{}",
            chance.text(LETTERS, 17),
            chance.text(LETTERS, 30),
            chance.text(LETTERS, 43)
        );
        vec![
            Canary::random("letters", chance.text(LETTERS, 24)),
            Canary::random("hex", chance.text("0123456789abcdef", 40)),
            Canary::random("base64", format!("{}=", chance.text(BASE64, 31))),
            Canary::random(
                "base64 that begins like a path",
                format!("/{}", chance.text(BASE64, 31)),
            ),
            Canary::random(
                "mixed",
                format!("{}7!{}", chance.text(LETTERS, 5), chance.text(LETTERS, 5)),
            ),
            Canary::random(
                "key id",
                format!("AKIA{}", chance.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
            ),
            Canary::random("cloud key", chance.text(BASE64, 40)),
            Canary::random("web token", jwt),
            Canary::random(
                "escapes",
                format!(
                    "{}%40{}%2F{}",
                    chance.text(LETTERS, 5),
                    chance.text(LETTERS, 5),
                    chance.text(LETTERS, 6)
                ),
            ),
            Canary::random("dollar", format!("$%{}", chance.text(LETTERS, 12))),
            Canary::words("words", "correct-horse-battery"),
        ]
    }

    /// A piece of it that `text` shows.
    fn in_text<'a>(&'a self, text: &str) -> Option<&'a str> {
        self.pieces
            .iter()
            .find(|piece| text.contains(piece.as_str()))
            .map(String::as_str)
    }

    fn fill(&self, template: &str) -> String {
        let lines: Vec<&str> = template.split('\n').collect();
        let mut out = Vec::new();
        for (at, line) in lines.iter().enumerate() {
            // Words under the name of a key or a `secret` count as the name of an object, and stay.
            let named = lines[at.saturating_sub(2)..=at]
                .iter()
                .map(|line| line.to_ascii_lowercase());
            let a_name = self.kind == "words"
                && !line.contains("@64@")
                && named.into_iter().any(|line| {
                    ["secret", "key", "credential"]
                        .iter()
                        .any(|word| line.contains(word))
                });
            let secret = if a_name { "some-name" } else { self.text.as_str() };
            out.push(
                line.replace("@64@", &base64(self.text.as_bytes()))
                    .replace("@@", secret),
            );
        }
        out.join("\n")
    }
}

/// A way to break a file: takes its lines, the number of a line with a secret, and the secret.
type Break = fn(&[&str], usize, &str) -> String;

fn with_line(lines: &[&str], at: usize, new: &str) -> String {
    let mut lines: Vec<&str> = lines.to_vec();
    lines[at] = new;
    lines.join("\n") + "\n"
}

/// Files whose secrets are named by the lines below them: if they are cut off before these, nothing shows
/// that they are secrets.
const NAMED_BELOW: &[&str] = &["value-first.yaml", "secret-sorted.yaml", "secret-list.yaml"];

/// The ways to break files, each with its name.
const BREAKS: &[(&str, Break)] = &[
    ("whole", |lines, at, _| with_line(lines, at, lines[at])),
    ("a note on the line", |lines, at, _| {
        with_line(lines, at, &format!("{} # cofferdam: ignore", lines[at]))
    }),
    ("no closing quote", |lines, at, secret| {
        let line = lines[at];
        let end = line.find(secret).map_or(line.len(), |n| n + secret.len());
        let open = !line[end..].starts_with(['"', '\'', '\\']);
        let rest = line[end..].trim_start_matches(['"', '\'', '\\']);
        let before = &line[..end - secret.len()];
        with_line(
            lines,
            at,
            &if open {
                format!("{before}\"{secret}{rest}")
            } else {
                format!("{before}{secret}{rest}")
            },
        )
    }),
    ("no opening quote", |lines, at, secret| {
        with_line(
            lines,
            at,
            &lines[at]
                .replacen(&format!("\"{secret}"), secret, 1)
                .replacen(&format!("'{secret}"), secret, 1),
        )
    }),
    ("a tab", |lines, at, _| {
        with_line(lines, at, &format!("\t{}", lines[at].trim_start()))
    }),
    ("cut off after it", |lines, at, secret| {
        let line = lines[at];
        let end = line.find(secret).map_or(line.len(), |n| n + secret.len());
        lines[..at].iter().map(|l| format!("{l}\n")).collect::<String>() + &line[..end]
    }),
    ("cut off inside it", |lines, at, secret| {
        let line = lines[at];
        let end = line.find(secret).map_or(line.len(), |n| n + secret.len() * 2 / 3);
        lines[..at].iter().map(|l| format!("{l}\n")).collect::<String>() + &line[..end]
    }),
    ("a merge conflict", |lines, at, _| {
        let line = lines[at];
        with_line(
            lines,
            at,
            &format!("<<<<<<< HEAD\n{line}\n=======\n{line}\n>>>>>>> other"),
        )
    }),
    ("a key given twice", |lines, at, _| {
        with_line(lines, at, &format!("{0}\n{0}", lines[at]))
    }),
    ("too far right", |lines, at, _| {
        with_line(lines, at, &format!(" {}", lines[at]))
    }),
    ("too far left", |lines, at, _| {
        with_line(lines, at, lines[at].strip_prefix(' ').unwrap_or(lines[at]))
    }),
    ("brackets after it", |lines, at, _| {
        with_line(lines, at, &format!("{} }}: ]", lines[at]))
    }),
    ("an anchor that nobody set", |lines, at, _| {
        with_line(lines, at, &format!("{}\nx: *nobody", lines[at]))
    }),
    ("half a template", |lines, at, _| {
        with_line(lines, at, &format!("{}\n{{{{ if .x", lines[at]))
    }),
    ("line ends of Windows", |lines, _, _| lines.join("\r\n") + "\r\n"),
];

/// Every file, broken in every way at every line that contains the secret.
fn trees(canary: &Canary) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    let shapes: &[(&str, &str)] = if matches!(canary.kind, "key id" | "web token") {
        SHAPES
    } else {
        &[]
    };
    for (file, (path, template)) in FILES.iter().chain(shapes).enumerate() {
        let text = canary.fill(template);
        let lines: Vec<&str> = text.lines().collect();
        let encoded = base64(canary.text.as_bytes());
        for (at, line) in lines.iter().enumerate() {
            let secret = [canary.text.as_str(), &encoded]
                .into_iter()
                .find(|s| line.contains(s));
            let Some(secret) = secret else { continue };
            for (way, (name, breaks)) in BREAKS.iter().enumerate() {
                if name.starts_with("cut off") && NAMED_BELOW.contains(path) {
                    continue;
                }
                all.push((
                    format!("f{file}/l{at}w{way}/{path}"),
                    breaks(&lines, at, secret).into_bytes(),
                ));
            }
            let mut bytes = text.clone().into_bytes();
            bytes.extend(b"\nname: caf\xe9\n");
            all.push((format!("f{file}/l{at}utf8/{path}"), bytes));
        }
    }
    all
}

/// One file in as many as there are canaries: all of them together cover every file, each with another
/// secret.
fn share(canary: &Canary, number: usize, of: usize) -> Vec<(String, Vec<u8>)> {
    trees(canary).into_iter().skip(number).step_by(of).collect()
}

fn write(directory: &Path, files: &[(String, Vec<u8>)]) {
    for (path, bytes) in files {
        let path = directory.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// Runs the command and returns everything that it printed.
fn printed(arguments: &[&str]) -> String {
    let output = cofferdam().args(arguments).output().unwrap();
    let text = format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.code().is_some_and(|c| c <= 2),
        "{arguments:?}: {text}"
    );
    text
}

/// The lines of `text` that show a piece of the secret.
fn leaks(canary: &Canary, what: &str, text: &str) -> Vec<String> {
    if canary.in_text(text).is_none() {
        return Vec::new();
    }
    text.lines()
        .filter_map(|line| {
            Some(format!(
                "{}: {what}: `{}` in: {line}",
                canary.kind,
                canary.in_text(line)?
            ))
        })
        .collect()
}

#[track_caller]
fn none(leaks: &[String]) {
    assert!(
        leaks.is_empty(),
        "{} leaks:\n{}",
        leaks.len(),
        leaks[..leaks.len().min(60)].join("\n")
    );
}

#[test]
fn every_line_of_every_file_is_masked_whether_it_parses_or_not() {
    let mut found = Vec::new();
    for canary in Canary::all() {
        for (path, bytes) in trees(&canary) {
            let text = String::from_utf8_lossy(&bytes);
            let masked = redact::masked(Path::new(&path), &text);
            assert_eq!(masked.lines().count(), text.lines().count(), "{path}");
            found.extend(leaks(&canary, &path, &masked));
        }
    }
    none(&found);
}

#[test]
fn no_subcommand_shows_a_secret_of_any_file_in_any_format() {
    let mut found = Vec::new();
    let all = Canary::all();
    for (number, canary) in all.iter().enumerate() {
        let directory = tempfile::tempdir().unwrap();
        write(directory.path(), &share(canary, number, all.len()));
        let path = directory.path().to_str().unwrap();
        let trace = directory.path().join("trace.jsonl");
        let trace = trace.to_str().unwrap();
        let runs: &[&[&str]] = &[
            &["check", path],
            &["check", path, "--color", "always"],
            &["check", path, "--quiet"],
            &["check", path, "--format", "json"],
            &["check", path, "--simulate"],
            &["simulate", path, "--runs", "1", "--trace", trace],
            &["simulate", path, "--runs", "1", "--format", "json"],
            &["simulate", path, "--runs", "1", "--format", "svg"],
            &["simulate", path, "--runs", "1", "--compare", path],
            &["init", path],
        ];
        for run in runs {
            found.extend(leaks(canary, &run[..1].join(" "), &printed(run)));
        }
        for written in ["trace.jsonl", "cofferdam.yaml"] {
            let text = std::fs::read_to_string(directory.path().join(written)).unwrap_or_default();
            found.extend(leaks(canary, written, &text));
        }
    }
    none(&found);
}

#[test]
fn no_refused_overlay_or_statement_shows_a_secret() {
    let mut found = Vec::new();
    for canary in Canary::all() {
        for overlay in OVERLAYS {
            let directory = tempfile::tempdir().unwrap();
            let text = canary.fill(overlay);
            write(
                directory.path(),
                &[
                    ("cofferdam.yaml".to_owned(), text.clone().into_bytes()),
                    ("deployment.yaml".to_owned(), canary.fill(FILES[0].1).into_bytes()),
                ],
            );
            let path = directory.path().to_str().unwrap();
            for verb in [
                &["check", path] as &[&str],
                &["init", path, "--print"],
                &["simulate", path],
            ] {
                found.extend(leaks(&canary, overlay, &printed(verb)));
            }
        }
        let directory = tempfile::tempdir().unwrap();
        write(
            directory.path(),
            &[("deployment.yaml".to_owned(), canary.fill(FILES[0].1).into_bytes())],
        );
        let path = directory.path().to_str().unwrap();
        for statement in STATEMENTS {
            let filled = canary.fill(statement);
            found.extend(leaks(
                &canary,
                statement,
                &printed(&["simulate", path, "--set", &filled]),
            ));
            found.extend(leaks(&canary, statement, &printed(&["check", path, &filled])));
        }
    }
    none(&found);
}

#[test]
fn names_and_properties_of_secrets_stay_readable() {
    let text = "\
apiVersion: v1
kind: Pod
spec:
  volumes: [{name: tls, secret: {secretName: db-credentials}}]
  tokenTTL: 3600
  password_min_length: 12
  imagePullSecrets: [{name: regcred}]
  automountServiceAccountToken: false
  containers:
    - name: api
      image: registry.example.net/api@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
      env:
        - name: DB_PASSWORD
          valueFrom:
            secretKeyRef:
              name: db-credentials
              key: password
        - {name: API_TOKEN, valueFrom: {secretKeyRef: {name: api-token, key: token}}}
        - {name: MAX_TOKENS, value: \"4096\"}
        - {name: DATABASE_URL, value: \"postgresql://db.internal:5432/app\"}
        - {name: TOKEN_URL, value: \"https://login.example.net/token\"}
        - {name: DB_PASSWORD_FILE, value: /run/secrets/db-password}
        - {name: REDIS_PASSWORD, value: $(OTHER)}
      envFrom: [{secretRef: {name: api-settings}}]
  existingSecret: orders-db
  passwordKey: postgres-password
  password: {{ .Values.db.password | quote }}
  other_password: ${DB_PASSWORD}
  partition_key: user_id
";
    let masked = redact::masked(Path::new("pod.yaml"), text);
    assert_eq!(masked, text);
    let terraform = "\
variable \"db_password\" {
  type      = string
  sensitive = true
  default   = null
}
resource \"aws_db_instance\" \"main\" {
  password             = var.db_password
  manage_master_user_password = true
  token                = data.vault_generic_secret.x.data[\"token\"]
  secret_name          = \"orders-db\"
  engine_version       = \"15.4\"
}
";
    assert_eq!(redact::masked(Path::new("main.tf"), terraform), terraform);
    let python = "\
password = os.environ[\"DB_PASSWORD\"]
token = get_token(user)
settings = Settings(password=password, timeout=5, token_ttl=3600)
fields = [\"username\", \"password\", \"token\"]
def login(user: str, password: str) -> Token:
    return login(user, password=config.password)
";
    assert_eq!(redact::masked(Path::new("app.py"), python), python);
    let json = "{\"secretName\": \"tls\", \"tokenTTL\": 3600, \"secretKeyRef\": {\"name\": \"x\", \"key\": \"password\"}}\n";
    assert_eq!(redact::masked(Path::new("a.json"), json), json);
    let settings = "token.ttl=3600\ndb.user=app\ndb.password=${DB_PASSWORD}\npool.size=20\nkey.serializer=org.x.StringSerializer\n";
    assert_eq!(redact::masked(Path::new("a.properties"), settings), settings);
    let values = "\
auth:
  secret:
    ## @param auth.secret.existingSecret names a Secret that exists
    existingSecret: auth0-credentials
    existingSecretKey: auth0-key1
  automountServiceAccountToken: false
  ## @param annotations of the service account
  annotations: {}
  remoteKey: {key: osc/osc-cl2/mysql-secrets}
  topic: {key: \"bootstrapServers\"}
permissions:
  id-token: write
  token: |
    Can create and modify tokens
";
    assert_eq!(redact::masked(Path::new("values.yaml"), values), values);
    let template = "\
{{- $requiredPassword := include \"common.secrets.required\" (dict \"key\" \"password\" \"context\" $) -}}
{{- $existingSecret := .Values.auth.existingSecret | default (include \"app.fullname\" .) }}
- exec pg_isready -U {{ default \"postgres\" $customUser | quote }} -d {{ .Values.database }}
password: \"{{ include \"app.passwordReference\" . }}\"
key: {{ .Values.auth.secretKey | default \"client-key\" }}
";
    assert_eq!(redact::masked(Path::new("_helpers.tpl"), template), template);
}
