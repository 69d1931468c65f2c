//! The ini file beside the manifest of a pooler that no workload is seen to mount.

use cofferdam_model::database::Pooler;
use cofferdam_model::{Fact, SourceMap, Span};

/// Gives the only pooler without any setting the ini file that lies beside its manifest, if there is only one: it is baked
/// into the image, or something that is not here mounts it. That is likely.
pub(super) fn take(poolers: &mut Vec<Pooler>, found: &mut [Pooler], sources: &SourceMap) {
    let is_bare = |p: &&mut Pooler| {
        p.pool_mode.is_none()
            && p.default_pool_size.is_none()
            && p.max_db_connections.is_none()
            && p.max_client_conn.is_none()
            && p.databases.is_none()
            && p.server_host.is_none()
    };
    let mut bare = found.iter_mut().filter(is_bare);
    let (Some(pooler), None) = (bare.next(), bare.next()) else {
        return;
    };
    // Poolers of operators have no directory.
    let is_of_file = |p: &Pooler| p.workload.is_none() && p.owner.directory.is_some();
    let mut of_files = (0..poolers.len()).filter(|at| is_of_file(&poolers[*at]));
    let (Some(at), None) = (of_files.next(), of_files.next()) else {
        return;
    };
    let directory = |span: Span| {
        let known = (span.file.0 as usize) < sources.len();
        known.then(|| sources.path(span.file).parent()).flatten()
    };
    let near = directory(pooler.span).zip(directory(poolers[at].span));
    if !near.is_some_and(|(a, b)| a.starts_with(b) || b.starts_with(a)) {
        return;
    }
    let of_file = poolers.remove(at);
    pooler.pool_mode = of_file.pool_mode.map(likely);
    pooler.max_client_conn = of_file.max_client_conn.map(likely);
    pooler.default_pool_size = of_file.default_pool_size.map(likely);
    pooler.reserve_pool_size = of_file.reserve_pool_size.map(likely);
    pooler.max_db_connections = of_file.max_db_connections.map(likely);
    pooler.max_prepared_statements = of_file.max_prepared_statements.map(likely);
    pooler.query_wait_timeout = of_file.query_wait_timeout.map(likely);
    pooler.users = of_file.users.map(likely);
    pooler.databases = of_file.databases.map(likely);
    pooler.server_host = of_file.server_host.map(likely);
}

/// A value of an ini file that no workload is seen to mount.
fn likely<T>(fact: Fact<T>) -> Fact<T> {
    match fact.span() {
        Some(span) => Fact::inferred(
            fact.value,
            span,
            "the ini file is beside the manifest of the pooler",
        ),
        None => fact,
    }
}
