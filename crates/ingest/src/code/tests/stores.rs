//! Pools of connections and caches in code.

use super::{platform, platform_with, seconds, value};
use cofferdam_model::calls::TimeoutSetting;
use cofferdam_model::cells::LocalCacheKind;
use cofferdam_model::link;

#[test]
fn pools_keep_their_settings_and_assume_the_library_defaults() {
    let env = platform(
        "\
from sqlalchemy import create_engine
e = create_engine('postgresql://u@db/x', pool_size=7, connect_args={'connect_timeout': 4})
",
    );
    let pool = &env.pools[0];
    assert_eq!((value(&pool.size), value(&pool.overflow)), (Some(7), Some(10)));
    assert!(!pool.size.as_ref().unwrap().is_assumed());
    assert!(pool.overflow.as_ref().unwrap().is_assumed());
    assert_eq!(value(&pool.pool_timeout), Some(seconds(30)));
    assert_eq!(value(&pool.connect_timeout), Some(seconds(4)));
    assert!(pool.constructed);

    let endless =
        platform("from sqlalchemy import create_engine\ne = create_engine(u, max_overflow=-1, pool_size=5)");
    assert_eq!(endless.pools[0].size, None, "no limit");
    let hidden = platform("from sqlalchemy import create_engine\ne = create_engine(u, **options())");
    assert_eq!(hidden.pools[0].size, None, "it may be set");
    let none = platform(
        "from sqlalchemy import create_engine\nfrom sqlalchemy.pool import NullPool\ne = create_engine(u, poolclass=NullPool)",
    );
    assert!(none.pools[0].unpooled);
    let file = platform("from sqlalchemy import create_engine\ne = create_engine('sqlite:///x.db')");
    assert!(file.pools.is_empty());
    let asyncpg = platform(
        "import asyncpg\nasync def f():\n    p = await asyncpg.create_pool(dsn=d, max_size=30, statement_cache_size=0, timeout=5)",
    );
    let pool = &asyncpg.pools[0];
    assert_eq!((value(&pool.size), value(&pool.overflow)), (Some(30), Some(0)));
    assert_eq!(
        (value(&pool.statement_cache), value(&pool.connect_timeout)),
        (Some(0), Some(seconds(5)))
    );
}

#[test]
fn a_connection_for_each_call_is_not_a_pool() {
    let env = platform("import psycopg2\ndef query(sql):\n    conn = psycopg2.connect(DSN)\n");
    assert!(env.pools[0].unpooled);
    let env = platform(
        "import psycopg2\nclass Db:\n    def __init__(self):\n        self.conn = psycopg2.connect(DSN)\n",
    );
    assert!(!env.pools[0].unpooled);
    assert_eq!(value(&env.pools[0].size), Some(1));
}

#[test]
fn code_and_its_own_settings_are_one_pool_after_linking() {
    let text = "\
from sqlalchemy import create_engine
pool_config = {'pool_size': 10, 'max_overflow': 15, 'pool_timeout': 90.0}
engine = create_engine('postgresql://u@db/x', **pool_config)
";
    let mut env = platform(text);
    link::link(&mut env);
    let [pool] = env.pools.as_slice() else {
        panic!("{:?}", env.pools)
    };
    assert_eq!((value(&pool.size), value(&pool.overflow)), (Some(10), Some(15)));
    assert!(pool.constructed);
}

#[test]
fn caches_of_state_are_read_and_memoised_functions_are_not() {
    let text = "\
from cachetools import TTLCache
from functools import lru_cache
class FeatureFlags:
    def __init__(self):
        self.cache = TTLCache(maxsize=100, ttl=300)
@lru_cache
def parse(x):
    return x
";
    let env = platform_with(&[], &[("services/consumer/flags.py", text)]);
    let [cache] = env.local_caches.as_slice() else {
        panic!("{:?}", env.local_caches)
    };
    assert_eq!(
        (cache.kind, value(&cache.ttl)),
        (LocalCacheKind::Flags, Some(seconds(300)))
    );
    assert_eq!(cache.invalidation, None);
    let discovery = "CACHE_TTL = 5 * 60\nclass ServiceDiscovery:\n    def invalidate(self): pass\n";
    let env = platform_with(&[], &[("services/consumer/discovery.py", discovery)]);
    assert_eq!(env.local_caches[0].kind, LocalCacheKind::Discovery);
    assert_eq!(value(&env.local_caches[0].ttl), Some(seconds(300)));
    assert!(env.local_caches[0].invalidation.is_some());
}

#[test]
fn redis_without_a_socket_timeout_may_wait_for_ever() {
    let env = platform("import redis\nr = redis.Redis(host='Cache', port=6379, max_connections=50)\n");
    assert_eq!(env.calls[0].timeout, TimeoutSetting::Never);
    assert_eq!(value(&env.pools[0].host).as_deref(), Some("cache"));
    assert_eq!(value(&env.pools[0].size), Some(50));
    let env = platform("import redis\nr = redis.Redis.from_url('redis://cache', socket_timeout=2)\n");
    assert!(matches!(&env.calls[0].timeout, TimeoutSetting::After(f) if f.value == seconds(2)));
}
