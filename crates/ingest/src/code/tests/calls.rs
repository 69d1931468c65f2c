//! Calls of other services, with their time limits, retries and breakers.

use super::{platform, platform_with, seconds, value};
use cofferdam_model::calls::{CallTarget, TimeoutSetting};

#[test]
fn waits_with_and_without_a_timeout_are_distinguished() {
    let text = "\
import requests, httpx, aiohttp
def a():
    requests.get('http://auth:8080/x')
def b():
    requests.post('https://api.example.com/x', timeout=(3, 10))
def c():
    requests.get(url, **options())
async def d():
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session:
        await session.get('http://users.prod.svc.cluster.local/x')
async def e():
    async with httpx.AsyncClient() as client:
        await client.get(url)
async def f():
    async with httpx.AsyncClient(timeout=None) as client:
        await client.get(url)
";
    let env = platform(text);
    let calls: Vec<_> = env
        .calls
        .iter()
        .map(|c| {
            let timeout = match &c.timeout {
                TimeoutSetting::After(f) => format!("{} s", f.value.as_secs()),
                other => format!("{other:?}"),
            };
            (c.what.as_str(), c.target, timeout)
        })
        .collect();
    let row = |what, target, timeout: &str| (what, target, timeout.to_owned());
    assert_eq!(
        calls,
        [
            row("requests.get", CallTarget::Service, "Never"),
            row("requests.post", CallTarget::Outside, "10 s"),
            row("requests.get", CallTarget::Service, "Unknown"),
            row("aiohttp.ClientSession.get", CallTarget::Service, "15 s"),
            row("httpx.AsyncClient.get", CallTarget::Service, "5 s"),
            row("httpx.AsyncClient", CallTarget::Service, "Never"),
            row("httpx.AsyncClient.get", CallTarget::Service, "Never"),
        ]
    );
    assert_eq!(value(&env.calls[0].target_name).as_deref(), Some("auth"));
}

#[test]
fn retries_and_breakers_belong_to_the_calls_they_wrap() {
    let text = "\
import requests, pybreaker, backoff
from tenacity import retry, stop_after_attempt, wait_fixed, wait_random_exponential
breaker = pybreaker.CircuitBreaker(fail_max=3)
@retry(stop=stop_after_attempt(3), wait=wait_fixed(1))
def a():
    requests.get('http://x', timeout=1)
@retry(stop=stop_after_attempt(4), wait=wait_random_exponential(max=10))
@breaker
def b():
    requests.get('http://x', timeout=1)
@backoff.on_exception(backoff.expo, Exception, max_tries=5)
def c():
    requests.get('http://x', timeout=1)
";
    let env = platform(text);
    let calls: Vec<_> = env
        .calls
        .iter()
        .map(|c| {
            (
                value(&c.attempts),
                value(&c.backoff),
                value(&c.jitter),
                value(&c.breaker),
            )
        })
        .collect();
    assert_eq!(
        calls,
        [
            (Some(3), Some(false), Some(false), None),
            (Some(4), Some(true), Some(true), Some("breaker".to_owned())),
            (Some(5), Some(true), Some(true), None),
        ]
    );
    let breaker = &env.breakers[0];
    assert_eq!(value(&breaker.consecutive_failures), Some(3));
    assert_eq!(value(&breaker.open_time), Some(seconds(60)));
    assert!(breaker.open_time.as_ref().unwrap().is_assumed());
    assert_eq!(value(&breaker.used), Some(true));
}

#[test]
fn breakers_are_used_where_any_module_uses_them() {
    // Breakers that decorate functions, and a class that nothing builds.
    let shared = "\
from circuit_breaker import CircuitBreaker
DB_BREAKER = CircuitBreaker(name=\"database\", failure_threshold=5, recovery_timeout=60, expected_exception=DatabaseError)
KAFKA_BREAKER = CircuitBreaker(name=\"kafka\", failure_threshold=10, recovery_timeout=30, expected_exception=KafkaError)
class VPCConnectionCircuitBreaker:
    def __init__(self, failure_threshold=5, recovery_timeout=300):
        self.failure_threshold = failure_threshold
";
    let user = "from common.resilience import DB_BREAKER\n@DB_BREAKER\ndef query(sql):\n    return db.execute(sql)\n";
    let env = platform_with(
        &[],
        &[
            ("services/common/resilience.py", shared),
            ("services/consumer/db.py", user),
        ],
    );
    let rows: Vec<_> = env
        .breakers
        .iter()
        .map(|b| {
            (
                b.name.as_str(),
                b.protects,
                value(&b.consecutive_failures),
                value(&b.open_time),
                value(&b.used),
            )
        })
        .collect();
    assert_eq!(
        rows,
        [
            (
                "database",
                Some(CallTarget::Database),
                Some(5),
                Some(seconds(60)),
                Some(true)
            ),
            (
                "kafka",
                Some(CallTarget::Kafka),
                Some(10),
                Some(seconds(30)),
                Some(false)
            ),
            (
                "VPCConnectionCircuitBreaker",
                None,
                Some(5),
                Some(seconds(300)),
                Some(false)
            ),
        ]
    );
}

#[test]
fn an_address_that_code_builds_shows_its_host() {
    let secrets = "\
import os
def database_url():
    secret = vault().read()
    return f\"postgresql://{secret['user']}:{secret['password']}@{os.environ['DATABASE_HOST']}:5432/x\"
";
    let db = "from common.secrets import database_url\nfrom sqlalchemy import create_engine\ne = create_engine(database_url())\n";
    let files = [
        ("services/common/secrets.py", secrets),
        ("services/consumer/db.py", db),
    ];
    let env = platform_with(&[("DATABASE_HOST", "Aurora.internal")], &files);
    assert_eq!(value(&env.pools[0].host).as_deref(), Some("aurora.internal"));
    assert_eq!(value(&platform_with(&[], &files).pools[0].host), None);
}
