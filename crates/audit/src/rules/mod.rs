//! The rules, one file each, named after its id. To add one: write the file and its page under
//! `docs/rules/`, declare the file here, and name its rule in [`ALL`].

pub mod alert_coverage_gap;
pub mod alert_detection_delay;
pub mod alert_no_data;
pub mod alert_unknown_signal;
pub mod autoscaler_cannot_scale;
pub mod autoscaler_fights_replicas;
pub mod autoscaler_runaway;
pub mod autoscaler_unknown_target;
pub mod backup_never_restored;
pub mod backup_no_pitr;
pub mod backup_one_region;
pub mod backup_retention;
pub mod bare_pod;
pub mod breaker_blind_spot;
pub mod cache_divergence;
pub mod call_without_timeout;
pub(crate) mod common;
pub mod cpu_limit_throttling;
pub mod cronjob_deadline_missing;
pub mod cronjob_history_cut;
pub mod cronjob_runs_pile_up;
mod dangling_effects;
pub mod dangling_reference;
pub mod database_connection_exhaustion;
pub mod database_deletable;
mod database_flag;
pub mod database_memory;
pub mod database_no_pooler;
pub mod database_no_tls;
pub mod database_pool_unbounded;
pub mod database_public;
pub mod database_single_zone;
mod delivery_flag;
mod demand;
pub mod dependency_without_breaker;
pub mod deploy_no_canary;
pub mod deploy_no_rollback;
pub mod deploy_window_no_override;
pub mod description_conflict;
pub mod disruption_budget_blocks;
pub mod disruption_budget_missing;
pub mod egress_any_address;
pub mod egress_any_namespace;
pub mod egress_blocks_dns;
pub mod environment_disparity;
pub mod ephemeral_storage_missing;
pub mod eviction_waits_for_unhealthy;
pub mod failover_abrupt;
pub mod failover_no_second_try;
pub mod failover_overload;
pub mod image_mutable_tag;
pub mod image_pull_stale;
pub mod image_unsigned;
pub mod image_untrusted_registry;
mod images;
pub mod job_never_cleaned;
pub mod kafka_dlq_durability;
pub mod kafka_idle_members;
pub mod kafka_offset_before_work;
pub mod kafka_poll_deadline;
pub mod kafka_producer_durability;
pub mod kafka_rebalance_storm;
pub mod kafka_replication;
pub mod kafka_unbounded_buffer;
pub mod kafka_undeclared_topic;
pub mod kafka_uneven_members;
pub mod manifest_invalid;
pub mod memory_limit_missing;
pub mod memory_overcommitted;
pub mod metadata_reachable;
pub mod network_no_default_deny;
pub mod no_graceful_stop;
pub mod no_spare_replica;
pub mod pin_drift;
mod pods;
pub mod pooler_overcommit;
pub mod pooler_prepared_statements;
pub mod priority_class_missing;
pub mod probe_missing;
pub mod probe_port_unknown;
pub mod probe_too_eager;
pub mod rate_limit_mismatch;
mod reach;
pub mod replicas_together;
pub mod request_over_limit;
pub mod requests_missing;
pub mod retry_amplification;
pub mod rollout_by_hand;
pub mod rollout_no_history;
pub mod rollout_stops_all;
mod schedule;
pub mod secret_in_clear;
pub mod secret_in_environment;
pub mod secret_no_expiry;
pub mod secret_rotation_deadlock;
pub mod secret_shared;
pub mod shallow_health_check;
pub mod single_replica;
pub mod slo_no_burn_alert;
pub mod state_in_pod;
pub mod statefulset_service;
mod stores;
#[cfg(test)]
mod testing;
pub mod timeout_inversion;
pub mod variable_missing;
pub mod variable_set_twice;

use crate::rule::Rule;

/// Every rule, in the order of reports within a severity.
pub static ALL: &[&Rule] = &[
    // Kafka
    &kafka_producer_durability::RULE,
    &kafka_dlq_durability::RULE,
    &kafka_idle_members::RULE,
    &kafka_uneven_members::RULE,
    &kafka_rebalance_storm::RULE,
    &kafka_offset_before_work::RULE,
    &kafka_poll_deadline::RULE,
    &kafka_unbounded_buffer::RULE,
    &kafka_undeclared_topic::RULE,
    &kafka_replication::RULE,
    // Database
    &database_connection_exhaustion::RULE,
    &pooler_overcommit::RULE,
    &pooler_prepared_statements::RULE,
    &database_no_pooler::RULE,
    &database_pool_unbounded::RULE,
    &timeout_inversion::RULE,
    &dependency_without_breaker::RULE,
    &retry_amplification::RULE,
    &call_without_timeout::RULE,
    &backup_retention::RULE,
    &backup_no_pitr::RULE,
    &backup_one_region::RULE,
    &backup_never_restored::RULE,
    &database_single_zone::RULE,
    &database_public::RULE,
    &database_no_tls::RULE,
    &database_deletable::RULE,
    &database_memory::RULE,
    // Cells, health, caches
    &failover_overload::RULE,
    &failover_abrupt::RULE,
    &failover_no_second_try::RULE,
    &breaker_blind_spot::RULE,
    &rate_limit_mismatch::RULE,
    &cache_divergence::RULE,
    &shallow_health_check::RULE,
    // Secrets
    &secret_in_clear::RULE,
    &secret_in_environment::RULE,
    &secret_shared::RULE,
    &secret_rotation_deadlock::RULE,
    &secret_no_expiry::RULE,
    // Network
    &egress_blocks_dns::RULE,
    &egress_any_address::RULE,
    &egress_any_namespace::RULE,
    &metadata_reachable::RULE,
    &network_no_default_deny::RULE,
    // Images
    &image_untrusted_registry::RULE,
    &image_unsigned::RULE,
    &image_mutable_tag::RULE,
    // Alerts and SLOs
    &alert_detection_delay::RULE,
    &alert_coverage_gap::RULE,
    &slo_no_burn_alert::RULE,
    &alert_no_data::RULE,
    &alert_unknown_signal::RULE,
    // Autoscaling and resources
    &autoscaler_runaway::RULE,
    &autoscaler_unknown_target::RULE,
    &autoscaler_fights_replicas::RULE,
    &cpu_limit_throttling::RULE,
    &request_over_limit::RULE,
    &requests_missing::RULE,
    &memory_limit_missing::RULE,
    &memory_overcommitted::RULE,
    &disruption_budget_blocks::RULE,
    &disruption_budget_missing::RULE,
    &single_replica::RULE,
    &replicas_together::RULE,
    &probe_too_eager::RULE,
    &probe_missing::RULE,
    &no_graceful_stop::RULE,
    &probe_port_unknown::RULE,
    &rollout_stops_all::RULE,
    &state_in_pod::RULE,
    &bare_pod::RULE,
    &autoscaler_cannot_scale::RULE,
    &ephemeral_storage_missing::RULE,
    &no_spare_replica::RULE,
    &eviction_waits_for_unhealthy::RULE,
    &priority_class_missing::RULE,
    // Delivery
    &manifest_invalid::RULE,
    &dangling_reference::RULE,
    &pin_drift::RULE,
    &variable_missing::RULE,
    &deploy_window_no_override::RULE,
    &deploy_no_rollback::RULE,
    &deploy_no_canary::RULE,
    &description_conflict::RULE,
    &environment_disparity::RULE,
    &variable_set_twice::RULE,
    &image_pull_stale::RULE,
    &cronjob_runs_pile_up::RULE,
    &cronjob_deadline_missing::RULE,
    &job_never_cleaned::RULE,
    &cronjob_history_cut::RULE,
    &rollout_no_history::RULE,
    &rollout_by_hand::RULE,
    &statefulset_service::RULE,
];

/// The rule of this id.
pub fn find(id: &str) -> Option<&'static Rule> {
    ALL.iter().copied().find(|rule| rule.id == id)
}
