use proptest::prelude::*;

use super::*;
use crate::chance::Streams;
use crate::components::postgres::{Slots, visits};

fn at(milliseconds: u64) -> Time {
    Time::from_nanos(milliseconds * 1_000_000)
}

fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

fn config(pool_mode: Mode, pool: u32) -> PgBouncerConfig {
    PgBouncerConfig {
        pool_mode,
        default_pool_size: pool,
        ..PgBouncerConfig::default()
    }
}

/// The effects since the last call.
fn effects(pooler: &mut PgBouncer) -> Vec<Effect> {
    std::iter::from_fn(|| pooler.next_effect()).collect()
}

/// As many clients of one user, each with a transaction.
fn asking(pooler: &mut PgBouncer, now: Time, count: u32, user: u32) -> Vec<ClientId> {
    (0..count)
        .map(|_| {
            let client = pooler.connect(user, 0).unwrap();
            pooler.request(now, client);
            client
        })
        .collect()
}

fn served(client: ClientId, waited: u64) -> Effect {
    Effect::Served {
        client,
        waited: ms(waited),
    }
}

fn dropped(client: ClientId, waited: u64, why: Disconnection) -> Effect {
    Effect::Disconnected {
        client,
        waited: ms(waited),
        why,
    }
}

const POOL: PoolId = PoolId(0);

#[test]
fn a_pool_opens_one_connection_at_a_time_and_serves_in_order_of_arrival() {
    let mut pooler = PgBouncer::new(config(Mode::Transaction, 2));
    let c = asking(&mut pooler, at(0), 4, 0);
    assert_eq!(effects(&mut pooler), [Effect::Open(POOL)]);
    pooler.opened(at(5), POOL);
    assert_eq!(effects(&mut pooler), [served(c[0], 5), Effect::Open(POOL)]);
    pooler.opened(at(10), POOL);
    // Two of two are open: the others wait until one ends.
    assert_eq!(effects(&mut pooler), [served(c[1], 10)]);
    pooler.finish(at(30), c[1]);
    pooler.finish(at(40), c[0]);
    assert_eq!(effects(&mut pooler), [served(c[2], 30), served(c[3], 40)]);
    // The client is still connected and asks again: it waits behind nobody, but there is no free connection.
    pooler.request(at(41), c[0]);
    assert_eq!((pooler.waiting(), pooler.server_connections()), (1, 2));
}

#[test]
fn in_session_mode_a_connection_is_kept_until_the_client_disconnects() {
    let mut pooler = PgBouncer::new(config(Mode::Session, 1));
    let c = asking(&mut pooler, at(0), 2, 0);
    pooler.opened(at(0), POOL);
    pooler.finish(at(10), c[0]);
    pooler.request(at(20), c[0]);
    assert_eq!(
        effects(&mut pooler),
        [Effect::Open(POOL), served(c[0], 0), served(c[0], 0)]
    );
    pooler.finish(at(30), c[0]);
    pooler.disconnect(at(50), c[0]);
    assert_eq!(effects(&mut pooler), [served(c[1], 50)]);
    // A client that disconnects in the middle of a transaction takes its connection with it.
    pooler.disconnect(at(60), c[1]);
    assert_eq!(effects(&mut pooler), [Effect::Close(POOL)]);
    assert_eq!(pooler.server_connections(), 0);
}

#[test]
fn a_client_that_waits_longer_than_query_wait_timeout_is_disconnected_at_the_next_check() {
    let mut pooler = PgBouncer::new(PgBouncerConfig {
        query_wait_timeout: ms(1000),
        ..config(Mode::Transaction, 1)
    });
    let c = asking(&mut pooler, at(0), 2, 0);
    pooler.opened(at(0), POOL);
    effects(&mut pooler);
    pooler.maintain(at(1000));
    assert!(effects(&mut pooler).is_empty());
    pooler.maintain(at(1333));
    assert_eq!(
        effects(&mut pooler),
        [dropped(c[1], 1333, Disconnection::QueryWaitTimeout)]
    );
    assert_eq!((pooler.clients(), pooler.waiting()), (1, 0));
}

#[test]
fn the_reserve_is_for_clients_that_waited_reserve_pool_timeout() {
    let mut pooler = PgBouncer::new(PgBouncerConfig {
        reserve_pool_size: 1,
        ..config(Mode::Transaction, 1)
    });
    let c = asking(&mut pooler, at(0), 3, 0);
    pooler.opened(at(0), POOL);
    effects(&mut pooler);
    pooler.maintain(at(4999));
    assert!(effects(&mut pooler).is_empty());
    pooler.maintain(at(5000));
    assert_eq!(effects(&mut pooler), [Effect::Open(POOL)]);
    pooler.opened(at(5010), POOL);
    // The third has waited as long, but the reserve is one.
    assert_eq!(effects(&mut pooler), [served(c[1], 5010)]);
}

#[test]
fn at_max_db_connections_the_longest_idle_connection_of_another_user_is_closed() {
    let mut pooler = PgBouncer::new(PgBouncerConfig {
        max_db_connections: 2,
        ..config(Mode::Transaction, 20)
    });
    let first = asking(&mut pooler, at(0), 1, 7)[0];
    let second = asking(&mut pooler, at(0), 1, 8)[0];
    pooler.opened(at(1), PoolId(0));
    pooler.opened(at(1), PoolId(1));
    pooler.finish(at(20), second);
    effects(&mut pooler);
    let third = asking(&mut pooler, at(30), 1, 9)[0];
    // That of user 8 is idle.
    assert_eq!(
        effects(&mut pooler),
        [Effect::Close(PoolId(1)), Effect::Open(PoolId(2))]
    );
    // Nothing is idle: user 10 waits until user 7 has finished, whose connection is then closed for it.
    let fourth = asking(&mut pooler, at(31), 1, 10)[0];
    assert!(effects(&mut pooler).is_empty());
    pooler.finish(at(35), first);
    assert_eq!(
        effects(&mut pooler),
        [Effect::Close(PoolId(0)), Effect::Open(PoolId(3))]
    );
    pooler.opened(at(36), PoolId(2));
    pooler.opened(at(38), PoolId(3));
    assert_eq!(effects(&mut pooler), [served(third, 6), served(fourth, 7)]);
    assert_eq!((pooler.server_connections(), pooler.counts().evicted), (2, 2));
}

#[test]
fn max_user_connections_applies_to_all_databases_of_a_user() {
    let mut pooler = PgBouncer::new(PgBouncerConfig {
        max_user_connections: 1,
        ..config(Mode::Transaction, 20)
    });
    let here = pooler.connect(0, 0).unwrap();
    let there = pooler.connect(0, 1).unwrap();
    pooler.request(at(0), here);
    pooler.request(at(0), there);
    assert_eq!(effects(&mut pooler), [Effect::Open(PoolId(0))]);
    pooler.opened(at(1), PoolId(0));
    pooler.finish(at(9), here);
    assert_eq!(
        effects(&mut pooler),
        [served(here, 1), Effect::Close(PoolId(0)), Effect::Open(PoolId(1))]
    );
}

#[test]
fn a_refusal_is_passed_on_if_a_pool_has_no_other_connection() {
    let mut pooler = PgBouncer::new(config(Mode::Transaction, 2));
    let c = asking(&mut pooler, at(0), 2, 0);
    pooler.refused(at(3), POOL);
    assert_eq!(
        effects(&mut pooler),
        [
            Effect::Open(POOL),
            dropped(c[0], 3, Disconnection::LoginFailed),
            dropped(c[1], 3, Disconnection::LoginFailed)
        ]
    );
    // The next waits until the server is asked again, 15 s after the last attempt began.
    let c = asking(&mut pooler, at(5000), 1, 0);
    pooler.maintain(at(14_999));
    assert!(effects(&mut pooler).is_empty());
    pooler.maintain(at(15_000));
    pooler.opened(at(15_004), POOL);
    assert_eq!(effects(&mut pooler), [Effect::Open(POOL), served(c[0], 10_004)]);
}

#[test]
fn after_a_refusal_clients_wait_for_the_existing_connections() {
    let mut pooler = PgBouncer::new(config(Mode::Transaction, 2));
    let c = asking(&mut pooler, at(0), 3, 0);
    pooler.opened(at(1), POOL);
    pooler.refused(at(2), POOL);
    effects(&mut pooler);
    pooler.maintain(at(15_000));
    assert!(effects(&mut pooler).is_empty());
    pooler.finish(at(15_000), c[0]);
    pooler.maintain(at(15_001));
    // 15 s after 1 ms, when the attempt that failed began.
    assert_eq!(effects(&mut pooler), [served(c[1], 15_000), Effect::Open(POOL)]);
}

#[test]
fn a_pool_that_lost_all_its_connections_refuses_clients_at_once() {
    let mut pooler = PgBouncer::new(config(Mode::Transaction, 1));
    let c = asking(&mut pooler, at(0), 2, 0);
    pooler.opened(at(1), POOL);
    // The first disconnects within its transaction, and its connection is closed.
    pooler.disconnect(at(2), c[0]);
    pooler.refused(at(3), POOL);
    effects(&mut pooler);
    let c = asking(&mut pooler, at(100), 1, 0);
    assert_eq!(
        effects(&mut pooler),
        [dropped(c[0], 0, Disconnection::LoginFailed)]
    );
}

#[test]
fn a_client_beyond_max_client_conn_is_refused() {
    let mut pooler = PgBouncer::new(PgBouncerConfig::default());
    let accepted = (0..130).filter_map(|user| pooler.connect(user, 0)).count();
    assert_eq!((accepted, pooler.counts().refused), (100, 30));
}

#[test]
fn min_pool_size_is_opened_one_at_each_check_and_kept_when_idle() {
    let mut pooler = PgBouncer::new(PgBouncerConfig {
        min_pool_size: 2,
        ..config(Mode::Transaction, 3)
    });
    pooler.maintain(at(0));
    assert!(effects(&mut pooler).is_empty());
    pooler.connect(0, 0).unwrap();
    for look in 1..5 {
        pooler.maintain(at(look * 1000));
        pooler.opened(at(look * 1000 + 1), POOL);
    }
    assert_eq!(effects(&mut pooler), [Effect::Open(POOL), Effect::Open(POOL)]);
    pooler.maintain(at(700_000));
    assert_eq!(pooler.server_connections(), 2);
}

#[test]
fn idle_connections_are_closed_after_server_idle_timeout() {
    let mut pooler = PgBouncer::new(config(Mode::Transaction, 1));
    let c = asking(&mut pooler, at(0), 1, 0);
    pooler.opened(at(0), POOL);
    pooler.finish(at(1000), c[0]);
    pooler.maintain(at(601_000));
    assert_eq!(pooler.server_connections(), 1);
    pooler.maintain(at(601_001));
    assert_eq!(pooler.server_connections(), 0);
}

#[test]
fn waits_in_a_pool_follow_erlang_c() {
    let mut chance = Streams::new(6, 0).stream("visits", "test");
    let hold = ms(40);
    let visits = visits(300_000, 35.0, hold, &mut chance);
    let config = PgBouncerConfig {
        max_client_conn: 1_000_000,
        ..config(Mode::Transaction, 2)
    };
    let replay = replay(&visits, 1, config, Duration::ZERO);
    let mean = replay
        .waits
        .iter()
        .flatten()
        .map(Duration::as_secs_f64)
        .sum::<f64>()
        / visits.len() as f64;
    // M/M/2 at ρ = 0.7: Wq = hold × ρ² ÷ (1 − ρ²) = 40 ms × 0.49 ÷ 0.51 = 38.4 ms.
    assert!((mean - 0.038_43).abs() < 0.002, "{mean}");
    assert_eq!(replay.counts.served, 300_000);
}

#[test]
fn users_that_share_too_few_connections_open_one_for_nearly_every_transaction() {
    // 30 users take turns, and there are at most 10 connections: every user finds its own closed again.
    let visits: Vec<_> = (0..3000)
        .map(|number| crate::components::postgres::Visit {
            at: at(number * 10),
            hold: ms(2),
        })
        .collect();
    let config = PgBouncerConfig {
        max_db_connections: 10,
        ..config(Mode::Transaction, 20)
    };
    let many = replay(&visits, 30, config.clone(), ms(3));
    assert_eq!((many.counts.opened, many.counts.evicted), (3000, 2990));
    // 10 users have one each.
    let few = replay(&visits, 10, config, ms(3));
    assert_eq!((few.counts.opened, few.counts.evicted), (10, 0));
}

#[derive(Debug, Clone)]
enum Step {
    Connect(u32, u32),
    Request(usize),
    Finish(usize),
    Disconnect(usize),
    Answer,
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0..3_u32, 0..2_u32).prop_map(|(user, database)| Step::Connect(user, database)),
        6 => any::<prop::sample::Index>().prop_map(|i| Step::Request(i.index(64))),
        4 => any::<prop::sample::Index>().prop_map(|i| Step::Finish(i.index(64))),
        1 => any::<prop::sample::Index>().prop_map(|i| Step::Disconnect(i.index(64))),
        4 => Just(Step::Answer),
        3 => (1..900_u64).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..300)
}

fn configs() -> impl Strategy<Value = PgBouncerConfig> {
    let mode = prop_oneof![Just(Mode::Session), Just(Mode::Transaction)];
    (mode, 1..4_u32, 0..3_u32, 0..3_u32, 0..5_u32, 0..4_u32, 3..40_u32).prop_map(
        |(pool_mode, default_pool_size, min_pool_size, reserve_pool_size, db, user, clients)| {
            PgBouncerConfig {
                pool_mode,
                default_pool_size,
                min_pool_size,
                reserve_pool_size,
                reserve_pool_timeout: ms(700),
                max_db_connections: db,
                max_user_connections: user,
                max_client_conn: clients,
                query_wait_timeout: ms(2000),
                server_login_retry: ms(1000),
                server_idle_timeout: ms(5000),
            }
        },
    )
}

/// A PgBouncer in front of a server with few slots, and the expectations of an observer.
struct Watched {
    pooler: PgBouncer,
    slots: Slots,
    now: u64,
    clients: Vec<ClientId>,
    asked: Vec<PoolId>,
    /// Waiting clients, in order of arrival: pool and client.
    lines: Vec<(PoolId, ClientId)>,
}

impl Watched {
    fn step(&mut self, step: &Step) {
        let now = at(self.now);
        let pick = |number: &usize| self.clients.get(*number % self.clients.len().max(1)).copied();
        match step {
            Step::Connect(user, database) => self.clients.extend(self.pooler.connect(*user, *database)),
            Step::Request(number) => {
                if let Some(client) = pick(number) {
                    let before = self.pooler.counts().arrived;
                    let Client { pool, state } = self.pooler.clients[client.0 as usize];
                    self.pooler.request(now, client);
                    if state == (State::Served { busy: false }) {
                        // It still has its connection and does not wait.
                        let once = Effect::Served {
                            client,
                            waited: Duration::ZERO,
                        };
                        assert_eq!(effects(&mut self.pooler), [once]);
                    } else if self.pooler.counts().arrived > before {
                        self.lines.push((pool, client));
                    }
                }
            }
            Step::Finish(number) => {
                if let Some(client) = pick(number) {
                    self.pooler.finish(now, client);
                }
            }
            Step::Disconnect(number) => {
                if let Some(client) = pick(number) {
                    self.pooler.disconnect(now, client);
                    self.lines.retain(|(_, other)| *other != client);
                }
            }
            Step::Answer => {
                if let Some(pool) = self.asked.pop() {
                    if self.slots.connect() {
                        self.pooler.opened(now, pool);
                    } else {
                        self.pooler.refused(now, pool);
                    }
                }
            }
            Step::Wait(milliseconds) => {
                let until = self.now + milliseconds;
                while (self.now / 300 + 1) * 300 <= until {
                    self.now = (self.now / 300 + 1) * 300;
                    self.pooler.maintain(at(self.now));
                    self.follow();
                }
                self.now = until;
            }
        }
        self.follow();
    }

    /// Checks and counts what the pooler did.
    fn follow(&mut self) {
        for effect in effects(&mut self.pooler) {
            match effect {
                Effect::Open(pool) => self.asked.push(pool),
                Effect::Close(_) => self.slots.disconnect(),
                Effect::Disconnected {
                    client,
                    waited: Duration::ZERO,
                    ..
                } => {
                    // Refused at once: it never waited.
                    self.lines.retain(|(_, other)| *other != client);
                }
                Effect::Served { client, waited } | Effect::Disconnected { client, waited, .. } => {
                    // A check every 300 ms: nobody waits longer than 2 s and one check.
                    assert!(waited <= ms(2300), "{waited:?}");
                    let pool = self.pooler.clients[client.0 as usize].pool;
                    let first = self.lines.iter().position(|(other, _)| *other == pool).unwrap();
                    assert_eq!(self.lines.remove(first).1, client, "out of order");
                }
            }
        }
    }

    fn check(&self) {
        let (pooler, config) = (&self.pooler, &self.pooler.config);
        let open: u32 = pooler.pools.iter().map(Pool::connected).sum();
        assert_eq!(open, self.slots.taken());
        assert!(open <= self.slots.most());
        assert_eq!(pooler.server_connections(), open + self.asked.len() as u32);
        for pool in &pooler.pools {
            let all = pool.connected() + u32::from(pool.opening.is_some());
            assert!(all <= config.default_pool_size + config.reserve_pool_size);
        }
        for (most, groups) in [
            (config.max_db_connections, &pooler.databases),
            (config.max_user_connections, &pooler.users),
        ] {
            for group in groups.values() {
                let of_pools = |each: fn(&Pool) -> u32| -> u32 {
                    let pools = group.pools.iter().map(|pool| &pooler.pools[pool.0 as usize]);
                    pools.map(each).sum()
                };
                let all = of_pools(|pool| pool.connected() + u32::from(pool.opening.is_some()));
                assert_eq!(group.servers, all);
                assert!(most == 0 || all <= most);
            }
        }
        assert!(pooler.clients() <= config.max_client_conn);
        let counts = pooler.counts();
        let ended = counts.served + counts.disconnected + counts.gone;
        assert_eq!(counts.arrived, ended + u64::from(pooler.waiting()));
        assert_eq!(self.lines.len() as u32, pooler.waiting());
    }
}

proptest! {
    #[test]
    fn limits_are_never_exceeded_and_clients_are_served_in_order_of_arrival(
        config in configs(),
        slots in 0..6_u32,
        steps in steps(),
    ) {
        let mut watched = Watched {
            pooler: PgBouncer::new(config),
            slots: Slots::new(slots, 0),
            now: 0,
            clients: Vec::new(),
            asked: Vec::new(),
            lines: Vec::new(),
        };
        for step in &steps {
            watched.step(step);
            watched.check();
        }
    }
}
