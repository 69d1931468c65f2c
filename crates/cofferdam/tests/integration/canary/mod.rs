//! No output ever shows a secret: a secret of a known value is put into every kind of file, well-formed and
//! broken, and no command prints a piece of it in any format.

mod breaks;
mod canaries;
mod files;
mod forms;
mod platform;
mod unread;

use crate::cofferdam;
use breaks::trees;
use canaries::Canary;
use cofferdam_model::redact;
use files::{FILES, OVERLAYS, STATEMENTS};
use std::path::Path;
use unread::UNREAD;

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
    let of_one = |canary: &Canary| {
        let mut found = Vec::new();
        for (path, bytes) in trees(canary) {
            let text = String::from_utf8_lossy(&bytes);
            let masked = redact::masked(Path::new(&path), &text);
            assert_eq!(masked.lines().count(), text.lines().count(), "{path}");
            found.extend(leaks(canary, &path, &masked));
        }
        found
    };
    let all = Canary::all();
    let found: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = all
            .iter()
            .map(|canary| scope.spawn(move || of_one(canary)))
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
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
            &["check", path, "--verbose"],
            &["check", path, "--explain-scope"],
            &["check", path, "--explain-scope", "--format", "json"],
            &["check", path, "--explain-scope", "--verbose", "--all"],
            &["check", path, "--format", "json"],
            &["check", path, "--simulate"],
            &["simulate", path, "--runs", "1", "--trace", trace],
            &["simulate", path, "--runs", "1", "--format", "json"],
            &["simulate", path, "--runs", "1", "--format", "svg"],
            &["simulate", path, "--runs", "1", "--compare", path],
            &["facts", path, "--missing"],
            &["facts", path, "--all", "--format", "json"],
            &["init", path, "--print"],
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
                &["facts", path],
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
            for run in [
                &["check", path, "--environment", &filled] as &[&str],
                &["check", path, "--rule", &filled],
                &["check", path, "--config", &filled],
                &["simulate", path, "--scenario", &filled],
                &["facts", path, "--environment", &filled],
                &["facts", path, "--set", &filled],
                &["explain", &filled],
                &["init", &filled],
            ] {
                found.extend(leaks(&canary, statement, &printed(run)));
            }
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

#[test]
fn lines_of_a_file_that_cannot_be_read_show_no_text_that_may_be_a_secret() {
    let mut shown = Vec::new();
    for (path, text) in UNREAD {
        for secret in ["Vq71rkPw93TzLm", "three plain words"] {
            let directory = tempfile::tempdir().unwrap();
            write(
                directory.path(),
                &[((*path).to_owned(), text.replace("{}", secret).into_bytes())],
            );
            let root = directory.path().to_str().unwrap();
            for arguments in [
                &["check", root][..],
                &["check", root, "--format", "json"],
                &["simulate", root],
                &["init", root],
                &["facts", root],
            ] {
                let printed = printed(arguments);
                shown.extend(
                    printed
                        .contains(secret)
                        .then(|| format!("{path} {arguments:?}: {text}")),
                );
            }
        }
    }
    assert!(shown.is_empty(), "{shown:#?}");
}
