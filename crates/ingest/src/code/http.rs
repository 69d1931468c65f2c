//! HTTP calls in code with their timeouts, retries and breakers; and the breakers themselves.

use super::found::Parts;
use super::project::Project;
use super::reading::Reading;
use super::resolved::{last, whole};
use cofferdam_code::python::clients::{ClientKind, Library};
use cofferdam_code::python::found::ClientCall;
use cofferdam_code::python::value::{Argument, Object, PyValue, Val, find};
use cofferdam_code::python::{BreakerUse, Module};
use cofferdam_model::calls::{Breaker, Call, CallSite, CallTarget, TimeoutSetting};
use cofferdam_model::units::Share;
use cofferdam_model::{Fact, Owner, Span};
use std::time::Duration;

pub(super) fn read(reading: &Reading<'_, '_>, parts: &mut Parts) {
    for call in reading.calls.iter() {
        match call.kind {
            ClientKind::HttpRequest => parts.calls.push(request(reading, call)),
            ClientKind::HttpClient => parts.calls.extend(endless_client(reading, call)),
            ClientKind::Vault => parts.calls.push(vault(reading, call)),
            ClientKind::Breaker => parts.breakers.push(breaker(reading, call)),
            _ => {}
        }
    }
    for class in &reading.module.breaker_classes {
        let built = reading.project.services().flat_map(|m| &m.calls);
        let built = built.filter(|c| c.kind == ClientKind::Breaker);
        if !built.into_iter().any(|c| last(&c.constructor) == class.name) {
            // Nothing builds one: it protects nothing, whatever its defaults are.
            let mut breaker = Breaker::at(class.span, reading.owner.clone(), class.name.clone());
            settings(reading, &class.defaults, &mut breaker);
            breaker.protects = protects(&[&class.name]);
            breaker.used = Some(Fact::inferred(
                false,
                class.span,
                "no code that was read builds one",
            ));
            parts.breakers.push(breaker);
        }
    }
}

// --- Timeouts ---

fn request(reading: &Reading<'_, '_>, call: &ClientCall) -> Call {
    let retry = retry_of(reading.module, call);
    let url = call.arg("url").and_then(|a| reading.resolve(&a.value));
    let host = url.as_ref().and_then(|k| host(&k.value));
    let target = host.as_ref().map_or(CallTarget::Service, |h| target(reading, h));
    let mut made = Call {
        owner: reading.owner.clone(),
        site: CallSite::default(),
        span: call.span,
        target,
        target_name: host.zip(url).map(|(value, known)| Fact {
            value,
            source: known.source,
        }),
        what: call.constructor.clone(),
        timeout: timeout(reading, call),
        attempts: None,
        backoff: None,
        jitter: None,
        retry_budget: None,
        breaker: breaker_of(reading.module, call),
    };
    if let Some(retry) = retry {
        retry_facts(reading, retry, &mut made);
    }
    made
}

/// A client that waits forever by its construction, in every use.
fn endless_client(reading: &Reading<'_, '_>, call: &ClientCall) -> Option<Call> {
    let timeout = call.arg("timeout")?;
    let setting = timeout_value(reading, &timeout.value);
    (setting == TimeoutSetting::Never).then(|| Call {
        owner: reading.owner.clone(),
        site: CallSite::default(),
        span: call.span,
        target: CallTarget::Service,
        target_name: None,
        what: call.constructor.clone(),
        timeout: setting,
        attempts: None,
        backoff: None,
        jitter: None,
        retry_budget: None,
        breaker: None,
    })
}

fn vault(reading: &Reading<'_, '_>, call: &ClientCall) -> Call {
    let timeout = match call.arg("timeout") {
        Some(arg) => timeout_value(reading, &arg.value),
        None => TimeoutSetting::After(Fact::assumed(
            Duration::from_secs(30),
            "calls to Vault end after 30 s, hvac's default",
        )),
    };
    Call {
        owner: reading.owner.clone(),
        site: CallSite::default(),
        span: call.span,
        target: CallTarget::Secrets,
        target_name: None,
        what: call.constructor.clone(),
        timeout,
        attempts: None,
        backoff: None,
        jitter: None,
        retry_budget: None,
        breaker: None,
    }
}

fn timeout(reading: &Reading<'_, '_>, call: &ClientCall) -> TimeoutSetting {
    if let Some(limit) = &call.bounded {
        return match reading.resolve(limit).and_then(|k| k.fact(Val::as_seconds)) {
            Some(fact) => TimeoutSetting::After(fact),
            None if limit.is_none() => TimeoutSetting::Never,
            None => TimeoutSetting::Unknown,
        };
    }
    if let Some(arg) = call.arg("timeout") {
        return timeout_value(reading, &arg.value);
    }
    if call.open {
        return TimeoutSetting::Unknown;
    }
    let client = call.client.as_ref().filter(|c| is_client(&c.object));
    if let Some(client) = client {
        if let Some(arg) = client.object.arg("timeout") {
            return timeout_value(reading, &arg.value);
        }
        if client.object.open || reading.module.custom_adapter {
            return TimeoutSetting::Unknown;
        }
    }
    let default = |seconds: u64, source: &str| {
        let why = format!("calls end after {seconds} s, {source}");
        TimeoutSetting::After(Fact::assumed(Duration::from_secs(seconds), why))
    };
    match call.library {
        Library::Httpx => default(5, "httpx's default for each phase"),
        Library::Aiohttp => default(300, "aiohttp's default for a whole request"),
        _ => TimeoutSetting::Never,
    }
}

fn is_client(object: &Object) -> bool {
    cofferdam_code::python::clients::lookup(&object.class).is_some_and(|k| k.kind == ClientKind::HttpClient)
}

fn timeout_value(reading: &Reading<'_, '_>, value: &Val) -> TimeoutSetting {
    if value.is_none() {
        return TimeoutSetting::Never;
    }
    let Some(known) = reading.resolve(value) else {
        return TimeoutSetting::Unknown;
    };
    let part = match &known.value.value {
        // requests: (connect, read); the answer takes the longest.
        PyValue::List(items) => items.last().cloned(),
        PyValue::Object(object) => {
            let names = ["total", "timeout", "0", "read", "sockread"];
            match names.iter().find_map(|n| object.arg(n)) {
                Some(arg) => Some(arg.value.clone()),
                None => return TimeoutSetting::Unknown,
            }
        }
        PyValue::None => return TimeoutSetting::Never,
        _ => return after(known.fact(Val::as_seconds)),
    };
    match part {
        Some(part) if part.is_none() => TimeoutSetting::Never,
        Some(part) => after(reading.resolve(&part).and_then(|k| k.fact(Val::as_seconds))),
        None => TimeoutSetting::Unknown,
    }
}

fn after(fact: Option<Fact<Duration>>) -> TimeoutSetting {
    fact.map_or(TimeoutSetting::Unknown, TimeoutSetting::After)
}

// --- Targets of calls ---

/// The host of an address, if the code contains it.
fn host(value: &Val) -> Option<String> {
    let (PyValue::Str(address) | PyValue::Partial(address)) = &value.value else {
        return None;
    };
    let rest = address
        .strip_prefix("http://")
        .or_else(|| address.strip_prefix("https://"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, h)| h);
    crate::settings::url::host_of(authority)
}

/// A name without a dot, an inner domain or a service's own name is inside the platform.
fn target(reading: &Reading<'_, '_>, host: &str) -> CallTarget {
    let first = host.split('.').next().unwrap_or(host);
    let inner = [".local", ".internal", ".svc", ".cluster", ".lan", ".consul"]
        .iter()
        .any(|s| host.ends_with(s))
        || host.contains(".svc.");
    let address = host.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ':');
    let named = reading.env.services.iter().any(|s| s.name == first);
    if !host.contains('.') || inner || address || named {
        CallTarget::Service
    } else {
        CallTarget::Outside
    }
}

// --- Retries ---

/// The retry policy around a call: a decorator of its function, otherwise the policy that the class or module
/// gives its sessions.
fn retry_of<'m>(module: &'m Module, call: &ClientCall) -> Option<&'m ClientCall> {
    let retries = || module.calls.iter().filter(|c| c.kind == ClientKind::Retry);
    let decorator = retries().find(|r| {
        r.place.decorates.is_some()
            && r.place.decorates == call.place.function
            && r.place.class == call.place.class
    });
    decorator.or_else(|| {
        let session = call.library == Library::Requests && call.client.is_some();
        retries().find(|r| session && r.library == Library::Urllib3 && r.place.class == call.place.class)
    })
}

fn retry_facts(reading: &Reading<'_, '_>, retry: &ClientCall, call: &mut Call) {
    let said = |value: bool, span: Span, why: &str| Some(Fact::inferred(value, span, why));
    match retry.library {
        Library::Tenacity => {
            let stops = policies(retry.arg("stop"));
            call.attempts = stops.iter().find_map(|o| {
                if last(&o.class) != "stop_after_attempt" {
                    return None;
                }
                reading.fact(o.args.first(), whole)
            });
            let waits = policies(retry.arg("wait"));
            let any = |words: &[&str]| {
                let mut names = waits.iter().map(|o| last(&o.class));
                names.any(|n| words.iter().any(|w| n.contains(w)))
            };
            let span = retry.arg("wait").map_or(retry.span, |a| a.span);
            if waits.is_empty() && retry.arg("wait").is_some() {
                return;
            }
            call.backoff = said(
                any(&["exponential", "incrementing", "chain"]),
                span,
                "tenacity's `wait`",
            );
            call.jitter = said(any(&["random", "jitter"]), span, "tenacity's `wait`");
        }
        Library::Backoff => {
            call.attempts = reading.arg(retry, &["maxtries"], whole);
            let generator = retry.arg("waitgen");
            let constant = generator.is_some_and(
                |a| matches!(&a.value.value, PyValue::Ref(n) if matches!(last(n), "constant" | "runtime")),
            );
            let span = generator.map_or(retry.span, |a| a.span);
            call.backoff = said(!constant, span, "the generator that backoff waits by");
            // backoff uses full jitter unless it is disabled.
            let jitter = retry.arg("jitter");
            let none = jitter.is_some_and(|a| a.value.is_none());
            call.jitter = said(!none, jitter.map_or(span, |a| a.span), "backoff's `jitter`");
        }
        Library::Urllib3 => {
            // `total` counts retries, not tries.
            call.attempts = reading.arg(retry, &["total"], |v| whole(v)?.checked_add(1));
            let factor = reading.arg(retry, &["backofffactor"], Val::as_f64);
            call.backoff = match factor {
                Some(factor) => Some(factor.map(|f| f > 0.0)),
                None if retry.open => None,
                None => said(false, retry.span, "Retry without backoff_factor does not wait"),
            };
            call.jitter = match reading.arg(retry, &["backoffjitter"], Val::as_f64) {
                Some(jitter) => Some(jitter.map(|j| j > 0.0)),
                None if retry.open => None,
                None => said(
                    false,
                    retry.span,
                    "Retry without backoff_jitter waits equally long everywhere",
                ),
            };
        }
        _ => {
            call.attempts = reading.arg(retry, &["tries", "stopmaxattemptnumber"], whole);
        }
    }
}

/// The policies of an argument: one, or several joined by an operator.
fn policies(arg: Option<&Argument>) -> Vec<&Object> {
    fn add<'v>(value: &'v Val, depth: u8, out: &mut Vec<&'v Object>) {
        match &value.value {
            PyValue::Object(object) => out.push(object),
            PyValue::List(items) if depth < 8 => items.iter().for_each(|i| add(i, depth + 1, out)),
            _ => {}
        }
    }
    let mut out = Vec::new();
    if let Some(arg) = arg {
        add(&arg.value, 0, &mut out);
    }
    out
}

// --- Breakers ---

fn breaker_of(module: &Module, call: &ClientCall) -> Option<Fact<String>> {
    let protects = |u: &&BreakerUse| {
        u.function.is_some() && u.function == call.place.function && u.class == call.place.class
    };
    let found = module.breaker_uses.iter().find(protects)?;
    Some(Fact::inferred(
        found.name.clone(),
        found.span,
        "the function is called through it",
    ))
}

fn breaker(reading: &Reading<'_, '_>, call: &ClientCall) -> Breaker {
    let own = call.assigned.as_deref().map(last);
    let name = call
        .arg("name")
        .and_then(|a| a.value.as_str())
        .or(own)
        .or(call.place.decorates.as_deref())
        .unwrap_or_else(|| last(&call.constructor));
    let mut breaker = Breaker::at(call.span, reading.owner.clone(), name);
    settings(reading, &call.args, &mut breaker);
    let class = last(&call.constructor);
    if let Some(defaults) = class_defaults(reading.project, reading.module, class) {
        let mut of_class = Breaker::at(call.span, Owner::default(), "");
        settings(reading, defaults, &mut of_class);
        fill(&mut breaker, of_class);
    }
    if !call.open {
        library_defaults(call, &mut breaker);
    }
    let words = [Some(name), own, call.place.decorates.as_deref(), Some(class)];
    let exception = call.arg("expectedexception").and_then(|a| match &a.value.value {
        PyValue::Ref(name) => Some(last(name)),
        _ => None,
    });
    let words: Vec<&str> = words.into_iter().chain([exception]).flatten().collect();
    breaker.protects = protects(&words);
    breaker.used = used(reading.project, call);
    breaker
}

/// Whether anything uses the breaker, by its name in any module that was read.
fn used(project: &Project<'_>, call: &ClientCall) -> Option<Fact<bool>> {
    if call.place.decorates.is_some() {
        return Some(Fact::inferred(true, call.span, "it decorates a function"));
    }
    let name = call.assigned.as_deref().map(last)?;
    let mut uses = project.services().flat_map(|m| &m.breaker_uses);
    Some(match uses.find(|u| u.name == name) {
        Some(found) => Fact::inferred(true, found.span, "the code uses it here"),
        None => Fact::inferred(false, call.span, "no code that was read uses it"),
    })
}

fn class_defaults<'m>(project: &Project<'m>, module: &'m Module, class: &str) -> Option<&'m [Argument]> {
    let own = module.breaker_classes.iter().find(|c| c.name == class);
    let mut elsewhere = project.services().flat_map(|m| &m.breaker_classes);
    own.or_else(|| elsewhere.find(|c| c.name == class))
        .map(|c| c.defaults.as_slice())
}

fn settings(reading: &Reading<'_, '_>, args: &[Argument], breaker: &mut Breaker) {
    let any = |names: &[&str]| names.iter().find_map(|n| find(args, n));
    let number = |names: &[&str]| reading.fact(any(names), whole);
    let seconds = |names: &[&str]| reading.fact(any(names), Val::as_seconds);
    let threshold = any(&[
        "failurethreshold",
        "failmax",
        "maxfailures",
        "failurecount",
        "threshold",
    ]);
    // A threshold below 1 is a share of failures, whatever its name is.
    breaker.consecutive_failures = reading.fact(threshold, |v| whole(v).filter(|n| *n > 0));
    let share = any(&[
        "failureratethreshold",
        "errorthreshold",
        "failurerate",
        "errorrate",
    ])
    .or(threshold);
    breaker.failure_rate = reading.fact(share, |v| {
        let share = v.as_f64()?;
        match share {
            s if s > 0.0 && s < 1.0 => Some(Share(s)),
            s if breaker.consecutive_failures.is_none() && s > 1.0 && s <= 100.0 => Some(Share(s / 100.0)),
            _ => None,
        }
    });
    breaker.minimum_calls = number(&[
        "minimumcalls",
        "minimumnumberofcalls",
        "mincalls",
        "volumethreshold",
    ]);
    breaker.window = seconds(&[
        "window",
        "windowseconds",
        "windowsize",
        "rollingwindow",
        "failurewindow",
    ]);
    breaker.open_time = seconds(&[
        "recoverytimeout",
        "resettimeout",
        "timeoutduration",
        "opentimeout",
        "cooldown",
        "cooldownseconds",
        "recoverytime",
        "recoverytimeoutseconds",
        "resetafter",
        "openduration",
    ]);
    breaker.half_open_calls = number(&[
        "halfopenmaxcalls",
        "halfopencalls",
        "halfopenrequests",
        "successthreshold",
    ]);
}

fn fill(breaker: &mut Breaker, other: Breaker) {
    macro_rules! fill {
        ($($field:ident),*) => { $( if breaker.$field.is_none() { breaker.$field = other.$field; } )* };
    }
    if breaker.failure_rate.is_none() && breaker.consecutive_failures.is_none() {
        fill!(failure_rate, consecutive_failures);
    }
    fill!(minimum_calls, window, open_time, half_open_calls);
}

fn library_defaults(call: &ClientCall, breaker: &mut Breaker) {
    let (failures, seconds, source) = match call.library {
        Library::Pybreaker => (5, 60, "pybreaker's default"),
        Library::CircuitBreaker => (5, 30, "circuitbreaker's default"),
        _ => return,
    };
    let set = |names: &[&str]| call.any_arg(names).is_some();
    if breaker.consecutive_failures.is_none() && !set(&["failurethreshold", "failmax"]) {
        let why = format!("it opens after {failures} failures in a row, {source}");
        breaker.consecutive_failures = Some(Fact::assumed(failures, why));
    }
    if breaker.open_time.is_none() && !set(&["recoverytimeout", "resettimeout", "timeoutduration"]) {
        let why = format!("it stays open for {seconds} s, {source}");
        breaker.open_time = Some(Fact::assumed(Duration::from_secs(seconds), why));
    }
}

/// The target that a breaker protects, by the words in its names.
fn protects(names: &[&str]) -> Option<CallTarget> {
    const WORDS: &[(&str, CallTarget)] = &[
        ("kafka", CallTarget::Kafka),
        ("redis", CallTarget::Cache),
        ("cache", CallTarget::Cache),
        ("vault", CallTarget::Secrets),
        ("secret", CallTarget::Secrets),
        ("database", CallTarget::Database),
        ("postgres", CallTarget::Database),
        ("sql", CallTarget::Database),
        ("db", CallTarget::Database),
        ("http", CallTarget::Service),
        ("service", CallTarget::Service),
        ("api", CallTarget::Service),
        ("requestexception", CallTarget::Service),
    ];
    names.iter().find_map(|name| {
        let folded = cofferdam_syntax::tree::fold(name);
        let words: Vec<String> = name
            .split(['_', '-', '.', ' '])
            .map(str::to_ascii_lowercase)
            .collect();
        WORDS
            .iter()
            .find(|(word, _)| {
                // Short words count only as whole words: `feedback` also contains `db`.
                if word.len() < 4 {
                    words.iter().any(|w| w == word) || folded.starts_with(word)
                } else {
                    folded.contains(word)
                }
            })
            .map(|(_, target)| *target)
    })
}
