//! Passwords as people choose them, which do not look random: only their key, their command or their place shows what
//! they are.

use super::masked;
use std::path::Path;

const SECRET: &str = "Kittywake77x";

/// Places of a secret, `@@`, each with the name of its file.
const HIDDEN: &[(&str, &str)] = &[
    // --- a token alone as the user of an address ----------------------------------------------------
    (
        "kustomization.yaml",
        "resources: [\"git::https://@@@github.com/a/b//c\"]\n",
    ),
    (
        "main.tf",
        "module \"a\" {\n  source = \"git::https://@@@git.example.net/x.git\"\n}\n",
    ),
    (
        "application.yaml",
        "spec:\n  source:\n    repoURL: https://@@@github.com/r\n",
    ),
    ("a.sh", "git clone https://@@@github.com/a/b\n"),
    ("Makefile", "get:\n\tgit clone https://@@@github.com/a/b\n"),
    ("a.py", "clone(\"https://@@@github.com/a/b\")\n"),
    // --- in manifests -------------------------------------------------------------------------------
    ("pod.yaml", "  command: [\"redis-cli\",\"AUTH\",\"@@\"]\n"),
    (
        "pod.yaml",
        "  command: [sh, -c, \"mysqladmin -u root password @@\"]\n",
    ),
    ("pod.yaml", "  args:\n    - redis-cli\n    - AUTH\n    - @@\n"),
    ("pod.yaml", "data:\n  NEO4J_AUTH: neo4j/@@\n"),
    ("pod.yaml", "env:\n  - {name: SMTP_AUTH, value: \"bob:@@\"}\n"),
    ("pod.yaml", "env:\n  - {name: MQ_CRED, value: @@}\n"),
    ("pod.yaml", "env:\n  - {nam: TOKEN, value: @@}\n"),
    ("pod.yaml", "env:\n  - {name: TOKEN, valu: @@}\n"),
    ("pod.yaml", "env:\n  - nmae: API_TOKEN\n    value: @@\n"),
    ("pod.yaml", "env:\n  - name: API_TOKEN\n    vlaue: @@\n"),
    ("pod.yaml", "env:\n  - {name: DB_PASSWORD, value: {a: @@}}\n"),
    ("pod.yaml", "env:\n  - name: DB_PASSWORD\n    value: {a: @@}\n"),
    (
        "pod.yaml",
        "env:\n  - name: DB_PASSWORD\n    value:\n      a: @@\n",
    ),
    (
        "pod.yaml",
        "env:\n  - name: DB_PASSWORD\n    value:\n      - @@\n",
    ),
    (
        "secret.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: @@\n",
    ),
    (
        "secret.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata: [@@]\n",
    ),
    (
        "secret.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\ndata:\n- @@\n",
    ),
    // --- in Python and properties -------------------------------------------------------------------
    ("a.py", "auth = HTTPBasicAuth(\"bob\", \"@@\")\n"),
    ("a.py", "requests.get(u, auth=(\"bob\", \"@@\"))\n"),
    ("a.py", "smtp.login(\"bob\",\"@@\")\n"),
    ("a.py", "client.login('bob', '@@')\n"),
    ("a.py", "parser.add_argument(\"--password\", default=\"@@\")\n"),
    (
        "a.py",
        "parser.add_argument(\"--token\", type=str, default='@@')\n",
    ),
    ("a.py", "box = Fernet(b\"@@\")\n"),
    ("a.py", "box = Fernet(\"@@\n"),
    ("a.py", "smtp.login(\"bob\", @@\")\n"),
    ("a.py", "jwt.encode(p, \"@@\", algorithm=\"HS256\")\n"),
    ("a.properties", "x.url=Bearer @@\n"),
    ("a.properties", "x.url=Basic @@\n"),
];

/// Names of keys of secrets, in every format.
const NAMES: &[&str] = &[
    "psk",
    "wpa_psk",
    "ssh_key",
    "ENC_KEY",
    "crypt_key",
    "deploy_key",
    "security_key",
    "stripe_key",
    "sentry_key",
    "vault_unseal_key",
    "otp_seed",
    "pin_code",
    "unlock_code",
    "npm_auth",
    "twilio_auth",
    "basic_auth",
    "auth",
    "authorization",
    "community",
    "connectionString",
    "my_pat",
];

/// Commands with a secret.
const COMMANDS: &[&str] = &[
    "kubectl create secret generic app --from-literal=foo=@@ && kubectl get pods",
    "kubectl create secret generic app --from-literal foo=@@ --from-literal bar=@@",
    "kubectl -n x create secret generic app --from-literal='foo=@@'",
    "kubectl create secret generic app --from-literal=a_key=@@",
    "kubectl create secret generic app --from-literal=foo=\"@@\" --from-literal bar='@@'",
    "fly secrets set FOO=\"@@\" BAR='@@'",
    "REDISCLI_AUTH=@@ redis-cli ping",
    "redis-cli AUTH @@",
    "redis-cli AUTH @@=",
    "kubectl create secret generic app --from-literal=foo=@@=",
    "mysqladmin -u root password @@",
    "oc login -u bob -p @@",
    "twine upload -u bob -p @@ dist/*",
    "useradd -p @@ bob",
    "ipmitool -U a -P @@ -H h",
    "lftp -u bob,@@ h",
    "snmpwalk -v2c -c @@ h",
    "aws ssm put-parameter --name a --type SecureString --value @@",
    "aws ssm put-parameter --name a --value @@ --type SecureString",
    "az keyvault secret set --vault-name v --name n --value @@",
    "echo -n @@ | gcloud secrets versions add db --data-file=-",
    "printf '%s' \"@@\" | gcloud secrets create db --data-file=-",
    "gh secret set FOO --body @@",
    "gh secret set FOO -b\"@@\"",
    "wrangler secret put FOO <<< @@",
    "fly secrets set FOO=@@",
    "doctl auth init -t @@",
    "snyk auth @@",
    "sonar-scanner -Dsonar.login=@@",
    "echo '@@' | sudo -S ls",
    "read -r pass <<< \"@@\"",
    "read -r API_TOKEN <<< @@",
    "export PASS=$(echo @@ | base64)",
    "DB_PASSWORD=\"$(printf '%s' '@@')\"",
    "curl -b \"session=@@\" https://example.net",
    "curl --cookie \"a=1; sessionid=@@\" https://example.net",
    "curl -H \"Authorization: @@\" https://example.net",
];

/// What is not a secret, and stays.
const SHOWN: &[(&str, &str)] = &[
    (
        "a.yaml",
        "name: web\nprimary_key: id\nsort_key: created1at\npartition_key: user_id\npublic_key: abc12345x\nkey_id: abc12345x\nkeyName: abc12345x\n\
         routing_key: orders2created\ntopologyKey: topology.kubernetes.io/zone\nsecretKeyRef: {name: db1credentials, key: password}\n",
    ),
    (
        "a.yaml",
        "auth: basic\nauth: none\nauth: true\nauth: scram-sha-256\nauthorization: {mode: RBAC}\nauthorization: Node,RBAC\ncommunity: public\nssh_key: laptop\n\
         ssh_key: ~/.ssh/id_rsa\nssh_key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIG me@example.net\ndeploy_key: false\nSMTP_AUTH: login\n\
         connectionString: db1.example.net:5432\nconnection_string: host=db port=5432\nproxy_auth: oauth2-proxy\n",
    ),
    (
        "a.yaml",
        "auth:\n  method: kubernetes\n  role: app1service\nauthorization:\n  type: ClientCredentials\n  values:\n    - app1service2\n",
    ),
    (
        "a.yaml",
        "env:\n  - {name: AUTH, value: basic}\n  - {name: LOG_LEVEL, value: {a: info1debug}}\n  - {game: chess2000x, value: abc12345x}\n  \
         - name: DB_PASSWORD\n    valueFrom:\n      secretKeyRef:\n        name: db1credentials\n        key: password\n",
    ),
    (
        "a.sh",
        "git clone https://git@github.com/a/b\ngit clone https://oauth2@gitlab.com/a/b\ngit clone https://x-access-token@github.com/a/b\n\
         git clone https://team@dev.azure.com/team/project/_git/b\ngit clone https://$TOKEN@github.com/a/b\ngit clone https://github.com/a/b@v1\n\
         kubectl get secret app -o jsonpath='{.data.password}'\nkubectl label secret app env=production1\n\
         kubectl create configmap app --from-literal=foo=Kittywake77x\nkubectl create secret generic app --namespace=shop12345 --dry-run=client\n\
         oc process -p NAME=web1frontend\nsnmpwalk -v2c -c public h\naws ssm put-parameter --name a --type String --value web1frontend\n\
         echo web1frontend | sudo tee /etc/hostname\nuseradd -m web1frontend\ncurl -b cookies1.txt https://example.net\n\
         curl -H \"Authorization: $TOKEN\" https://example.net\ngh issue create --title a --body web1frontend\nfly deploy --app web1frontend\n\
         VERSION=$(echo web1frontend | cut -c1)\nread -r name <<< web1frontend\nvault kv put -mount=secret12345 a -\n",
    ),
    (
        "a.py",
        "parser.add_argument(\"--auth\", default=\"basic\")\nmode = os.getenv(\"AUTH\", \"basic\")\nclient.login(\"bob\", password)\nlogin(\"web1frontend\", \"db2backend\")\n\
         jwt.encode(p, settings.key)\nauth = config.auth2\n",
    ),
];

/// The text as it is shown.
fn shown(file: &str, text: &str) -> String {
    masked(Path::new(file), text)
}

#[test]
fn passwords_that_do_not_look_random_are_hidden_by_their_place() {
    let mut wrong = Vec::new();
    let mut hides = |file: &str, text: &str| {
        let text = text.replace("@@", SECRET);
        let shown = shown(file, &text);
        if shown.contains(SECRET) {
            wrong.push(format!("{file}: {shown}"));
        }
    };
    for (file, text) in HIDDEN {
        hides(file, text);
    }
    for name in NAMES {
        for (file, text) in [
            ("a.yaml", format!("{name}: @@\n")),
            ("a.yaml", format!("{name}: [@@, b]\n")),
            ("a.yaml", format!("- {{name: {name}, value: \"@@\"}}\n")),
            ("a.json", format!("{{\"{name}\": \"@@\"}}\n")),
            ("a.env", format!("{name}=@@\n")),
            ("a.env", format!("export X_{name} = '@@'\n")),
            ("a.properties", format!("app.{name}=@@\n")),
            ("a.ini", format!("{name} = @@\n")),
            ("a.toml", format!("{name} = \"@@\"\n")),
            ("main.tf", format!("  {name} = \"@@\"\n")),
            ("a.py", format!("{name} = \"@@\"\n")),
            ("a.py", format!("os.getenv(\"{name}\", \"@@\")\n")),
            ("a.xml", format!("<{name}>@@</{name}>\n")),
            ("a.sh", format!("{name}=@@ ./run\n")),
        ] {
            hides(file, &text);
        }
    }
    for command in COMMANDS {
        hides("a.sh", &format!("{command}\n"));
        hides("Makefile", &format!("all:\n\tx=1; {command}\n"));
        hides("Dockerfile", &format!("RUN {command}\n"));
        hides("a.yml", &format!("  - run: |\n      {command}\n"));
        hides("pod.yaml", &format!("    args:\n    - >-\n      {command}\n"));
    }
    assert!(wrong.is_empty(), "{}", wrong.join(""));
}

#[test]
fn ordinary_values_under_similar_keys_stay() {
    for (file, text) in SHOWN {
        assert_eq!(&shown(file, text), text, "{file}");
    }
}
