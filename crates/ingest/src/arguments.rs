//! Secrets in the words of a command line. Everyone who lists the processes of a machine sees them.

use crate::secret_scan::{self, Command};
use cofferdam_model::secrets::SecretLiteral;
use cofferdam_model::{Fact, Span};
use cofferdam_syntax::tree::Node;

/// The secrets in a command, given as its words or as lines for a shell. With `guesses`, a password that everybody
/// tries first counts too.
pub(crate) fn secrets(command: &[Fact<String>], guesses: bool) -> Vec<SecretLiteral> {
    let mut found = Vec::new();
    let mut words = Command::default();
    for part in command {
        let Some(span) = part.span() else { continue };
        let text = part.value.as_str();
        let mut add = |name: &str, key: &str, value: &str| {
            if (guesses || !secret_scan::is_first_guess(value))
                && let Some(secret) = secret_scan::classify(key, value)
            {
                found.push(secret_scan::literal(name, value, span, secret));
            }
        };
        if text.contains(char::is_whitespace) && !words.expects_value() {
            for (argument, value) in secret_scan::in_command(text) {
                add(&argument.name, &argument.key, &value);
            }
        } else if let Some(argument) = words.word(text, false) {
            add(&argument.name, &argument.key, &text[argument.range]);
        }
        // Addresses with a password, and known tokens, under any name.
        for word in text.split_whitespace().map(|word| word.trim_matches(['"', '\''])) {
            let option = word.strip_prefix("--").and_then(|w| w.split_once('='));
            match option {
                Some((name, value)) => add(name, name, value),
                None => add("an argument", "", word),
            }
        }
    }
    // A secret that is found in two ways is one.
    found.sort_by_key(|literal| (literal.span, literal.fingerprint));
    found.dedup_by_key(|literal| (literal.span, literal.fingerprint));
    found
}

/// The words of a command, in a list or in one text.
pub(crate) fn words(node: &Node) -> Vec<Fact<String>> {
    let items = if node.as_str().is_some() {
        std::slice::from_ref(node)
    } else {
        node.items()
    };
    let declared = |item: &Node| Some(Fact::declared(item.as_str()?.to_owned(), item.span));
    items.iter().filter_map(declared).collect()
}

/// The secret of a setting under `name` in a file of which only the place of the line is known.
pub(crate) fn setting(name: &str, value: &str, span: Span) -> Option<SecretLiteral> {
    let secret = secret_scan::classify(name, value)?;
    (!secret_scan::is_first_guess(value)).then(|| secret_scan::literal(name, value, span, secret))
}

#[cfg(test)]
mod tests {
    use crate::pipeline::read_files;

    fn names(path: &str, text: &str) -> Vec<String> {
        let web = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n";
        let files = [("k8s/web.yaml", web), (path, text)];
        let platform = read_files(files.map(|(p, t)| (p.into(), t.as_bytes().to_vec())));
        let literals = platform.environments.iter().flat_map(|env| &env.secret_literals);
        let mut names: Vec<String> = literals.map(|literal| literal.name.clone()).collect();
        names.sort();
        names.dedup();
        names
    }

    fn pod(container: &str) -> Vec<String> {
        names(
            "k8s/pod.yaml",
            &format!(
                "apiVersion: v1\nkind: Pod\nmetadata: {{name: a}}\nspec:\n  containers:\n    - name: a\n      image: r/a:1\n      {container}\n"
            ),
        )
    }

    #[test]
    fn a_password_is_found_by_what_the_program_takes() {
        for (container, name) in [
            ("command: [redis-cli, -a, h7Gk2pQ9, ping]", "redis-cli -a"),
            (
                "command: [redis-cli]\n      args: [-a, h7Gk2pQ9, ping]",
                "redis-cli -a",
            ),
            ("command: [sh, -c, 'mysql -ph7Gk2pQ9 app']", "mysql -p"),
            ("args: [--password, h7Gk2pQ9]", "password"),
            ("args: [redis-server, --requirepass, h7Gk2pQ9]", "requirepass"),
            ("args: ['--db-password=h7Gk2pQ9']", "db-password"),
            (
                "command: [sh, -c, 'PGPASSWORD=h7Gk2pQ9 psql -h db']",
                "PGPASSWORD",
            ),
            (
                "command: [curl, -H, 'Authorization: Bearer h7Gk2pQ9vL9xT4mN']",
                "Authorization",
            ),
            ("command: [curl, -u, 'app:h7Gk2pQ9', 'https://x']", "curl -u"),
            (
                "livenessProbe: {exec: {command: [redis-cli, -a, h7Gk2pQ9, ping]}}",
                "redis-cli -a",
            ),
            (
                "lifecycle: {postStart: {exec: {command: [sh, -c, 'mysql -ph7Gk2pQ9']}}}",
                "mysql -p",
            ),
            ("args: ['postgres://app:h7Gk2pQ9@db/app']", "an argument"),
        ] {
            assert_eq!(pod(container), [name], "{container}");
        }
        for container in [
            "command: [redis-cli, -a, $(REDIS_PASSWORD), ping]",
            "command: [sh, -c, 'redis-cli -a $REDIS_PASSWORD ping']",
            "command: [sh, -c, 'mysql -p\"${MYSQL_PASSWORD}\" app']",
            "args: [--password, /run/secrets/password]",
            "args: [--password-file, h7Gk2pQ9]",
            "args: [--token, changeme]",
            "args: [--use-password, always]",
            "command: [docker, run, -p, '8080:80', app]",
            "command: [curl, -H, 'Authorization: Bearer $(TOKEN)']",
        ] {
            assert!(pod(container).is_empty(), "{container}: {:?}", pod(container));
        }
    }

    #[test]
    fn commands_and_checks_of_compose_are_read() {
        let compose = |line: &str| {
            names(
                "compose.yaml",
                &format!("services:\n  cache:\n    image: redis:7\n    {line}\n"),
            )
        };
        assert_eq!(
            compose("command: redis-server --requirepass h7Gk2pQ9"),
            ["requirepass"]
        );
        assert_eq!(
            compose("command: [redis-server, --requirepass, h7Gk2pQ9]"),
            ["requirepass"]
        );
        assert_eq!(
            compose("healthcheck: {test: [CMD, redis-cli, -a, h7Gk2pQ9, ping]}"),
            ["redis-cli -a"]
        );
        for line in [
            "command: redis-server --requirepass ${REDIS_PASSWORD}",
            "command: redis-server --requirepass $$REDIS_PASSWORD",
            // For the developer's own machine.
            "healthcheck: {test: mysqladmin ping -proot}",
        ] {
            assert!(compose(line).is_empty(), "{line}: {:?}", compose(line));
        }
    }

    #[test]
    fn instructions_of_a_dockerfile_are_read() {
        let docker = |text: &str| names("web/Dockerfile", &format!("FROM a\n{text}\n"));
        assert_eq!(docker("ENV DB_PASSWORD=h7Gk2pQ9"), ["DB_PASSWORD"]);
        assert_eq!(
            docker("ENV A=1 \\\n    DB_PASSWORD=h7Gk2pQ9 \\\n    B=2"),
            ["DB_PASSWORD"]
        );
        assert_eq!(docker("ARG NPM_TOKEN=h7Gk2pQ9vL9xT4mN"), ["NPM_TOKEN"]);
        assert_eq!(docker("RUN mysql -ph7Gk2pQ9 app && true"), ["mysql -p"]);
        assert_eq!(
            docker("HEALTHCHECK CMD redis-cli -a h7Gk2pQ9 ping"),
            ["redis-cli -a"]
        );
        assert_eq!(
            docker("CMD [\"app\", \"--password\", \"h7Gk2pQ9\"]"),
            ["password"]
        );
        for text in [
            "ARG NPM_TOKEN\nENV NPM_TOKEN=$NPM_TOKEN",
            "ENV POSTGRES_PASSWORD=postgres",
            "ENV DB_PASSWORD=changeme DB_PASSWORD_FILE=/run/x",
            "RUN --mount=type=secret,id=token npm install",
            "RUN mysql -p$PASSWORD app",
            "RUN curl -fsSL https://example.net/x | sh -s -- -p 80",
        ] {
            assert!(docker(text).is_empty(), "{text}: {:?}", docker(text));
        }
    }
}
