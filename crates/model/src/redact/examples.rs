//! Lines of every kind of file as they are shown, one by one.

use super::scan::scan;
use super::{joined, masked, replaced};
use std::path::Path;

const SECRET: &str = "h7Gk2pQ9vLx4";

/// Texts that are shown in another way than they should be.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    /// Checks texts in which `@@` is the secret: each is shown with `***` in its place and nothing else hidden.
    fn hides<T: AsRef<str>>(&mut self, file: &str, texts: &[T]) {
        for text in texts.iter().map(AsRef::as_ref) {
            self.compare(file, &text.replace("@@", SECRET), &text.replace("@@", "***"));
        }
    }

    /// Checks that texts are shown as they are.
    fn shows(&mut self, file: &str, texts: &[&str]) {
        for text in texts {
            self.compare(file, text, text);
        }
    }

    fn compare(&mut self, file: &str, text: &str, wanted: &str) {
        let hidden = scan(Path::new(file), text).into_iter().map(|hidden| hidden.range);
        let shown = replaced(text, &joined(hidden.collect()));
        if shown != wanted {
            self.0.push(format!("{file}:\n{shown}wanted:\n{wanted}"));
        }
    }

    #[track_caller]
    fn none(&self) {
        assert!(self.0.is_empty(), "{}", self.0.join("\n"));
    }
}

#[test]
fn values_under_short_names_and_names_of_other_languages_are_hidden() {
    let mut wrong = Wrong::default();
    for name in [
        "DBPASS",
        "DB_PASS",
        "dbPass",
        "DB_PW",
        "rootpw",
        "GITHUB_PAT",
        "githubPat",
        "GH_PAT",
        "STRIPE_SK",
        "SALT",
        "PASSWORD_SALT",
        "pepper",
        "SENHA",
        "contraseña",
        "CONTRASEÑA",
        "contrasena",
        "clave",
        "BD_CLAVE",
        "mot_de_passe",
        "motDePasse",
        "mdp",
        "MDP",
        "passwort",
        "DB_KENNWORT",
        "wachtwoord",
        "hasło",
        "пароль",
        "密码",
        "SECRET_KEY_BASE",
        "DB_PASSWORD_2",
        "creds",
        "pswd",
        "reset_password",
    ] {
        let (yaml, env) = (format!("{name}: @@\n"), format!("{name}=@@\n"));
        let json = format!("{{\"{name}\": \"@@\"}}\n");
        wrong.hides("a.yaml", &[&yaml, &json]);
        wrong.hides("a.env", &[&env]);
        wrong.hides("a.json", &[&json]);
        wrong.hides("a.sh", &[env.clone(), format!("export {env}")]);
        let quoted = format!("{name} = \"@@\"\n");
        wrong.hides("a.toml", &[&quoted]);
        if name.is_ascii() {
            wrong.hides("a.py", &[&quoted]);
            wrong.hides("a.tf", &[&quoted]);
        }
    }
    wrong.shows(
        "a.yaml",
        &[
            "PASS_THROUGH: X-Request-Id\n",
            "bypass: always\n",
            "path: a/b\n",
            "pattern: a.*b\n",
            "lang: sk\n",
            "task: build1\n",
            "sk: Slovak\n",
            "compass: north\n",
            "enclave: nitro\n",
            "kubernetes.io/sk: x1\n",
            "connection_string: host=db port=5432\n",
            "random_seed: 42\n",
        ],
    );
    wrong.none();
}

#[test]
fn arguments_of_commands_are_hidden_in_every_file() {
    let mut wrong = Wrong::default();
    let commands = [
        "app -password @@ --level info",
        "app --password=@@",
        "app --password @@ -v",
        "curl -u app:@@ https://example.net",
        "curl -uapp:@@ https://example.net",
        "curl -fsSu app:@@ https://example.net",
        "curl --user app:@@ https://example.net",
        "curl --user=app:@@ https://example.net",
        "redis-cli -h cache -a @@ ping",
        "redis-cli -a@@ ping",
        "docker login -u app -p @@ registry.example.net",
        "mongo -u app -p @@ db",
        "mongosh -u app -p@@ db",
        "mysql -u root -p@@ app",
        "mysqladmin ping -p@@",
        "psql postgres://app:@@@db/app",
        "vault login @@",
        "sshpass -p @@ ssh host",
        "sshpass -p@@ ssh host",
        "x; PGPASSWORD=@@ psql -h db",
        "env PGPASSWORD=@@ psql -h db",
        "ldapsearch -x -w @@ -b dc=x",
        "openssl rsa -passin pass:@@ -in key",
        "rabbitmqctl add_user app @@",
        "sqlplus app/@@@db",
        "sqlcmd -S db -P @@",
        "java -Djavax.net.ssl.keyStorePassword=@@ -jar a.jar",
        "kubectl create secret generic x --from-literal=password=@@",
        "echo @@ | docker login -u app --password-stdin",
    ];
    let headers = [
        "curl -H 'Authorization: Bearer @@' https://example.net",
        "curl -H \"Authorization: Bearer @@\" https://example.net",
        "curl -H 'X-Api-Key: @@' https://example.net",
        "curl -u 'app:@@' https://example.net",
        "redis-cli -a '@@' ping",
        "redis-cli -a \"@@\" ping",
        "mysql -p'@@' app",
        "mysql -p\"@@\" app",
        "app --password '@@'",
        "echo '@@' | docker login -u app --password-stdin",
        "echo 'app:@@' | chpasswd",
        "echo \"machine github.com login app password @@\" > ~/.netrc",
        "echo 'db:5432:app:app:@@' > ~/.pgpass",
        "htpasswd -nb app @@ > auth",
        "npm config set //registry.npmjs.org/:_authToken @@",
    ];
    for command in commands {
        wrong.hides("a.sh", &[format!("{command}\n"), format!("x && {command}; y\n")]);
        wrong.hides("Dockerfile", &[format!("RUN {command}\n")]);
        wrong.hides("Makefile", &[format!("deploy:\n\t{command}\n")]);
        wrong.hides(
            ".github/workflows/a.yml",
            &[
                format!("      - run: {command}\n"),
                format!("      - run: |\n          {command}\n"),
            ],
        );
        wrong.hides(
            "compose.yaml",
            &[
                format!("    command: {command}\n"),
                format!("    command: \"{command}\"\n"),
            ],
        );
        let items: Vec<String> = command.split(' ').map(|word| format!("\"{word}\"")).collect();
        if !command.contains('|') && !command.contains(';') {
            wrong.hides("pod.yaml", &[format!("  command: [{}]\n", items.join(", "))]);
            wrong.hides("Dockerfile", &[format!("CMD [{}]\n", items.join(", "))]);
            wrong.hides("a.json", &[format!("{{\"command\": [{}]}}\n", items.join(", "))]);
            wrong.hides(
                "pod.yaml",
                &[format!("  command: [{}]\n", command.replace(' ', ", "))],
            );
            wrong.hides(
                "pod.yaml",
                &[format!("  args:\n    - {}\n", command.replace(' ', "\n    - "))],
            );
            wrong.hides(
                "a.json",
                &[format!("{{\"command\": [\n    {}\n]}}\n", items.join(",\n    "))],
            );
            wrong.hides("a.sh", &[format!("{}\n", command.replace(' ', " \\\n  "))]);
        }
        wrong.hides(
            "pod.yaml",
            &[
                format!("  command: [sh, -c, \"{command}\"]\n"),
                format!("  args:\n    - {command}\n"),
            ],
        );
    }
    for command in headers {
        wrong.hides("a.sh", &[format!("{command}\n")]);
        wrong.hides("Dockerfile", &[format!("RUN {command}\n")]);
        wrong.hides(
            "a.yml",
            &[
                format!("      - run: {command}\n"),
                format!("  run: |\n    {command}\n"),
            ],
        );
    }
    wrong.shows(
        "a.sh",
        &[
            "docker run -p 8080:80 app\n",
            "docker run --name mysql -p 3306:3306 mysql:8\n",
            "mkdir -p /data/x && cp -a from to\n",
            "redis-cli -a $REDIS_PASSWORD ping\n",
            "redis-cli -a \"$REDIS_PASSWORD\" ping\n",
            "mysql -p$MYSQL_PASSWORD app\n",
            "mysql -p\"${MYSQL_PASSWORD}\" app\n",
            "curl -u app:$PASSWORD https://example.net\n",
            "curl -u \"$USER:$PASSWORD\" https://example.net\n",
            "curl -H \"Authorization: Bearer $TOKEN\" https://example.net\n",
            "PGPASSWORD=$PASSWORD psql -h db -p 5432\n",
            "echo \"$TOKEN\" | docker login -u app --password-stdin\n",
            "vault login -method=kubernetes role=app\n",
            "ssh -p 22 host\n",
        ],
    );
    wrong.shows(
        "a.yml",
        &[
            "  - run: docker login -u app -p ${{ secrets.TOKEN }} registry\n",
            "  - run: curl -u app:${{ secrets.TOKEN }} https://example.net\n",
            "  command: [redis-cli, -a, $(REDIS_PASSWORD), ping]\n",
        ],
    );
    wrong.none();
}

#[test]
fn passwords_in_addresses_and_settings_of_every_form_are_hidden() {
    let mut wrong = Wrong::default();
    let values = [
        "postgres://app:@@@db/app",
        "postgres://app:a%40@@%2Fx@db/app",
        "postgres://app:p@ss@@@db/app",
        "nats://@@@nats:4222",
        "nats://short@nats:4222",
        "amqp://app:@@@broker//",
        "mongodb+srv://app:@@@cluster.example.net/app",
        "mongodb://app:@@@a:27017,b:27017/app",
        "redis://:@@@cache/0",
        "jdbc:sqlserver://db:1433;databaseName=app;user=sa;password=@@",
        "jdbc:postgresql://db/app?user=app&password=@@",
        "jdbc:oracle:thin:app/@@@//db:1521/svc",
        "app/@@@//db:1521/svc",
        "Server=db;User Id=app;Password=@@;",
        "Data Source=db;Uid=app;Pwd=@@",
        "host=db user=app password=@@ dbname=app",
        "app:@@@tcp(db:3306)/app",
        "https://hooks.slack.com/services/T0A1B2C3D/B0A1B2C3D/@@",
    ];
    for value in values {
        let value = value
            .replace("p@ss@@", "@@")
            .replace("a%40@@%2Fx", "@@")
            .replace("short", "@@");
        for (file, text) in [
            ("a.yaml", format!("url: {value}\n")),
            ("a.yaml", format!("url: \"{value}\"\n")),
            ("a.yaml", format!("  - name: URL\n    value: '{value}'\n")),
            ("a.env", format!("URL={value}\n")),
            ("a.properties", format!("url={value}\n")),
            ("a.tf", format!("url = \"{value}\"\n")),
            ("a.py", format!("connect(\"{value}\")\n")),
            ("a.json", format!("{{\"url\": \"{value}\"}}\n")),
            ("a.sh", format!("run \"{value}\"\n")),
        ] {
            wrong.hides(file, &[&text]);
        }
    }
    let odd = [
        (
            "url: postgres://app:p@ss7Gk2@db/app\n",
            "url: postgres://app:***@db/app\n",
        ),
        (
            "url: \"postgres://app:two words7@db/app\"\n",
            "url: \"postgres://app:***@db/app\"\n",
        ),
        (
            "url: postgres://app:two words7@db/app\n",
            "url: postgres://app:***@db/app\n",
        ),
        (
            "url: postgres://app:h7G/k2p@db:5432/app\n",
            "url: postgres://app:***@db:5432/app\n",
        ),
        (
            "url: postgres://app:h7G?k2p#x@db:5432/app\n",
            "url: postgres://app:***@db:5432/app\n",
        ),
        (
            "url: postgres://app:a%40h7Gk%2Fx@db/app\n",
            "url: postgres://app:***@db/app\n",
        ),
        ("run: curl -u 'app:two words' x\n", "run: curl -u 'app:***' x\n"),
        ("url: nats://short@nats:4222\n", "url: nats://***@nats:4222\n"),
        (
            "a: \"Authorization: Basic YXBwOmg3R2sycFE5\"\n",
            "a: \"Authorization: Basic ***\"\n",
        ),
    ];
    for (text, wanted) in odd {
        assert_eq!(masked(Path::new("a.yaml"), text), wanted);
    }
    wrong.shows(
        "a.yaml",
        &[
            "url: https://registry.example.net:5000/@scope/x\n",
            "uses: actions/checkout@v4\n",
            "image: registry.example.net:5000/team/app@sha256:0a1b2c\n",
            "text: see http://example.net:80/x and write to a@example.net\n",
            "url: nats://nats:4222\n",
        ],
    );
    wrong.none();
}

#[test]
fn files_of_tools_and_broken_yaml_hide_their_secrets() {
    let mut wrong = Wrong::default();
    wrong.hides(
        "a.yaml",
        &[
            "password: !!str &a @@\n",
            "password: &a @@\n",
            "password: !secret @@\n",
            "password: &a \"@@\"\n",
            "password: !!str &a |\n  @@\n  @@\nb: 1\n",
            "\"password\" : @@\n",
            "'password': '@@'\n",
            "? password\n: @@\n",
            "password: \"@@\n",
            "password: '@@\n",
            "password: \"\\\n  @@\"\nb: 1\n",
            "\tpassword: @@\n",
            "password:@@\n",
            "password: |-2\n    @@\nb: 1\n",
            "{password: @@, b: 1}\n",
            "password: >\n\n  @@\n\n  @@\n",
            "data:\n  .pgpass: |\n    @@\n",
            "data:\n  .netrc: |\n    machine github.com\n    login app\n    password @@\n",
            "data:\n  .npmrc: |\n    //registry.npmjs.org/:_authToken=@@\n",
            "data:\n  pip.conf: |\n    index-url = https://app:@@@pypi.example.net/simple\n",
            "data:\n  config.json: '{\"auths\": {\"x\": {\"auth\": \"YXBwOmg3R2sycFE5\"}}}'\n"
                .replace("YXBwOmg3R2sycFE5", "***")
                .as_str(),
        ],
    );
    wrong.hides(
        ".npmrc",
        &[
            "//registry.npmjs.org/:_authToken=@@\n",
            "_auth=YXBwOmg3R2sycFE5\n"
                .replace("YXBwOmg3R2sycFE5", "***")
                .as_str(),
        ],
    );
    wrong.hides(
        "pip.conf",
        &["index-url = https://app:@@@pypi.example.net/simple\n"],
    );
    wrong.hides(
        ".netrc",
        &[
            "machine github.com login app password @@\n",
            "machine x\nlogin app\npassword @@\n",
        ],
    );
    let docker = "{\"auths\": {\"r.example.net\": {\"auth\": \"YXBwOmg3R2sycFE5\"}}}\n";
    assert_eq!(
        masked(Path::new("config.json"), docker),
        docker.replace("YXBwOmg3R2sycFE5", "***")
    );
    assert_eq!(
        masked(Path::new(".npmrc"), "_auth=YXBwOmg3R2sycFE5\n"),
        "_auth=***\n"
    );
    wrong.hides(
        "main.tf",
        &[
            "password = <<-EOT\n  @@\nEOT\nb = 1\n",
            "user_data = <<EOF\nexport DB_PASSWORD=@@\nmysql -p@@ app\nEOF\n",
            "\"password\" = \"@@\"\n",
            "password : \"@@\"\n",
        ],
    );
    wrong.hides(
        "Dockerfile",
        &[
            "ENV DB_PASSWORD=@@\n",
            "ENV DB_PASSWORD @@\n",
            "ENV A=1 DB_PASSWORD=@@ B=2\n",
            "ENV A=1 \\\n    DB_PASSWORD=@@ \\\n    B=2\n",
            "ARG NPM_TOKEN=@@\n",
            "RUN --mount=type=secret,id=x export TOKEN=@@ && run\n",
            "RUN <<EOF\nexport TOKEN=@@\nmysql -p@@\nEOF\n",
            "LABEL token=\"@@\"\n",
            "HEALTHCHECK CMD redis-cli -a @@ ping\n",
        ],
    );
    wrong.hides(
        "Makefile",
        &[
            "DBPASS ?= @@\n",
            "export GITHUB_PAT := @@\n",
            "\tPGPASSWORD=@@ psql\n",
        ],
    );
    wrong.none();
}

#[test]
fn forms_that_only_some_texts_have_are_hidden() {
    let mut wrong = Wrong::default();
    // A value that only looks like two words: nothing but its place proves that it is a secret.
    let lines = [
        "<password>@@</password>",
        "<property name=\"password\">@@</property>",
        "<name>javax.jdo.option.ConnectionPassword</name><value>@@</value>",
        "<a:apiToken>@@</a:apiToken><b>c</b>",
        "Authorization: Token @@",
        "Cookie: session=@@; theme=dark",
        "Set-Cookie: sid=@@; Path=/",
        "dsn: app:@@@db/shop",
        "url: //app:@@@db.internal/shop",
        "app:@@@db.internal:5432",
        "user default on >@@ ~* +@all",
        "command: rabbitmqctl change_password bob @@",
        "command: vault kv put secret/db value=@@",
        "command: mc alias set store http://minio:9000 admin @@",
        "command: http -a admin:@@ https://example.net",
        "command: openssl enc -aes-256-cbc -k @@",
        "command: echo '@@' > /run/secrets/db_password",
        "command: printf @@ | kubectl create secret generic db --from-file=password=/dev/stdin",
        "command: mysql -e \"SET PASSWORD FOR app = PASSWORD('@@')\"",
        "DB_PASSWORD @@",
        "DB_PASSWORD -> @@",
        "DB_PASSWORD is @@",
        "password; @@",
        "password| @@",
        "password:: @@",
        "if password == \"@@\":",
        "assert token != \"@@\"",
        "variable \"db_password\" { default = \"@@\" }",
    ];
    for file in ["a.yaml", "a.sh", "a.tf", "a.env", "a.txt"] {
        for line in lines {
            let text = line.replace("@@", "bluemonkey1");
            let hidden = scan(Path::new(file), &text)
                .into_iter()
                .map(|hidden| hidden.range);
            let shown = replaced(&text, &joined(hidden.collect()));
            if shown.contains("bluemonkey") {
                wrong.0.push(format!("{file}: {shown}"));
            }
        }
    }
    wrong.hides("a.xml", &["<name>db.password</name>\n<value>@@</value>\n"]);
    wrong.shows(
        "a.yaml",
        &[
            "image: registry.example.net:5000/app:1.2@sha256:abcdefabcdefabcdefabcdefabcdef\n",
            "uses: docker/login-action@v3\n",
            "from: npm:react@17.0.2\n",
            "to: mailto:someone@example.net\n",
            "<name>replicas</name><value>3</value>\n",
            "repository: git@github.com:team/repo.git\n",
            "# password must be long\n",
            "password is not written here\n",
            "user admin > /dev/null\n",
        ],
    );
    wrong.none();
}
