//! Kafka as clients meet it: who gets which partition, how a group comes to agree, and what a broker's death loses.

pub mod assign;
pub mod cluster;
pub mod group;
