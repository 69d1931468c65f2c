//! Settings in code that differ between environments.

use super::{platform_in, platform_with, seconds, value};
use cofferdam_model::calls::DeadlineRole;
use std::time::Duration;

#[test]
fn sections_of_an_environment_apply_only_there() {
    let text = "\
def get_database_timeout_config(environment):
    configs = {
        \"development\": {\"initialization_timeout\": 30.0, \"connection_timeout\": 20.0},
        \"staging\": {
            \"initialization_timeout\": 75.0,
            \"table_setup_timeout\": 25.0,
            \"connection_timeout\": 35.0,
            \"pool_timeout\": 45.0,
            \"health_check_timeout\": 20.0,
        },
    }
    return configs.get(environment)

def get_cloud_sql_optimized_config(environment):
    if environment in (\"staging\", \"production\"):
        return {
            \"pool_config\": {
                \"pool_size\": 10,
                \"max_overflow\": 15,
                \"pool_timeout\": 90.0,
                \"capacity_safety_margin\": 0.8,
            }
        }
    return {}
";
    let files = [("consumer/app/core/database_timeout_config.py", text)];
    let env = platform_in("staging", &[], &files);
    let deadlines: Vec<_> = env
        .deadlines
        .iter()
        .map(|d| (d.name.as_str(), d.role, d.value.value.as_secs()))
        .collect();
    for wanted in [
        ("initialization_timeout", DeadlineRole::Initialisation, 75),
        ("table_setup_timeout", DeadlineRole::Setup, 25),
        ("connection_timeout", DeadlineRole::Connect, 35),
        ("pool_timeout", DeadlineRole::PoolWait, 45),
        ("health_check_timeout", DeadlineRole::HealthCheck, 20),
        ("pool_timeout", DeadlineRole::PoolWait, 90),
    ] {
        assert!(deadlines.contains(&wanted), "{wanted:?} in {deadlines:?}");
    }
    assert!(!deadlines.iter().any(|d| d.2 == 30), "of development");
    let pool = &env.pools[0];
    assert_eq!((value(&pool.size), value(&pool.overflow)), (Some(10), Some(15)));
    assert!(!pool.constructed);
    let env = platform_in("development", &[], &files);
    assert!(env.deadlines.iter().any(|d| d.value.value == seconds(30)));
    assert!(env.pools.iter().all(|p| p.size.is_none()));
    // Without environments the most important one represents all.
    let env = platform_with(&[], &files);
    assert!(
        env.deadlines.iter().any(|d| d.value.value == seconds(75))
            || env.pools.iter().any(|p| p.size.is_some())
    );
}

#[test]
fn next_to_production_test_is_an_environment_too() {
    let text = "def limits(environment):
    table = {
        \"test\": {\"initialization_timeout\": 4.0, \"table_setup_timeout\": 1.0},
        \"production\": {\"initialization_timeout\": 90.0, \"table_setup_timeout\": 20.0},
    }
    return table[environment]
";
    let env = platform_in("production", &[], &[("till/limits.py", text)]);
    let values: Vec<Duration> = env.deadlines.iter().map(|d| d.value.value).collect();
    assert_eq!(values, [seconds(90), seconds(20)]);
}

#[test]
fn a_dictionary_named_after_an_environment_applies_to_it() {
    let text = "STAGING_DB_CONFIG = {'pool_size': 5, 'max_overflow': 3, 'pool_timeout': 45, 'connect_timeout': 45}\n";
    let files = [("consumer/app/core/configuration/database.py", text)];
    let staging = platform_in("staging", &[], &files);
    assert_eq!(value(&staging.pools[0].size), Some(5));
    assert_eq!(value(&staging.pools[0].connect_timeout), Some(seconds(45)));
    assert!(platform_in("production", &[], &files).pools.is_empty());
}

#[test]
fn a_value_for_each_environment_is_the_one_of_this_environment() {
    let config = "\
def get_config(environment):
    if environment in ('staging', 'production'):
        return {'pool_config': {'pool_size': 10, 'max_overflow': 15}}
    return {'pool_config': {'pool_size': 5, 'max_overflow': 1}}
TIMEOUTS = {'staging': {'wait': 45.0}, 'production': {'wait': 50.0}, 'development': {'wait': 30.0}}
if ENV == 'production':
    RECYCLE = 100
else:
    RECYCLE = 200
";
    let db = "\
import os
from sqlalchemy import create_engine
from app.config import get_config, TIMEOUTS, RECYCLE
ENV = os.environ['ENVIRONMENT']
cfg = get_config(ENV)['pool_config']
engine = create_engine(u, pool_recycle=RECYCLE, **cfg)
LOCAL = {'staging': 3, 'production': 4}
second = create_engine(u, pool_size=LOCAL.get(ENV, 9), max_overflow=get_config(ENV)['pool_config'].get('max_overflow'))
";
    let files = [("consumer/app/config.py", config), ("consumer/app/db.py", db)];
    let pools = |name: &str| -> Vec<_> {
        let env = platform_in(name, &[], &files);
        let built = env.pools.iter().filter(|p| p.constructed);
        built
            .map(|p| {
                (
                    value(&p.size),
                    value(&p.overflow),
                    value(&p.recycle).map(|r| r.as_secs()),
                )
            })
            .collect()
    };
    assert_eq!(
        pools("staging"),
        [(Some(10), Some(15), Some(200)), (Some(3), Some(15), None)]
    );
    assert_eq!(
        pools("production"),
        [(Some(10), Some(15), Some(100)), (Some(4), Some(15), None)]
    );
    assert_eq!(
        pools("development"),
        [(Some(5), Some(1), Some(200)), (Some(9), Some(1), None)]
    );
    assert_eq!(pools("default"), pools("production"), "the one that matters most");
}
