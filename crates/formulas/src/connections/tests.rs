use super::*;
use cofferdam_model::{FileId, Linked, Owner, Parts, Scale, Span};
use proptest::prelude::*;

fn fact<T>(value: T, at: usize) -> Fact<T> {
    Fact::declared(value, Span::new(FileId(0), at, at + 1))
}

fn service(name: &str, (least, most): (u32, u32)) -> Service {
    Service {
        name: name.to_owned(),
        scale: Scale {
            min: Some(fact(least, 1)),
            current: Some(fact(least, 2)),
            max: Some(fact(most, 3)),
            surge: None,
        },
        ..Service::default()
    }
}

fn pool(service: usize, size: u32) -> Pool {
    let owner = Owner {
        service: Some(ServiceId(service)),
        linked: Linked::Named,
        ..Owner::default()
    };
    let mut pool = Pool::at(Span::new(FileId(0), 9, 10), owner, PoolTarget::Sql);
    pool.database = Some(DatabaseId(0));
    pool.size = Some(fact(size, 4));
    pool
}

fn env(services: Vec<Service>, pools: Vec<Pool>) -> Environment {
    Environment {
        parts: Parts {
            services,
            pools,
            databases: vec![Database::named("main", None)],
            ..Parts::default()
        },
        ..Environment::default()
    }
}

fn of(env: &Environment) -> Wanted {
    direct(env, DatabaseId(0), &mut Evidence::new())
}

fn share(each: u32, processes: u32, (least, most, surge): (u32, u32, u32)) -> Share {
    Share {
        id: ServiceId(0),
        service: "a".to_owned(),
        pooler: None,
        each,
        processes,
        is_stated: false,
        least,
        most,
        surge,
    }
}

fn wanted_of(shares: Vec<Share>) -> Wanted {
    Wanted {
        shares,
        unknown: Vec::new(),
    }
}

#[test]
fn pools_overflow_processes_and_replicas_are_multiplied() {
    let mut env = env(vec![service("a", (1, 3))], vec![pool(0, 10), pool(0, 10)]);
    env.services[0].processes = Some(fact(4, 5));
    env.pools[1].overflow = Some(fact(5, 6));
    // 3 replicas × 4 processes × (10 + 10 + 5).
    assert_eq!(of(&env).full(), 300);
    env.services[0].connections_per_pod = Some(fact(25, 7));
    // What is stated is for all pools of a replica: 3 × 25.
    assert_eq!(of(&env).full(), 75);
}

#[test]
fn a_pool_through_a_pooler_is_not_direct() {
    let mut env = env(
        vec![service("a", (2, 2)), service("b", (2, 2))],
        vec![pool(0, 10), pool(1, 7)],
    );
    env.pools[1].pooler = Some(0);
    assert_eq!(of(&env).full(), 20);
    assert_eq!(through(&env, 0, &mut Evidence::new()).full(), 14);
}

#[test]
fn the_shortage_begins_at_the_first_count_above_the_slots_and_never_below_the_minimum() {
    // 24 × 40 = 960 ≤ 997 < 25 × 40 = 1,000.
    let two = wanted_of(vec![share(20, 1, (2, 50, 0)), share(20, 1, (2, 50, 0))]);
    assert_eq!(
        two.begins(997),
        Some(Begins {
            at: 25,
            at_once: false
        })
    );
    assert_eq!(two.begins(2000), None);
    // The second never has fewer than 40: 40 × 20 + n × 20 > 997 from n = 10 on.
    let one_is_large = wanted_of(vec![share(20, 1, (2, 50, 0)), share(20, 1, (40, 50, 0))]);
    assert_eq!(
        one_is_large.begins(997),
        Some(Begins {
            at: 10,
            at_once: false
        })
    );
    let at_once = wanted_of(vec![share(20, 1, (60, 70, 0))]);
    // 49 × 20 = 980 ≤ 997 < 50 × 20.
    assert_eq!(
        at_once.begins(997),
        Some(Begins {
            at: 50,
            at_once: true
        })
    );
}

#[test]
fn what_fits_counts_processes_and_the_pods_of_a_rollout_and_leaves_small_pools_as_they_are() {
    // 97 ÷ (10 + 3) = 7.
    let one = wanted_of(vec![share(10, 1, (1, 10, 3))]);
    let process = |each| {
        Some(Fits {
            each,
            of: Unit::Process,
        })
    };
    assert_eq!(one.fits(97), process(7));
    // 97 ÷ 10 = 9.
    assert_eq!(one.fits_without_rollout(97), process(9));
    // 8 processes: 97 ÷ (13 × 8) is less than one.
    assert_eq!(wanted_of(vec![share(80, 8, (1, 10, 3))]).fits(97), None);
    assert_eq!(wanted_of(vec![share(80, 8, (1, 10, 3))]).fits(250), process(2));
    // 10 × 2 stay; 10 × n ≤ 77.
    let two = wanted_of(vec![share(2, 1, (1, 10, 0)), share(30, 1, (1, 10, 0))]);
    assert_eq!(two.fits(97), process(7));
    let stated = Share {
        is_stated: true,
        ..share(30, 1, (1, 10, 0))
    };
    assert_eq!(
        wanted_of(vec![stated]).fits(97),
        Some(Fits {
            each: 9,
            of: Unit::Replica
        })
    );
}

#[test]
fn only_postgresql_reserves_connections() {
    let of = |engine: Option<Engine>| {
        let mut database = Database::named("main", None);
        database.max_connections = Some(fact(151, 1));
        database.engine = engine.map(|engine| fact(engine, 2));
        slots(&database, &mut Evidence::new()).unwrap().free()
    };
    assert_eq!(of(Some(Engine::MySql)), 151);
    assert_eq!(of(Some(Engine::SqlServer)), 151);
    assert_eq!(of(Some(Engine::PostgreSql)), 148);
    assert_eq!(of(Some(Engine::RdsPostgreSql)), 146);
    assert_eq!(of(Some(Engine::AuroraPostgreSql)), 146);
    assert_eq!(of(None), 148);
}

#[test]
fn a_pool_whose_address_is_not_known_may_go_through_the_pooler() {
    use cofferdam_model::database::Pooler;
    let mut env = env(vec![service("a", (2, 2))], vec![pool(0, 10)]);
    env.pools[0].reached = Reached::Only;
    assert_eq!(of(&env).full(), 20);
    let mut pooler = Pooler::named("pgbouncer", Span::new(FileId(0), 1, 2), Owner::default());
    pooler.database = Some(DatabaseId(0));
    env.poolers.push(pooler);
    let wanted = of(&env);
    assert!(wanted.shares.is_empty());
    assert_eq!(wanted.unknown[0].path(), "services.a.database");
}

fn shares() -> impl Strategy<Value = Wanted> {
    let one = (1u32..60, 1u32..9, 0u32..20, 0u32..60, 0u32..20, any::<bool>()).prop_map(
        |(size, processes, least, more, surge, is_stated)| Share {
            is_stated,
            ..share(
                size * if is_stated { 1 } else { processes },
                if is_stated { 1 } else { processes },
                (least, least + more, surge),
            )
        },
    );
    prop::collection::vec(one, 1..6).prop_map(wanted_of)
}

proptest! {
    #[test]
    fn pools_of_the_size_that_fits_fit_and_larger_ones_do_not(wanted in shares(), slots in 0u64..5000) {
        let with = |each: u64, of: Unit| -> u64 {
            let shares = wanted.shares.iter().map(|share| {
                let units = match of {
                    Unit::Process => share.processes,
                    Unit::Replica => 1,
                };
                let now = u64::from(share.each) / u64::from(units);
                u64::from(units) * now.min(each) * u64::from(share.most + share.surge)
            });
            shares.sum()
        };
        match wanted.fits(slots) {
            Some(Fits { each, of }) => {
                prop_assert!(with(each, of) <= slots);
                prop_assert!(wanted.in_rollout() <= slots || with(each + 1, of) > slots);
            }
            None => prop_assert!(wanted.in_rollout() > slots),
        }
    }

    #[test]
    fn the_shortage_begins_where_it_did_not_exist_before(wanted in shares(), slots in 0u64..5000) {
        let at = |n| -> u64 { wanted.shares.iter().map(|share| share.at(n)).sum() };
        match wanted.begins(slots) {
            None => prop_assert!(wanted.full() <= slots),
            Some(Begins { at_once: true, .. }) => prop_assert!(at(0) > slots),
            Some(Begins { at: n, at_once: false }) => prop_assert!(at(n) > slots && at(n - 1) <= slots),
        }
    }
}
