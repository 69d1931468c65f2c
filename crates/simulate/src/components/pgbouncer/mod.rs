//! PgBouncer: clients wait in a queue for the few connections that it has to the server.
//!
//! It follows the configuration reference, and the source where the reference does not say. There is one pool
//! for each pair of user and database, of `default_pool_size` connections and, once its first waiting client
//! has waited `reserve_pool_timeout`, `reserve_pool_size` more. A pool opens one connection at a time; while
//! it cannot, because a limit is reached or the server refuses, its clients wait in order of arrival, at most
//! `query_wait_timeout`, after which they are disconnected. `max_db_connections` and `max_user_connections`
//! apply across pools: a pool at such a limit closes the connection of another that has been idle longest,
//! and opens its own. After a refusal a pool asks the server again only `server_login_retry` later; if it has
//! no connection at all, it passes the refusal on to all waiting clients. Timeouts are checked three times a
//! second ([`TICK`]), so that a client is disconnected up to a third of a second late, as by the real one.
//!
//! It has no clock and no randomness of its own: its caller passes the time, opens the server connections
//! that it asks for ([`Effect::Open`]) and calls [`PgBouncer::maintain`] every [`TICK`].

mod line;
mod replay;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use cofferdam_formulas::defaults::{
    PGBOUNCER_MAX_CLIENT_CONN, PGBOUNCER_MAX_DB_CONNECTIONS, PGBOUNCER_POOL_SIZE, PGBOUNCER_QUERY_WAIT,
    PGBOUNCER_RESERVE,
};
use cofferdam_policy::Time;

use line::{Group, Pool};
pub use replay::{Replay, replay};

/// Time between two checks of timeouts.
pub const TICK: Duration = Duration::from_nanos(1_000_000_000 / 3);

/// When a client gives its server connection back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// When it disconnects.
    Session,
    /// When its transaction ends.
    Transaction,
}

/// PgBouncer's settings, by their own names. Zero turns a timeout off and means no limit on connections to
/// the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PgBouncerConfig {
    /// `pool_mode`.
    pub pool_mode: Mode,
    /// `max_client_conn`: one more client is refused at once.
    pub max_client_conn: u32,
    /// `default_pool_size`: server connections of a pool.
    pub default_pool_size: u32,
    /// `min_pool_size`: server connections that a pool with a client opens without a request, one in each
    /// check.
    pub min_pool_size: u32,
    /// `reserve_pool_size`: more server connections of a pool for clients that wait long.
    pub reserve_pool_size: u32,
    /// `reserve_pool_timeout`: how long they must have waited.
    pub reserve_pool_timeout: Duration,
    /// `max_db_connections`: server connections to one database, over its pools.
    pub max_db_connections: u32,
    /// `max_user_connections`: server connections of one user, over its pools.
    pub max_user_connections: u32,
    /// `query_wait_timeout`: how long a client waits.
    pub query_wait_timeout: Duration,
    /// `server_login_retry`: time from an attempt that failed to a pool's next.
    pub server_login_retry: Duration,
    /// `server_idle_timeout`: how long a server connection may be idle.
    pub server_idle_timeout: Duration,
}

impl Default for PgBouncerConfig {
    /// The defaults of PgBouncer's configuration reference.
    fn default() -> Self {
        Self {
            pool_mode: Mode::Session,
            max_client_conn: PGBOUNCER_MAX_CLIENT_CONN.value,
            default_pool_size: PGBOUNCER_POOL_SIZE.value,
            min_pool_size: 0,
            reserve_pool_size: PGBOUNCER_RESERVE.value,
            reserve_pool_timeout: Duration::from_secs(5),
            max_db_connections: PGBOUNCER_MAX_DB_CONNECTIONS.value,
            max_user_connections: 0,
            query_wait_timeout: PGBOUNCER_QUERY_WAIT.value,
            server_login_retry: Duration::from_secs(15),
            server_idle_timeout: Duration::from_secs(600),
        }
    }
}

/// A client's connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClientId(u32);

impl ClientId {
    /// Its number: clients are counted from zero as they connect, and no number is used twice.
    #[must_use]
    pub const fn number(self) -> usize {
        self.0 as usize
    }
}

/// A pool: one user's connections to one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PoolId(u32);

/// Why a client is disconnected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disconnection {
    /// It has waited longer than `query_wait_timeout`.
    QueryWaitTimeout,
    /// The server refused the only connection of its pool.
    LoginFailed,
}

/// What PgBouncer did, or wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It connects to the server; its caller reports the result with [`PgBouncer::opened`] or
    /// [`PgBouncer::refused`].
    Open(PoolId),
    /// It has closed one of a pool's server connections.
    Close(PoolId),
    /// A client's transaction begins, on a server connection.
    Served {
        /// Which client.
        client: ClientId,
        /// How long it has waited.
        waited: Duration,
    },
    /// It has disconnected a client.
    Disconnected {
        /// Which.
        client: ClientId,
        /// How long it has waited.
        waited: Duration,
        /// Why.
        why: Disconnection,
    },
}

/// Results of transactions and clients. Every transaction that arrived was served, was dropped, or waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Transactions that clients asked for.
    pub arrived: u64,
    /// Those that got a server connection.
    pub served: u64,
    /// Those whose client was disconnected before.
    pub disconnected: u64,
    /// Those whose client disconnected by itself before.
    pub gone: u64,
    /// Clients refused because of `max_client_conn`.
    pub refused: u64,
    /// Server connections that were opened.
    pub opened: u64,
    /// Server connections that the server refused.
    pub login_failures: u64,
    /// Server connections closed to make room for another pool's.
    pub evicted: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Connected, and nothing to do.
    Idle,
    /// Waiting since then.
    Waiting(Time),
    /// Has a server connection; in a transaction or, in session mode, perhaps between two.
    Served { busy: bool },
    /// Disconnected.
    Gone,
}

#[derive(Debug, Clone, Copy)]
struct Client {
    pool: PoolId,
    state: State,
}

/// A PgBouncer: its clients, pools and server connections.
#[derive(Debug, Clone)]
pub struct PgBouncer {
    config: PgBouncerConfig,
    clients: Vec<Client>,
    connected: u32,
    pools: Vec<Pool>,
    names: BTreeMap<(u32, u32), PoolId>,
    databases: BTreeMap<u32, Group>,
    users: BTreeMap<u32, Group>,
    /// Pools with a waiting client.
    lines: BTreeSet<PoolId>,
    counts: Counts,
    effects: VecDeque<Effect>,
}

impl PgBouncer {
    /// One without clients.
    #[must_use]
    pub fn new(config: PgBouncerConfig) -> Self {
        Self {
            config,
            clients: Vec::new(),
            connected: 0,
            pools: Vec::new(),
            names: BTreeMap::new(),
            databases: BTreeMap::new(),
            users: BTreeMap::new(),
            lines: BTreeSet::new(),
            counts: Counts::default(),
            effects: VecDeque::new(),
        }
    }

    /// A client logs in as `user` for `database`; `None` if it is refused: "no more connections allowed
    /// (max_client_conn)".
    pub fn connect(&mut self, user: u32, database: u32) -> Option<ClientId> {
        if self.connected >= self.config.max_client_conn {
            self.counts.refused += 1;
            return None;
        }
        let next = PoolId(self.pools.len() as u32);
        let pool = *self.names.entry((user, database)).or_insert(next);
        if pool == next {
            self.pools.push(Pool::new(user, database));
            self.databases.entry(database).or_default().pools.push(pool);
            self.users.entry(user).or_default().pools.push(pool);
        }
        self.pool(pool).clients += 1;
        self.connected += 1;
        let id = ClientId(self.clients.len() as u32);
        self.clients.push(Client {
            pool,
            state: State::Idle,
        });
        Some(id)
    }

    /// A client sends the first statement of a transaction. It is served at once, waits, or is disconnected;
    /// the effects show which. A client that already waits, or is in a transaction, does not change.
    pub fn request(&mut self, now: Time, client: ClientId) {
        let Client { pool, state } = self.clients[client.0 as usize];
        match state {
            State::Idle => {}
            State::Served { busy: false } => {
                self.counts.arrived += 1;
                self.serve(client, Duration::ZERO);
                return;
            }
            State::Waiting(_) | State::Served { busy: true } | State::Gone => return,
        }
        self.counts.arrived += 1;
        if self.take_idle(pool) {
            self.serve(client, Duration::ZERO);
            return;
        }
        let own = self.pool(pool);
        let fails = own.greeted && own.failed.is_some() && own.connected() == 0;
        if fails {
            self.disconnected(client, Duration::ZERO, Disconnection::LoginFailed);
        } else {
            own.line.push_back(client);
            self.clients[client.0 as usize].state = State::Waiting(now);
            self.lines.insert(pool);
        }
        self.open_more(now, pool, true);
    }

    /// A client's transaction ends. In transaction mode its server connection goes to the next waiting
    /// client.
    pub fn finish(&mut self, now: Time, client: ClientId) {
        let Client { pool, state } = self.clients[client.0 as usize];
        if state != (State::Served { busy: true }) {
            return;
        }
        match self.config.pool_mode {
            Mode::Session => self.clients[client.0 as usize].state = State::Served { busy: false },
            Mode::Transaction => {
                self.clients[client.0 as usize].state = State::Idle;
                self.release(now, pool);
            }
        }
    }

    /// A client disconnects by itself. The server connection of an unfinished transaction is closed; one
    /// between transactions goes to the next waiting client.
    pub fn disconnect(&mut self, now: Time, client: ClientId) {
        let Client { pool, state } = self.clients[client.0 as usize];
        match state {
            State::Gone => return,
            State::Idle => {}
            State::Waiting(_) => {
                self.counts.gone += 1;
                self.leave_line(client);
            }
            State::Served { .. } => {}
        }
        self.remove(client);
        match state {
            State::Served { busy: false } => self.release(now, pool),
            State::Served { busy: true } => {
                self.pool(pool).active -= 1;
                self.closed(pool);
                self.all_lines(now);
            }
            _ => {}
        }
    }

    /// A requested server connection is open.
    pub fn opened(&mut self, now: Time, pool: PoolId) {
        let own = self.pool(pool);
        if own.opening.take().is_none() {
            return;
        }
        own.failed = None;
        own.greeted = true;
        own.active += 1;
        self.counts.opened += 1;
        self.release(now, pool);
        if self.lines.contains(&pool) {
            self.open_more(now, pool, true);
        }
    }

    /// The server refused a requested connection.
    pub fn refused(&mut self, now: Time, pool: PoolId) {
        let own = self.pool(pool);
        let Some(begun) = own.opening.take() else {
            return;
        };
        own.failed = Some(begun);
        let none = own.connected() == 0;
        self.counts.login_failures += 1;
        self.uncount(pool);
        if none {
            let line = std::mem::take(&mut self.pool(pool).line);
            self.lines.remove(&pool);
            for client in line {
                let waited = self.waited(now, client);
                self.disconnected(client, waited, Disconnection::LoginFailed);
            }
        }
        // It no longer counts for the limits that it shares with other pools.
        self.all_lines(now);
    }

    /// Handles everything that depends only on time: clients that have waited too long, connections that were
    /// idle too long, the reserve, attempts that may be made again, and `min_pool_size`. Called every
    /// [`TICK`].
    pub fn maintain(&mut self, now: Time) {
        self.end_waits(now);
        for number in 0..self.pools.len() {
            let pool = PoolId(number as u32);
            self.close_idle(now, pool);
            let own = &self.pools[number];
            let least = self.config.min_pool_size.min(self.config.default_pool_size);
            if own.connected() < least && own.clients > 0 {
                self.open_more(now, pool, false);
            }
        }
        self.all_lines(now);
    }

    /// The effects in order: returns the first that was not taken yet.
    pub fn next_effect(&mut self) -> Option<Effect> {
        self.effects.pop_front()
    }

    /// Clients that wait for a server connection.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.lines
            .iter()
            .map(|pool| self.pools[pool.0 as usize].line.len() as u32)
            .sum()
    }

    /// Clients that are connected.
    #[must_use]
    pub const fn clients(&self) -> u32 {
        self.connected
    }

    /// Server connections, those that are being opened included.
    #[must_use]
    pub fn server_connections(&self) -> u32 {
        self.databases.values().map(|group| group.servers).sum()
    }

    /// Results of transactions and clients so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }
}
