//! Which literals are secrets, and which are not.

use super::*;
use proptest::prelude::*;

fn kind(name: &str, value: &str) -> Option<SecretKind> {
    classify(name, value).map(|(kind, _)| kind)
}

#[test]
fn known_shapes_are_secrets_under_any_name() {
    let table = [
        ("AKIAIOSFODNN7EXAMPLF", SecretKind::Token),
        ("ghp_0123456789abcdefghijABCDEFGHIJ456789", SecretKind::Token),
        ("xoxb-123456789012-abcdefABCDEF", SecretKind::Token),
        ("hvs.CAESIJ0123456789abcdefghijkl", SecretKind::VaultToken),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE", SecretKind::PrivateKey),
        ("postgresql://app:h7Gk2pQ9@db:5432/app", SecretKind::Password),
        ("jdbc:postgresql://app:h7Gk2pQ9@db/app", SecretKind::Password),
        ("redis://:h7Gk2pQ9@cache:6379/0", SecretKind::Password),
        ("host=db user=app password=h7Gk2pQ9", SecretKind::Password),
        (
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
            SecretKind::Token,
        ),
    ];
    for (value, wanted) in table {
        // The end of the first one avoids the word that marks an example.
        assert_eq!(
            kind("SETTING", &value.replace("EXAMPLF", "QWERTYU")),
            Some(wanted),
            "{value}"
        );
    }
}

#[test]
fn the_name_makes_a_literal_a_secret() {
    let table = [
        ("DB_PASSWORD", "h7Gk2pQ9", SecretKind::Password),
        ("dbPassword", "hunter2", SecretKind::Password),
        ("VAULT_TOKEN", "a1b2c3d4e5f6g7h8", SecretKind::VaultToken),
        ("API_TOKEN", "a1b2c3d4e5f6g7h8", SecretKind::Token),
        (
            "NEW_RELIC_LICENSE_KEY",
            "eu01xx66c637a29c3982469a3fe8d1982d002c4a".trim_start_matches("eu01xx"),
            SecretKind::Token,
        ),
        ("JWT_SECRET", "kZ8pQ2vL9xT4mN7w", SecretKind::Other),
        ("POSTGRES_PASSWORD", "postgres", SecretKind::Password),
    ];
    for (name, value, wanted) in table {
        assert_eq!(kind(name, value), Some(wanted), "{name}");
    }
}

#[test]
fn placeholders_references_and_names_are_no_secrets() {
    for (name, value) in [
        ("DB_PASSWORD", ""),
        ("DB_PASSWORD", "${DB_PASSWORD}"),
        ("DB_PASSWORD", "$(DB_PASSWORD)"),
        ("DB_PASSWORD", "<password>"),
        ("DB_PASSWORD", "xxxxxxxx"),
        ("DB_PASSWORD", "********"),
        ("DB_PASSWORD", "{{ .Values.password }}"),
        ("DB_PASSWORD", "example-password"),
        ("DB_PASSWORD", "your-password-here"),
        ("DB_PASSWORD", "/run/secrets/db"),
        ("DB_PASSWORD", "vault:secret/data/db#password"),
        ("DB_PASSWORD_FILE", "h7Gk2pQ9"),
        ("PASSWORD_MIN_LENGTH", "12"),
        ("DB_PASSWORD", "orders-db-credentials"),
        ("TOKEN_TTL", "3600"),
        ("MAX_TOKENS", "4096"),
        ("USE_TOKEN", "true"),
        ("AUTH_TOKEN", "true"),
        ("PARTITION_KEY", "a1b2c3d4e5f6g7h8"),
        ("PUBLIC_KEY", "a1b2c3d4e5f6g7h8"),
        ("TLS_SECRET", "web-tls-2024"),
        ("IMAGE_PULL_SECRET", "regcred"),
        ("DATABASE_URL", "postgresql://db:5432/app"),
        ("DATABASE_URL", "postgresql://app:${PASSWORD}@db:5432/app"),
        ("DATABASE_URL", "postgresql://app:$(PASSWORD)@db:5432/app"),
        ("DATABASE_URL", "postgresql://app:<password>@db:5432/app"),
        ("CERT", "-----BEGIN CERTIFICATE-----\nMIIE"),
        ("SECRET_ARN", "arn:aws:secretsmanager:us-east-1:1:secret:db"),
        ("BUILD_ID", "a1b2c3d4e5f6g7h8i9j0"),
        ("TOKEN_URL", "https://login.example.net/token"),
        ("JWT_TOKEN_HEADER", "X-Auth-Token-1"),
    ] {
        assert_eq!(kind(name, value), None, "{name}={value}");
    }
}

#[test]
fn a_plain_word_under_such_a_name_is_told_apart() {
    let found = |name: &str, value: &str| by_name_alone(name, value).is_some();
    assert!(
        found("CLIENT_SECRET", "s3cr3tvalue") && found("MY_SECRET", "foo") && found("SECRET_VALUE", "foo")
    );
    assert!(found("API_TOKEN", "abcdef"));
    for (name, value) in [
        ("SECRET_NAME", "client"),
        ("TLS_SECRET", "web-tls"),
        ("IMAGE_PULL_SECRET", "regcred"),
        ("REFRESH_TOKEN", "3600"),
        ("USE_SECRET", "true"),
        ("MY_SECRET", "$(OTHER)"),
        ("MY_SECRET", "/run/secrets/x"),
        ("MY_SECRET", "your-secret"),
        ("LEVEL", "info"),
        ("SORT_KEY", "created"),
    ] {
        assert!(!found(name, value), "{name}={value}");
    }
}

#[test]
fn keys_under_names_of_their_own_are_secrets_when_chance_made_them() {
    let random = "Jx7Qm2Vt9Lr4Wz8Kp1Ny6Hs3Dg5Bc0Fa2Ue7==";
    for name in [
        "AZURE_BATCH_KEY",
        "AZURE_MAPS_KEY",
        "OCI_CLI_KEY_CONTENT",
        "client-key-data",
        "FERNET_KEY",
        "JWT_SECRET_PRODUCTION",
    ] {
        assert!(kind(name, random).is_some(), "{name}");
    }
    for name in ["SORT_KEY", "ROUTING_KEY", "SSH_PUBLIC_KEY", "KEY", "KEYBOARD"] {
        assert_eq!(kind(name, random), None, "{name}");
    }
    for value in [
        "orders/2026/summary.json",
        "3f2b8c1e-7a41-4d0e-9b1a-2c4d5e6f7a8b",
        "d41d8cd98f00b204e9800998ecf8427e",
        "COURIER_K8S_DEPLOY_TOKEN",
    ] {
        assert_eq!(kind("BLOB_KEY", value), None, "{value}");
    }
}

#[test]
fn what_stands_where_a_secret_will_be_is_none() {
    for (name, value) in [
        ("API_KEY", "REPLACE_ME_12345678"),
        ("DB_PASSWORD", "UPDATE_THIS"),
        ("SIGNING_KEY", "SET_BY_PIPELINE"),
        ("DB_PASSWORD", "my_database_password_1"),
        ("mqtt_password", "{MQTT_PASSWORD}"),
        ("TOKEN", "__API_TOKEN__"),
        ("DB_PASSWORD", "changePassword"),
        ("ENCRYPTION_KEY", "changeEncryptionKey"),
        ("AUTH_TOKEN", "changeRunnerAuthToken"),
        ("DB_PASSWORD", "yourPassword"),
        ("pipeline_secret_kube_token", "COURIER_K8S_DEPLOY_TOKEN"),
        ("s3_credentials_secret", "s3-credentials"),
        ("REQUEST_CREDENTIALS", "include"),
        ("aws_access_key_id", "AKIAQ7ZJ4X5T2M8KQWER"),
        (
            "endpoint",
            "http://ACCESS_KEY_ID:ACCESS_SECRET_KEY@S3_HOST:S3_PORT",
        ),
        ("DATABASE_URL", "postgresql://app:REPLACE_ME@db/app"),
    ] {
        assert_eq!(kind(name, value), None, "{name}={value}");
    }
    for (name, value) in [
        ("DB_PASSWORD", "settled7Gk2"),
        ("DB_PASSWORD", "m7y-gk2p-q9"),
        ("API_TOKEN", "abc1-d2ef-3gh4-ij5k"),
    ] {
        assert!(kind(name, value).is_some(), "{name}={value}");
    }
}

#[test]
fn short_names_and_names_in_other_languages_are_known() {
    for name in [
        "DBPASS",
        "DB_PASS",
        "dbPass",
        "mysql.pass",
        "ROOT_PW",
        "dbpw",
        "SENHA",
        "DB_SENHA",
        "contraseña",
        "CONTRASEÑA",
        "contrasena",
        "MOT_DE_PASSE",
        "motDePasse",
        "DB_PASSWORT",
        "kennwort",
        "WACHTWOORD",
        "heslo",
        "пароль",
        "密码",
        "DB_PASSWORD_2",
        "DB_PASSWORD_OLD",
        "password1",
    ] {
        assert_eq!(kind(name, "h7Gk2pQ9"), Some(SecretKind::Password), "{name}");
    }
    let random = "kZ8pQ2vL9xT4mN7w";
    for name in [
        "GITHUB_PAT",
        "GH_PAT",
        "githubPat",
        "AZURE_DEVOPS_EXT_PAT",
        "STRIPE_SK",
        "SALT",
        "PASSWORD_SALT",
        "auth.pepper",
        "clave",
        "BD_CLAVE",
        "MDP",
        "SMTP_CREDS",
        "SECRET_KEY_BASE",
        "JWT_SECRET_OLD",
        "API_KEY_V2",
    ] {
        assert!(kind(name, random).is_some(), "{name}");
        assert_eq!(kind(name, "states"), None, "{name}");
    }
    for name in [
        "PASS_THROUGH",
        "bypass",
        "by_pass",
        "compass",
        "PATH",
        "path_pattern",
        "file_pat",
        "SPAT",
        "lang_sk",
        "SK",
        "desk",
        "basalt",
        "slave",
        "enclave",
        "palabras",
        "fastcgi_pass",
        "second_pass",
        "REQUIRE_PASSWORD",
        "reset_password",
        "MYSQL_ALLOW_EMPTY_PASSWORD",
        "MYSQL_RANDOM_ROOT_PASSWORD",
    ] {
        assert_eq!(kind(name, random), None, "{name}");
        assert_eq!(kind(name, "always"), None, "{name}");
    }
}

#[test]
fn what_public_platforms_write_beside_a_name_is_no_secret() {
    let values = [
        // Placeholders.
        "changeme",
        "change-me",
        "CHANGE_ME",
        "changeit",
        "replaceme",
        "<password>",
        "<your-password>",
        "xxx",
        "xxxxxxxx",
        "XXXX-XXXX",
        "****",
        "...",
        "your_password",
        "yourpassword",
        "mysecretpassword",
        "my-password",
        "put-it-here",
        "SECRET_GOES_HERE",
        "to-be-set",
        "not-set",
        "TODO",
        "redacted",
        "fake-password",
        "example",
        "generated",
        "unset",
        // Templates and variables.
        "{{ .Values.password }}",
        "{{password}}",
        "<%= password %>",
        "${PASSWORD}",
        "$PASSWORD",
        "$(PASSWORD)",
        "%PASSWORD%",
        "%{PASSWORD}",
        "#{Password}",
        "@@PASSWORD@@",
        "__PASSWORD__",
        "((db-password))",
        "[[password]]",
        "{0}",
        "${{ secrets.DB_PASSWORD }}",
        "var.db_password",
        "data.vault_generic_secret.db[0].data",
        "os.environ['DB_PASSWORD']",
        "getenv(DB_PASSWORD)",
        "process.env.DB_PASSWORD",
        "env:DB_PASSWORD",
        // Ciphertext.
        "ENC(h7Gk2pQ9vL9xT4mN7w==)",
        "ENC[AES256_GCM,data:x]",
        "{cipher}h7Gk2pQ9vL9xT4mN7w",
        "vault:v1:h7Gk2pQ9",
        // Paths.
        "/run/secrets/password",
        "./password.txt",
        "secrets/db/password",
        "C:\\secrets\\db",
        "file:/etc/password",
        "s3://secrets/db",
        // Switches and kinds.
        "true",
        "false",
        "True",
        "yes",
        "off",
        "none",
        "null",
        "enabled",
        "required",
        "string",
        "text",
        "bcrypt",
        "scram-sha-256",
        // Names of secrets, and of keys.
        "db-password",
        "db.password",
        "dbPassword",
        "DB_PASSWORD",
        "rootPassword",
        "POSTGRES_PASS",
        "apiToken",
        "api-token",
        "orders-db-credentials",
        "clientSecret",
        "applicationSecretKey",
        "Password",
        "Passwort",
        "X-Api-Key",
    ];
    let names = [
        "password",
        "DB_PASSWORD",
        "token",
        "API_TOKEN",
        "clientSecret",
        "api_key",
        "JWT_SECRET",
        "credentials",
        "SALT",
    ];
    for name in names {
        for value in values {
            assert_eq!(kind(name, value), None, "{name}={value}");
        }
    }
    for (name, value) in [
        ("secretName", "h7Gk2pQ9vL9xT4mN7w"),
        ("existingSecret", "orders-db-2024"),
        ("passwordKey", "db-password-1"),
        ("SECRETS_MANAGER", "h7Gk2pQ9"),
        ("token", "applicationServiceToken2024"),
        ("API_KEY", "serviceAccountPrincipal"),
        ("SECRET_ID", "h7Gk2pQ9vL9xT4mN7w"),
        ("PASSWORD_HASH_ALGORITHM", "h7Gk2pQ9"),
        ("DATABASE_URL", "postgres://user:password@localhost:5432/db"),
        ("DATABASE_URL", "postgres://app:PASSWORD@db/app"),
        ("DATABASE_URL", "postgres://app:%s@db/app"),
        ("DATABASE_URL", "postgres://db:5432/app?application_name=a@b"),
        ("REPOSITORY", "https://git@git.example.net/app.git"),
        ("IMAGE", "registry.example.net:5000/team/app@sha256:0a1b2c"),
        ("USES", "actions/checkout@v4"),
        (
            "CONNECTION_STRING",
            "Server=db;Database=app;Trusted_Connection=True",
        ),
        ("CONNECTION_STRING", "Server=db;User Id=app;Password=${PASSWORD}"),
        ("CONNECTION_STRING", "Server=db;User Id=app;Password=#{Password}"),
        ("HEADER", "Authorization: Bearer $TOKEN"),
        ("HEADER", "Bearer token"),
        ("HEADER", "Basic authentication"),
        (
            "WEBHOOK",
            "https://hooks.slack.com/services/T000/B000/XXXXXXXXXXXXXXXXXXXXXXXX",
        ),
    ] {
        assert_eq!(kind(name, value), None, "{name}={value}");
        assert!(
            by_name_alone(name, value).is_none() || name == "token" || name == "API_KEY",
            "{name}={value}"
        );
    }
    for (name, value) in [
        ("EXTERNAL_SECRETS", "enabled"),
        ("SECRETS_MANAGER", "vault"),
        ("PASSWORD_ENCRYPTION", "md5"),
        ("SECRET_PROVIDER", "gcp"),
        ("MY_SECRET", "changeme"),
    ] {
        assert!(by_name_alone(name, value).is_none(), "{name}={value}");
    }
}

#[test]
fn passwords_in_addresses_and_settings_of_every_form_are_found() {
    for value in [
        "postgres://app:aB3%40kQ9%2Fx7@db/app",
        "postgres://app:p@ss7Gk2@db/app",
        "postgres://app:h7G/k2p@db:5432/app",
        "postgres://app:h7G k2p@db:5432/app",
        "mongodb+srv://app:h7Gk2pQ9@cluster.example.net/app",
        "amqp://app:h7Gk2pQ9@broker//",
        "amqps://app:h7Gk2pQ9@broker/vhost",
        "nats://h7Gk2pQ9vL9xT4mN@nats:4222",
        "redis://:h7Gk2pQ9@cache/0",
        "jdbc:sqlserver://db:1433;databaseName=app;user=sa;password=h7Gk2pQ9",
        "jdbc:postgresql://db/app?user=app&password=h7Gk2pQ9",
        "jdbc:oracle:thin:app/h7Gk2pQ9@//db:1521/svc",
        "jdbc:oracle:thin:app/h7Gk2pQ9@db:1521:sid",
        "app/h7Gk2pQ9@//db:1521/svc",
        "Data Source=db;User Id=app;Password=h7Gk2pQ9;",
        "Server=tcp:db,1433;Initial Catalog=app;Pwd=h7Gk2pQ9",
        "host=db user=app password='h7G k2pQ9' dbname=app",
        "cache:6380,password=h7Gk2pQ9,ssl=True,abortConnect=False",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=Jx7Qm2Vt9Lr4Wz8Kp1Ny6Hs3Dg5Bc0Fa==;EndpointSuffix=core.windows.net",
        "app:h7Gk2pQ9@tcp(db:3306)/app",
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"app\" password=\"h7Gk2pQ9\";",
        "Authorization: Basic YXBwOmg3R2sycFE5",
        "Basic YXBwOmg3R2sycFE5",
        "Authorization: Bearer h7Gk2pQ9vL9xT4mN7wRs",
        "https://example.net/hook?token=h7Gk2pQ9vL9xT4mN",
        "https://hooks.slack.com/services/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",
    ] {
        let found = classify("CONNECTION_STRING", value);
        let (_, evidence) = found.unwrap_or_else(|| panic!("{value}"));
        assert!(!evidence.contains("h7G"), "{evidence}");
    }
}

#[test]
fn the_evidence_never_holds_the_value() {
    for value in ["h7Gk2pQ9vvLq42", "postgresql://app:h7Gk2pQ9vvLq42@db/app"] {
        let (_, evidence) = classify("DB_PASSWORD", value).unwrap();
        assert!(!evidence.contains("h7Gk2pQ9vvLq42"), "{evidence}");
        // Nor its length.
        assert!(!evidence.bytes().any(|b| b.is_ascii_digit()), "{evidence}");
    }
}

#[test]
fn a_reference_tells_passwords_from_addresses() {
    assert_eq!(
        kind_of_reference("VAULT_TOKEN", "token"),
        Some(SecretKind::VaultToken)
    );
    assert_eq!(
        kind_of_reference("DATABASE_URL", "url"),
        Some(SecretKind::Password)
    );
    for (variable, key) in [
        ("KAFKA_SECURITY_PROTOCOL", "securityProtocol"),
        ("KAFKA_SASL_MECHANISM", "mechanism"),
        ("AWS_ENDPOINT_URL", "endpoint"),
        ("S3_BUCKETS", "bucket"),
        ("S3_HTTP_INSECURE_SKIP_VERIFY", "http_config.insecure_skip_verify"),
        ("GH_APP_SLUG", "github-app-slug"),
        ("WORKFLOW_URL", "workflow-url"),
        ("PGUSER", "POSTGRES_USER"),
        ("SENTRY_DSN", "sentry-dsn"),
        ("STORE", "region"),
    ] {
        assert_eq!(kind_of_reference(variable, key), None, "{variable}");
    }
    for (variable, key) in [
        ("consdb_url", "consdb-url"),
        ("SLACK_WEBHOOK_URL", "slack-webhook"),
        ("KAPACITOR_HTTPPOST_0_URL", "pager-webhook"),
        ("MONGODB_URI", "uri"),
        ("REDIS_URL", "url"),
        ("DB_CONNECTION_STRING", "value"),
        ("DB_DSN", "dsn"),
        ("SLACK_SIGNING", "SLACK_SIGNING"),
    ] {
        assert!(kind_of_reference(variable, key).is_some(), "{variable}");
    }
    assert!(may_be_secret("url") && may_be_secret("DATABASE_URL") && !may_be_secret("host"));
    assert_eq!(kind_of_reference("DATABASE_HOST", "host"), None);
    assert_eq!(kind_of_reference("DB_USER", "user"), None);
    assert_eq!(kind_of_reference("STRIPE", "api-key"), Some(SecretKind::Token));
    assert_eq!(kind_of_reference("SENTRY", "value"), Some(SecretKind::Other));
}

#[test]
fn first_guesses_are_known_alone_and_in_addresses() {
    for value in ["postgres", "ChangeMe", "postgresql://app:postgres@db/app"] {
        assert!(is_first_guess(value), "{value}");
    }
    assert!(!is_first_guess("postgresql://postgres:h7Gk2pQ9@db/app"));
}

#[test]
fn equal_values_have_equal_fingerprints() {
    assert_eq!(fingerprint("a"), fingerprint("a\n"));
    assert_ne!(fingerprint("a"), fingerprint("b"));
}

#[test]
fn entropy_is_shannons() {
    // Two equally frequent characters: −2 × ½·log2 ½ = 1 bit; four: 2 bits; one: 0 bits.
    assert!((entropy("abab") - 1.0).abs() < 1e-12);
    assert!((entropy("abcd") - 2.0).abs() < 1e-12);
    assert!(entropy("aaaa").abs() < 1e-12);
}

proptest! {
    #[test]
    fn no_text_panics(name in "\\PC{0,16}", value in "\\PC{0,40}") {
        let _ = (classify(&name, &value), kind_of_reference(&name, &value), fingerprint(&value));
    }
}

#[test]
fn names_of_secrets_and_of_users_are_no_secrets() {
    for (name, value) in [
        ("client_secret", "oauth2-proxy-client-secret"),
        ("cookie_secret", "oauth2-proxy-cookie-secret"),
        ("TOKEN", "s3cret"),
    ] {
        assert_eq!(classify(name, value), None, "{value}");
    }
    assert!(is_user_of_store("accesskey", "minio") && is_user_of_store("S3_ACCESS_KEY", "app-user"));
    assert!(!is_user_of_store("secret_access_key", "minio") && !is_user_of_store("secretkey", "minio"));
    assert!(!is_user_of_store("accesskey", "Gk2pQ9vL9xT4mN7aB3"));
    assert_eq!(by_name_alone("MINIO_ACCESS_KEY", "minio"), None);
}

#[test]
fn the_address_of_an_error_tracker_is_public() {
    let key = "0123456789abcdef0123456789abcdef";
    for (dsn, secret) in [
        (format!("https://{key}@o1.ingest.us.sentry.io/45"), false),
        (format!("https://{key}@errors.example.com/7"), false),
        (format!("https://{key}:{key}@o1.ingest.sentry.io/45"), true),
        (format!("https://{key}@git.example.com/team/repo"), true),
    ] {
        assert_eq!(classify("MONITORING_DSN", &dsn).is_some(), secret, "{dsn}");
    }
}
