//! Releases of PgBouncer, and its defaults.

/// Releases of PgBouncer since 1.8 (pgbouncer.org/archive.html; 1.25.2 by the image of edoburu).
const PGBOUNCER_RELEASES: &[(u32, u32, u32)] = &[
    (1, 8, 0),
    (1, 8, 1),
    (1, 9, 0),
    (1, 10, 0),
    (1, 11, 0),
    (1, 12, 0),
    (1, 13, 0),
    (1, 14, 0),
    (1, 15, 0),
    (1, 16, 0),
    (1, 16, 1),
    (1, 17, 0),
    (1, 18, 0),
    (1, 19, 0),
    (1, 19, 1),
    (1, 20, 0),
    (1, 20, 1),
    (1, 21, 0),
    (1, 22, 0),
    (1, 22, 1),
    (1, 23, 0),
    (1, 23, 1),
    (1, 24, 0),
    (1, 24, 1),
    (1, 25, 0),
    (1, 25, 1),
    (1, 25, 2),
];

/// The version that a tag names (`1.20.1`, `v1.23.1-p2`, `1.22.0-debian-12-r5`, `1.21`); `None` for `latest`
/// and similar tags. A missing patch number is 0.
pub fn version_of(tag: &str) -> Option<(u32, u32, u32)> {
    let text = tag.strip_prefix('v').unwrap_or(tag);
    let text = text.split(['-', '_', '+']).next()?;
    let mut parts = text.split('.').map(|p| p.parse::<u32>().ok());
    let (major, minor) = (parts.next()??, parts.next()??);
    let patch = match parts.next() {
        None => 0,
        Some(patch) => patch?,
    };
    parts.next().is_none().then_some((major, minor, patch))
}

/// Whether PgBouncer was ever released under a version. One newer than the newest known counts as released,
/// because the list ends on a certain day; `None` if the tag names no version or one before 1.8. This is the
/// program's version: whether an image with that tag was published is another question.
pub fn pgbouncer_released(tag: &str) -> Option<bool> {
    let version = version_of(tag)?;
    let (first, last) = (PGBOUNCER_RELEASES.first()?, PGBOUNCER_RELEASES.last()?);
    if version < *first {
        return None;
    }
    Some(version > *last || PGBOUNCER_RELEASES.contains(&version))
}

/// PgBouncer's `max_prepared_statements` if nothing sets it. Prepared statements of the protocol work in
/// transaction pooling since 1.21.0, switched off (0) until 1.24.0, which sets 200
/// (pgbouncer.org/changelog.html, 1.21.0 and 1.24.0; pull request 1144). `None` before 1.21, which has no
/// such setting, and for a tag that names no version.
pub fn pgbouncer_default_prepared_statements(tag: &str) -> Option<u32> {
    match version_of(tag)? {
        (1, 21..=23, _) => Some(0),
        version if version >= (1, 24, 0) => Some(200),
        _ => None,
    }
}

/// PgBouncer's default of a setting (pgbouncer.org/config.html), for the settings that decide how many
/// connections there are. 0 means no limit, as in the file.
pub fn pgbouncer_default(setting: &str) -> Option<&'static str> {
    Some(match setting {
        "pool_mode" => "session",
        "max_client_conn" => "100",
        "default_pool_size" => "20",
        "min_pool_size" | "reserve_pool_size" | "max_db_connections" | "max_user_connections" => "0",
        "query_wait_timeout" => "120",
        "server_idle_timeout" => "600",
        "server_lifetime" => "3600",
        "listen_port" => "6432",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_are_in_order() {
        assert!(PGBOUNCER_RELEASES.is_sorted());
    }

    #[test]
    fn releases_and_their_defaults_are_pgbouncers() {
        assert_eq!(pgbouncer_released("1.20.1"), Some(true));
        assert_eq!(pgbouncer_released("1.20.2"), Some(false));
        assert_eq!(pgbouncer_released("1.99.0"), Some(true));
        assert_eq!(pgbouncer_released("latest"), None);
        assert_eq!(pgbouncer_released("v1.23.1-p2"), Some(true));
        assert_eq!(pgbouncer_default_prepared_statements("1.20.1"), None);
        assert_eq!(pgbouncer_default_prepared_statements("1.21.0"), Some(0));
        assert_eq!(pgbouncer_default_prepared_statements("1.23"), Some(0));
        assert_eq!(
            pgbouncer_default_prepared_statements("1.24.0-debian-12-r0"),
            Some(200)
        );
        assert_eq!(version_of("1.22.x"), None);
        assert_eq!(version_of(""), None);
        assert_eq!(version_of("1"), None);
    }
}
