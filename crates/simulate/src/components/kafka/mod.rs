//! Kafka as clients see it: who gets which partition, how a group reaches agreement, and what is lost when a
//! broker dies.

pub mod assign;
pub mod cluster;
pub mod group;
