//! Pools, the queues in front of them, and the limits that they share.

use std::collections::VecDeque;
use std::time::Duration;

use cofferdam_policy::Time;

use super::{ClientId, Disconnection, Effect, PgBouncer, PoolId, State};

/// One user's connections to one database.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    user: u32,
    database: u32,
    /// Clients that are connected.
    pub(super) clients: u32,
    /// Server connections that serve a client.
    pub(super) active: u32,
    /// Server connections that are free, with the time since when; the last is used first.
    pub(super) idle: VecDeque<Time>,
    /// When the connection that is being opened was requested.
    pub(super) opening: Option<Time>,
    /// When the failed attempt began, if the last one failed.
    pub(super) failed: Option<Time>,
    /// Whether it ever had a connection, and therefore knows the server's greeting for clients that log in.
    pub(super) greeted: bool,
    /// Waiting clients in order of arrival.
    pub(super) line: VecDeque<ClientId>,
}

impl Pool {
    pub(super) const fn new(user: u32, database: u32) -> Self {
        Self {
            user,
            database,
            clients: 0,
            active: 0,
            idle: VecDeque::new(),
            opening: None,
            failed: None,
            greeted: false,
            line: VecDeque::new(),
        }
    }

    /// Server connections that are open.
    pub(super) fn connected(&self) -> u32 {
        self.active + self.idle.len() as u32
    }
}

/// The pools of one user, or of one database.
#[derive(Debug, Clone, Default)]
pub(super) struct Group {
    pub(super) pools: Vec<PoolId>,
    /// Their server connections, those that are being opened included.
    pub(super) servers: u32,
    /// Those of them that are free.
    idle: u32,
}

impl PgBouncer {
    pub(super) fn pool(&mut self, pool: PoolId) -> &mut Pool {
        &mut self.pools[pool.0 as usize]
    }

    pub(super) fn waited(&self, now: Time, client: ClientId) -> Duration {
        match self.clients[client.0 as usize].state {
            State::Waiting(since) => now.since(since),
            _ => Duration::ZERO,
        }
    }

    pub(super) fn serve(&mut self, client: ClientId, waited: Duration) {
        self.clients[client.0 as usize].state = State::Served { busy: true };
        self.counts.served += 1;
        self.effects.push_back(Effect::Served { client, waited });
    }

    /// A client is no longer there.
    pub(super) fn remove(&mut self, client: ClientId) {
        let pool = self.clients[client.0 as usize].pool;
        self.clients[client.0 as usize].state = State::Gone;
        self.pool(pool).clients -= 1;
        self.connected -= 1;
    }

    /// A client that is not in a queue is disconnected.
    pub(super) fn disconnected(&mut self, client: ClientId, waited: Duration, why: Disconnection) {
        self.remove(client);
        self.counts.disconnected += 1;
        self.effects
            .push_back(Effect::Disconnected { client, waited, why });
    }

    pub(super) fn leave_line(&mut self, client: ClientId) {
        let pool = self.clients[client.0 as usize].pool;
        let own = self.pool(pool);
        own.line.retain(|other| *other != client);
        if own.line.is_empty() {
            self.lines.remove(&pool);
        }
    }

    /// A used server connection becomes free: the next client in the queue gets it, or it is idle.
    pub(super) fn release(&mut self, now: Time, pool: PoolId) {
        let own = self.pool(pool);
        if let Some(client) = own.line.pop_front() {
            if own.line.is_empty() {
                self.lines.remove(&pool);
            }
            let waited = self.waited(now, client);
            self.serve(client, waited);
            return;
        }
        own.active -= 1;
        own.idle.push_back(now);
        self.count_idle(pool, |idle| *idle += 1);
        // Another pool at a shared limit takes its place.
        self.all_lines(now);
    }

    /// Every pool with a waiting client tries to open a connection, as at each turn of PgBouncer's event
    /// loop.
    pub(super) fn all_lines(&mut self, now: Time) {
        if self.lines.is_empty() {
            return;
        }
        let lines: Vec<PoolId> = self.lines.iter().copied().collect();
        for pool in lines {
            self.open_more(now, pool, true);
        }
    }

    /// Opens a connection for a pool if it may have one more. `evict`: whether it may close a connection of
    /// another pool.
    pub(super) fn open_more(&mut self, now: Time, pool: PoolId, evict: bool) {
        let own = &self.pools[pool.0 as usize];
        let retry = self.config.server_login_retry;
        if own.opening.is_some() || own.failed.is_some_and(|begun| now.since(begun) < retry) {
            return;
        }
        // The first connection of a pool is opened whatever its size: clients that log in need the server's
        // greeting.
        let size = self.config.default_pool_size.max(1);
        let reserve = self.config.reserve_pool_size;
        let first = own
            .line
            .front()
            .map_or(Duration::ZERO, |first| self.waited(now, *first));
        let long = !self.config.reserve_pool_timeout.is_zero() && first >= self.config.reserve_pool_timeout;
        let most = if long { size.saturating_add(reserve) } else { size };
        let (user, database) = (own.user, own.database);
        if own.connected() >= most
            || !self.room(self.config.max_db_connections, database, evict, Shared::Database)
            || !self.room(self.config.max_user_connections, user, evict, Shared::User)
        {
            return;
        }
        self.pool(pool).opening = Some(now);
        self.group(Shared::Database, database).servers += 1;
        self.group(Shared::User, user).servers += 1;
        self.effects.push_back(Effect::Open(pool));
    }

    fn group(&mut self, shared: Shared, name: u32) -> &mut Group {
        let groups = match shared {
            Shared::Database => &mut self.databases,
            Shared::User => &mut self.users,
        };
        groups.entry(name).or_default()
    }

    /// Whether one more connection fits under a limit that pools share, if necessary after closing the one
    /// that has been idle longest.
    fn room(&mut self, most: u32, name: u32, evict: bool, shared: Shared) -> bool {
        if most == 0 {
            return true;
        }
        while self.group(shared, name).servers >= most {
            if !evict || self.group(shared, name).idle == 0 {
                return false;
            }
            let pools = std::mem::take(&mut self.group(shared, name).pools);
            let oldest = pools
                .iter()
                .filter_map(|pool| Some((*self.pools[pool.0 as usize].idle.front()?, *pool)))
                .min();
            self.group(shared, name).pools = pools;
            let Some((_, pool)) = oldest else {
                return false;
            };
            self.pool(pool).idle.pop_front();
            self.count_idle(pool, |idle| *idle -= 1);
            self.counts.evicted += 1;
            self.closed(pool);
        }
        true
    }

    /// Takes the pool's connection that was used last; returns whether there is one.
    pub(super) fn take_idle(&mut self, pool: PoolId) -> bool {
        let own = self.pool(pool);
        let taken = own.idle.pop_back().is_some();
        if taken {
            own.active += 1;
            self.count_idle(pool, |idle| *idle -= 1);
        }
        taken
    }

    /// Adds a free connection of a pool to, or removes it from, the shared limits.
    fn count_idle(&mut self, pool: PoolId, by: fn(&mut u32)) {
        let (user, database) = (self.pool(pool).user, self.pool(pool).database);
        by(&mut self.group(Shared::Database, database).idle);
        by(&mut self.group(Shared::User, user).idle);
    }

    /// A server connection of a pool is closed.
    pub(super) fn closed(&mut self, pool: PoolId) {
        self.uncount(pool);
        self.effects.push_back(Effect::Close(pool));
    }

    pub(super) fn uncount(&mut self, pool: PoolId) {
        let (user, database) = (self.pool(pool).user, self.pool(pool).database);
        self.group(Shared::Database, database).servers -= 1;
        self.group(Shared::User, user).servers -= 1;
    }

    /// Disconnects clients that have waited longer than allowed.
    pub(super) fn end_waits(&mut self, now: Time) {
        let most = self.config.query_wait_timeout;
        if most.is_zero() {
            return;
        }
        let lines: Vec<PoolId> = self.lines.iter().copied().collect();
        for pool in lines {
            while let Some(client) = self.pool(pool).line.front().copied() {
                let waited = self.waited(now, client);
                if waited <= most {
                    break;
                }
                self.leave_line(client);
                self.disconnected(client, waited, Disconnection::QueryWaitTimeout);
            }
        }
    }

    /// Closes connections that were idle too long, down to `min_pool_size`.
    pub(super) fn close_idle(&mut self, now: Time, pool: PoolId) {
        let (most, least) = (self.config.server_idle_timeout, self.config.min_pool_size);
        if most.is_zero() {
            return;
        }
        while let Some(since) = self.pool(pool).idle.front().copied() {
            if now.since(since) <= most || self.pool(pool).connected() <= least {
                break;
            }
            self.pool(pool).idle.pop_front();
            self.count_idle(pool, |idle| *idle -= 1);
            self.closed(pool);
        }
    }
}

/// What pools can share a limit by.
#[derive(Debug, Clone, Copy)]
enum Shared {
    Database,
    User,
}
