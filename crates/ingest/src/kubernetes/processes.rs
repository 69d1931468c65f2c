//! How many processes one replica runs: application servers fork workers, and each has its own
//! connections and consumers. Read from the command line and the variables that the servers read.

use cofferdam_model::workload::Container;
use cofferdam_model::{Fact, Variable};

/// A program, the options that set its number of processes, and whether `WEB_CONCURRENCY` does too.
const SERVERS: &[(&str, &[&str], bool)] = &[
    ("gunicorn", &["-w", "--workers"], true),
    ("uvicorn", &["--workers"], true),
    ("fastapi", &["--workers"], true),
    ("hypercorn", &["-w", "--workers"], false),
    ("granian", &["--workers"], false),
    ("uwsgi", &["-p", "--processes", "--workers"], false),
    ("puma", &["-w", "--workers"], true),
    ("passenger", &["--max-pool-size"], false),
    ("unicorn", &[], true),
    ("celery", &["-c", "--concurrency"], false),
];

/// Processes of a replica of these containers, as far as their commands or variables show; the first
/// container with a number counts.
pub(crate) fn of(containers: &[Container]) -> Option<Fact<u32>> {
    containers.iter().find_map(of_container)
}

fn of_container(container: &Container) -> Option<Fact<u32>> {
    let words: Vec<(&str, &Fact<String>)> = container
        .command
        .iter()
        .flat_map(|part| part.value.split_whitespace().map(move |word| (word, part)))
        .map(|(word, part)| (word.trim_matches(['"', '\'', ';']), part))
        .collect();
    let server = words.iter().enumerate().find_map(|(at, (word, _))| {
        let program = word.rsplit('/').next().unwrap_or(word);
        let server = SERVERS.iter().find(|(name, ..)| *name == program)?;
        Some((at, server))
    });
    let literal = |name: &str| container.variables.get(name).and_then(|v| text_of(v));
    if let Some((at, (program, options, _))) = server {
        if let Some(count) = option(&words[at..], options, container) {
            return Some(count);
        }
        if *program == "gunicorn"
            && let Some(arguments) = literal("GUNICORN_CMD_ARGS")
        {
            let part = Fact::declared(String::new(), arguments.1);
            let words: Vec<_> = arguments.0.split_whitespace().map(|word| (word, &part)).collect();
            if let Some(count) = option(&words, options, container) {
                return Some(count);
            }
        }
    }
    if server.is_none_or(|(_, (.., web_concurrency))| *web_concurrency)
        && let Some((text, span)) = literal("WEB_CONCURRENCY")
    {
        let count = positive(text)?;
        return Some(match server {
            Some(_) => Fact::declared(count, span),
            None => Fact::inferred(
                count,
                span,
                "WEB_CONCURRENCY is the number of processes that gunicorn, uvicorn and puma start",
            ),
        });
    }
    None
}

fn text_of(variable: &Variable) -> Option<(&str, cofferdam_model::Span)> {
    Some((variable.value.value.text()?, variable.value.span()?))
}

/// The value of the first of `options` among the words: `-w 4`, `-w4`, `--workers=4`.
fn option(words: &[(&str, &Fact<String>)], options: &[&str], container: &Container) -> Option<Fact<u32>> {
    for (at, (word, part)) in words.iter().enumerate() {
        for name in options {
            let Some(rest) = word.strip_prefix(name) else {
                continue;
            };
            let (value, part) = match rest.strip_prefix('=') {
                Some(value) => (value, *part),
                None if rest.is_empty() => match words.get(at + 1) {
                    Some((value, part)) => (*value, *part),
                    None => continue,
                },
                None if !name.starts_with("--") && rest.starts_with(|c: char| c.is_ascii_digit()) => {
                    (rest, *part)
                }
                None => continue,
            };
            if let Some(count) = count(value, container) {
                let span = part.span()?;
                return Some(Fact::declared(count, span));
            }
        }
    }
    None
}

/// A number, or a variable (`$N`, `${N}`, `${N:-4}`, `$(N)`) whose text the container has.
fn count(text: &str, container: &Container) -> Option<u32> {
    if let Some(count) = positive(text) {
        return Some(count);
    }
    let inner = text.strip_prefix('$')?.trim_matches(['{', '}', '(', ')']);
    let (name, default) = match inner.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    match container.variables.get(name) {
        Some(variable) => positive(variable.value.value.text()?),
        None => positive(default?),
    }
}

fn positive(text: &str) -> Option<u32> {
    text.trim().parse().ok().filter(|n| *n > 0)
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;

    fn processes(container: &str) -> Option<u32> {
        let env = read(&format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {{containers: [{{name: web, {container}}}]}}\n"
        ));
        env.services.first()?.processes.as_ref().map(|f| f.value)
    }

    #[test]
    fn workers_are_read_from_command_lines_and_server_variables() {
        let table = [
            ("command: [gunicorn, -w, '4', app:app]", Some(4)),
            ("command: [gunicorn, -w4, app:app]", Some(4)),
            ("args: ['gunicorn --workers=3 app:app']", Some(3)),
            (
                "command: [sh, -c, 'exec /usr/bin/gunicorn app:app --workers 5']",
                Some(5),
            ),
            ("command: [uvicorn, 'app:app', --workers, '2']", Some(2)),
            (
                "command: [gunicorn, app:app], env: [{name: GUNICORN_CMD_ARGS, value: '--workers=6 --bind :80'}]",
                Some(6),
            ),
            (
                "command: [gunicorn, app:app], env: [{name: WEB_CONCURRENCY, value: '7'}]",
                Some(7),
            ),
            ("env: [{name: WEB_CONCURRENCY, value: '8'}]", Some(8)),
            (
                "command: [gunicorn, -w, '2', app:app], env: [{name: WEB_CONCURRENCY, value: '7'}]",
                Some(2),
            ),
            ("command: [sh, -c, 'gunicorn -w ${WORKERS:-3} app:app']", Some(3)),
            (
                "command: [sh, -c, 'gunicorn -w $WORKERS app:app'], env: [{name: WORKERS, value: '9'}]",
                Some(9),
            ),
            ("command: [sh, -c, 'gunicorn -w $WORKERS app:app']", None),
            ("command: [celery, -A, app, worker, --concurrency=10]", Some(10)),
            ("command: [puma, -w, '2']", Some(2)),
            ("command: [python, main.py, -w, '4']", None),
            (
                "command: [celery, worker], env: [{name: WEB_CONCURRENCY, value: '8'}]",
                None,
            ),
            ("command: [gunicorn, --worker-class, gevent, app:app]", None),
            ("command: [gunicorn, -w, '0', app:app]", None),
        ];
        for (container, wanted) in table {
            assert_eq!(processes(container), wanted, "{container}");
        }
    }
}
