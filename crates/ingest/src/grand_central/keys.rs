//! The names of the parts of a deployment file, folded.

use crate::ideas::Names;

/// Sections for every environment.
pub(super) const BASE: Names = &[
    "base",
    "baseenvironment",
    "defaults",
    "default",
    "common",
    "shared",
    "baseconfig",
    "global",
    "all",
];

/// The environments.
pub(super) const ENVIRONMENTS: Names = &[
    "environments",
    "envs",
    "environmentoverrides",
    "deployments",
    "targets",
];

/// Names of the deployed service.
pub(super) const PROJECT: Names = &[
    "projectname",
    "project",
    "servicename",
    "service",
    "appname",
    "app",
    "application",
    "applicationname",
    "name",
];

/// Several services of one file.
pub(super) const SERVICES: Names = &["services", "applications", "apps", "components", "workloads"];

/// Variables.
pub(super) const VARIABLES: Names = &[
    "envvars",
    "environmentvariables",
    "envvariables",
    "variables",
    "env",
    "environment",
    "vars",
    "envvar",
];

/// Secrets.
pub(super) const SECRETS: Names = &[
    "secrets",
    "secret",
    "vaultsecrets",
    "secretenvvars",
    "secretvars",
    "secretvariables",
    "envsecrets",
];

/// Replicas.
pub(super) const REPLICAS: Names = &[
    "replicas",
    "instances",
    "replicacount",
    "instancecount",
    "desiredreplicas",
    "desiredcount",
    "numinstances",
    "scale",
];

/// Names of the priority.
pub(super) const PRIORITY: Names = &[
    "priority",
    "servicepriority",
    "criticality",
    "tier",
    "servicetier",
];

/// Requests a second at peak.
pub(super) const PEAK: Names = &[
    "peakrps",
    "expectedrps",
    "peakrequestspersecond",
    "maxrps",
    "peaktraffic",
    "expectedpeakrps",
];

/// Sections that represent Kubernetes and contain what is elsewhere at the top.
pub(super) const RUNTIMES: Names = &["kubernetes", "k8s"];

/// Sections that each service of a file has, and inherits from the top.
pub(super) const OF_A_SERVICE: Names = &[
    "autoscaling",
    "autoscaler",
    "hpa",
    "scaling",
    "resources",
    "healthcheck",
    "healthchecks",
    "health",
    "probes",
    "livenessprobe",
    "readinessprobe",
    "database",
    "db",
    "redis",
    "circuitbreaker",
    "circuitbreakers",
    "retry",
    "retrypolicy",
    "ratelimit",
    "ratelimiting",
    "cache",
    "caches",
    "featureflags",
    "servicediscovery",
];

/// Keys that only such a file has, and keys that it shares with others.
pub(super) const STRONG: Names = &[
    "projectname",
    "baseenvironment",
    "deploywindows",
    "deploymentwindows",
    "entitysynthesis",
    "deploymechanism",
    "envvars",
    "environmentvariables",
    "grandcentral",
    "environmentoverrides",
];
pub(super) const WEAK: Names = &[
    "project",
    "service",
    "servicename",
    "team",
    "teamname",
    "owner",
    "owningteam",
    "slackchannel",
    "environments",
    "base",
    "defaults",
    "common",
    "autoscaling",
    "slos",
    "slo",
    "alerts",
    "kafka",
    "cells",
    "cellrouting",
    "healthcheck",
    "healthchecks",
    "services",
    "instances",
    "replicas",
    "resources",
    "secrets",
    "deployment",
    "buildtype",
    "buildenv",
    "monitoring",
    "emergencymode",
    "trafficpolicies",
    "servicepriorities",
];

/// Keys of other formats that look alike.
pub(super) const FOREIGN: &[&str] = &[
    "apiVersion",
    "kind",
    "releases",
    "repositories",
    "provider",
    "functions",
    "jobs",
    "stages",
    "steps",
    "plugins",
    "dependencies",
    "openapi",
    "swagger",
    "resource",
    "AWSTemplateFormatVersion",
    "Resources",
    "scrape_configs",
    "groups",
    "pipelines",
    "$schema",
];
