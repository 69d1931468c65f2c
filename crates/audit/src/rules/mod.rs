//! The rules, one file each, named after its id. To add one: write the file and its page under
//! `docs/rules/`, and name it in [`ALL`].

pub(crate) mod common;
mod database_flag;
mod delivery_flag;
mod demand;
mod detection;
mod pods;
mod reach;
mod schedule;
#[cfg(test)]
mod testing;

use crate::rule::Rule;

macro_rules! rules {
    ($($module:ident),* $(,)?) => {
        $(pub mod $module;)*
        /// Every rule, in the order of reports within a severity.
        pub static ALL: &[&Rule] = &[$(&$module::RULE),*];
    };
}

rules! {
    // Kafka
    kafka_producer_durability,
    kafka_dlq_durability,
    kafka_idle_members,
    kafka_uneven_members,
    kafka_rebalance_storm,
    kafka_offset_before_work,
    kafka_poll_deadline,
    kafka_unbounded_buffer,
    kafka_undeclared_topic,
    kafka_replication,

    // Database
    database_connection_exhaustion,
    pooler_overcommit,
    pooler_prepared_statements,
    database_no_pooler,
    database_pool_unbounded,
    timeout_inversion,
    dependency_without_breaker,
    retry_amplification,
    call_without_timeout,
    backup_retention,
    backup_no_pitr,
    backup_one_region,
    backup_never_restored,
    database_single_zone,
    database_public,
    database_no_tls,
    database_deletable,
    database_memory,

    // Cells, health, caches
    failover_overload,
    failover_abrupt,
    failover_no_second_try,
    breaker_blind_spot,
    rate_limit_mismatch,
    cache_divergence,
    shallow_health_check,

    // Secrets
    secret_in_clear,
    secret_in_environment,
    secret_shared,
    secret_rotation_deadlock,
    secret_no_expiry,

    // Network
    egress_blocks_dns,
    egress_any_address,
    egress_any_namespace,
    metadata_reachable,
    network_no_default_deny,

    // Images
    image_untrusted_registry,
    image_unsigned,
    image_mutable_tag,

    // Alerts and SLOs
    alert_detection_delay,
    alert_coverage_gap,
    slo_no_burn_alert,
    alert_no_data,
    alert_unknown_signal,

    // Autoscaling and resources
    autoscaler_runaway,
    autoscaler_unknown_target,
    autoscaler_fights_replicas,
    cpu_limit_throttling,
    request_over_limit,
    requests_missing,
    memory_limit_missing,
    memory_overcommitted,
    disruption_budget_blocks,
    disruption_budget_missing,
    single_replica,
    replicas_together,
    probe_too_eager,
    probe_missing,
    no_graceful_stop,
    probe_port_unknown,
    rollout_stops_all,
    state_in_pod,
    bare_pod,
    autoscaler_cannot_scale,
    ephemeral_storage_missing,
    no_spare_replica,
    eviction_waits_for_unhealthy,
    priority_class_missing,

    // Delivery
    manifest_invalid,
    dangling_reference,
    pin_drift,
    variable_missing,
    deploy_window_no_override,
    deploy_no_rollback,
    deploy_no_canary,
    description_conflict,
    environment_disparity,
    variable_set_twice,
    image_pull_stale,
    cronjob_runs_pile_up,
    cronjob_deadline_missing,
    job_never_cleaned,
    cronjob_history_cut,
    rollout_no_history,
    rollout_by_hand,
    statefulset_service,
}

/// The rule of this id.
pub fn find(id: &str) -> Option<&'static Rule> {
    ALL.iter().copied().find(|rule| rule.id == id)
}
