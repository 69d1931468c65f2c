//! The names of each idea, folded (lower case, no separators), best first. They are in one table, so that a
//! name added here is understood in every section and every format. Units may follow a name
//! (`interval_seconds`, `ttlMs`): see [`super::fields::time`].

/// Aliases of an idea.
pub(crate) type Aliases = &'static [&'static str];

// Sections.

pub(super) const CELLS: Aliases = &["cells", "celllist", "celldefinitions", "celltargets"];
pub(super) const CELL_ROUTING: Aliases = &[
    "cellrouting",
    "cellrouter",
    "cellroutes",
    "cellrouterconfig",
    "cellroutingconfig",
    "cellconfig",
    "multicell",
    "cellarchitecture",
    "routing",
    "trafficrouting",
];
pub(super) const FAILOVER: Aliases = &["failover", "failoverpolicy", "failoverconfig", "cellfailover"];
pub(super) const BREAKER: Aliases = &[
    "circuitbreaker",
    "circuitbreakers",
    "breaker",
    "breakers",
    "outlierdetection",
    "outlierejection",
    "circuitbreaking",
];
pub(super) const RATE_LIMIT: Aliases = &[
    "ratelimit",
    "ratelimits",
    "ratelimiting",
    "ratelimiter",
    "ratelimiters",
    "throttle",
    "throttling",
    "requestlimits",
];
pub(super) const AUTOSCALING: Aliases = &[
    "autoscaling",
    "autoscaler",
    "autoscale",
    "hpa",
    "horizontalpodautoscaler",
    "horizontalpodautoscaling",
    "podautoscaling",
    "scaling",
    "scalingpolicy",
];
pub(super) const PROBES: Aliases = &[
    "healthcheck",
    "healthchecks",
    "health",
    "healthprobe",
    "healthprobes",
    "probes",
    "livenessprobe",
    "readinessprobe",
    "liveness",
    "readiness",
];
pub(super) const WINDOWS: Aliases = &[
    "deploymentwindows",
    "deploywindows",
    "deploymentwindow",
    "deploywindow",
    "alloweddeploymentwindows",
    "alloweddeploywindows",
    "changewindows",
    "changewindow",
    "releasewindows",
    "releasewindow",
    "deploymentschedule",
    "deployschedule",
];
pub(super) const SLOS: Aliases = &[
    "slos",
    "slo",
    "servicelevelobjectives",
    "servicelevelobjective",
    "servicelevels",
    "objectives",
];
pub(super) const ALERTS: Aliases = &[
    "alerts",
    "alert",
    "alerting",
    "alertconditions",
    "alertrules",
    "alertpolicies",
    "nrqlconditions",
    "conditions",
    "monitors",
];
pub(super) const RESOURCES: Aliases = &["resources", "resource", "computeresources", "containerresources"];
pub(super) const RETRY: Aliases = &[
    "retrypolicy",
    "retrypolicies",
    "retry",
    "retries",
    "retryconfig",
    "retrysettings",
];
pub(super) const PRIORITIES: Aliases = &[
    "servicepriorities",
    "servicepriority",
    "prioritymatrix",
    "priorities",
    "servicetiers",
];
pub(super) const EMERGENCY: Aliases = &["emergencymode", "emergency", "degradedmode", "loadshedding"];
pub(super) const LOGGING: Aliases = &[
    "logging",
    "logs",
    "log",
    "logconfig",
    "logretention",
    "loggingconfig",
];
pub(super) const METRICS: Aliases = &[
    "metrics",
    "monitoring",
    "prometheus",
    "telemetry",
    "observability",
    "scraping",
    "scrape",
];
pub(super) const BACKUP: Aliases = &[
    "backup",
    "backups",
    "backuppolicy",
    "backupconfig",
    "backupconfiguration",
    "databasebackup",
    "databasebackups",
    "dbbackup",
];
pub(super) const CACHE: Aliases = &["cache", "caching", "caches", "localcache", "inmemorycache"];
pub(super) const TOPICS: Aliases = &["topics", "topic", "kafkatopics"];
pub(super) const DELIVERY: Aliases = &[
    "deployment",
    "deploy",
    "deploymechanism",
    "deploymentstrategy",
    "deploystrategy",
    "strategy",
    "rollout",
    "release",
];

// Numbers of any section.

pub(super) const WEIGHT: Aliases = &[
    "weight",
    "trafficweight",
    "trafficpercentage",
    "trafficpercent",
    "weightpercentage",
    "weightpercent",
    "trafficshare",
    "share",
];
pub(super) const CAPACITY_SHARE: Aliases = &[
    "capacitypercentage",
    "capacitypercent",
    "capacitypct",
    "capacityshare",
    "capacityfraction",
];
pub(super) const CAPACITY: Aliases = &[
    "capacity",
    "capacityrps",
    "capacityqps",
    "maxrps",
    "maxqps",
    "capacityrequestspersecond",
    "maxrequestspersecond",
    "maxcapacity",
];
pub(super) const TRAFFIC: Aliases = &[
    "peakrps",
    "peaktraffic",
    "trafficrps",
    "currentrps",
    "rps",
    "peakqps",
    "requestspersecond",
];
pub(super) const REGION: Aliases = &["region", "awsregion", "location", "zone", "datacenter", "dc"];
pub(super) const FAILOVER_TO: Aliases = &[
    "failoverto",
    "failovertarget",
    "failovercell",
    "backupcell",
    "fallback",
    "fallbackcell",
    "failover",
    "backup",
];
pub(super) const PATH: Aliases = &[
    "path",
    "httppath",
    "endpoint",
    "url",
    "uri",
    "healthcheckpath",
    "healthpath",
];
pub(super) const PORT: Aliases = &["port", "httpport", "containerport"];
pub(super) const INTERVAL: Aliases = &[
    "interval",
    "checkinterval",
    "period",
    "periodseconds",
    "frequency",
    "healthcheckinterval",
    "every",
];
pub(super) const FAILURES: Aliases = &[
    "unhealthythreshold",
    "failurethreshold",
    "failures",
    "maxfailures",
    "consecutivefailures",
    "threshold",
    "unhealthycount",
];
pub(super) const SUCCESSES: Aliases = &[
    "healthythreshold",
    "successthreshold",
    "successes",
    "consecutivesuccesses",
    "healthycount",
    "rise",
];
pub(super) const TTL: Aliases = &[
    "ttl",
    "cachettl",
    "expiry",
    "expiration",
    "expireafter",
    "expireafterwrite",
    "maxage",
    "refreshinterval",
    "cacheduration",
    "timetolive",
];
pub(super) const MEDIUM: Aliases = &[
    "type", "medium", "storage", "backend", "provider", "store", "kind", "volume",
];
pub(super) const INVALIDATION: Aliases = &[
    "invalidation",
    "invalidationchannel",
    "invalidationtopic",
    "invalidate",
    "invalidateon",
    "pubsub",
    "pubsubchannel",
    "cacheinvalidation",
    "watch",
    "subscribe",
    "streaming",
    "push",
];
pub(super) const MIN_REPLICAS: Aliases = &[
    "minreplicas",
    "mininstances",
    "minpods",
    "minimumreplicas",
    "minimuminstances",
    "mincount",
    "mincapacity",
    "minimum",
    "min",
    "minreplicacount",
    "replicasmin",
];
pub(super) const MAX_REPLICAS: Aliases = &[
    "maxreplicas",
    "maxinstances",
    "maxpods",
    "maximumreplicas",
    "maximuminstances",
    "maxcount",
    "maxcapacity",
    "maximum",
    "max",
    "maxreplicacount",
    "replicasmax",
];
pub(super) const STABILIZATION: Aliases = &[
    "stabilizationwindow",
    "stabilisationwindow",
    "stabilization",
    "stabilisation",
    "cooldown",
    "cooldownperiod",
];
pub(super) const TARGET: Aliases = &[
    "targetvalue",
    "targetaveragevalue",
    "averagevalue",
    "targetaverageutilization",
    "averageutilization",
    "targetutilization",
    "targetutilizationpercentage",
    "targetpercentage",
    "utilization",
    "lagthreshold",
    "targetlag",
    "maxlag",
    "threshold",
    "target",
    "value",
];
pub(super) const PARTITIONS: Aliases = &[
    "partitions",
    "partitioncount",
    "numpartitions",
    "numberofpartitions",
    "numofpartitions",
];
pub(super) const REPLICATION: Aliases = &["replicationfactor", "replicas", "replication", "factor", "rf"];
pub(super) const MIN_ISR: Aliases = &["mininsyncreplicas", "minisr", "minimuminsyncreplicas"];
pub(super) const RETENTION: Aliases = &[
    "retention",
    "retentionperiod",
    "retentiontime",
    "retentionpolicy",
    "logretention",
    "retainfor",
    "keepfor",
    "maxretention",
];
pub(super) const CONSUMER_GROUP: Aliases = &[
    "consumergroup",
    "consumergroupid",
    "groupid",
    "group",
    "consumergroupname",
];
pub(super) const TIMEOUT: Aliases = &[
    "timeout",
    "requesttimeout",
    "pertrytimeout",
    "calltimeout",
    "attempttimeout",
];
pub(super) const ATTEMPTS: Aliases = &[
    "attempts",
    "maxattempts",
    "maximumattempts",
    "totalattempts",
    "tries",
    "maxtries",
];
pub(super) const RETRIES: Aliases = &[
    "maxretries",
    "numretries",
    "retries",
    "retrycount",
    "maximumretries",
    "retrylimit",
    "retryattempts",
];
pub(super) const WORKERS: Aliases = &[
    "workerthreads",
    "workers",
    "numworkers",
    "workercount",
    "threads",
    "numthreads",
    "threadcount",
    "concurrency",
];
pub(super) const CONSECUTIVE: Aliases = &[
    "consecutiveerrors",
    "consecutivefailures",
    "consecutive5xxerrors",
    "consecutivegatewayerrors",
    "consecutive5xx",
    "maxfailures",
    "failurecount",
    "errorcount",
];
pub(super) const FAILURE_RATE: Aliases = &[
    "failureratethreshold",
    "failurerate",
    "errorrate",
    "errorratethreshold",
    "errorthresholdpercentage",
    "errorthresholdpercent",
    "failurethresholdpercentage",
    "failurethresholdpercent",
    "errorpercentage",
    "failurepercentage",
    "failureratio",
];
pub(super) const FAILURE_THRESHOLD: Aliases = &[
    "failurethreshold",
    "errorthreshold",
    "threshold",
    "trippingthreshold",
];
pub(super) const MINIMUM_CALLS: Aliases = &[
    "minimumcalls",
    "minimumnumberofcalls",
    "minimumrequests",
    "minrequests",
    "requestvolumethreshold",
    "volumethreshold",
    "mincalls",
    "minimumrequestvolume",
];
pub(super) const OPEN_TIME: Aliases = &[
    "recoverytimeout",
    "opentimeout",
    "opentime",
    "openduration",
    "waitdurationinopenstate",
    "baseejectiontime",
    "sleepwindow",
    "resettimeout",
    "cooldown",
    "timeout",
    "breakduration",
    "halfopenafter",
];
pub(super) const HALF_OPEN: Aliases = &[
    "halfopenrequests",
    "halfopencalls",
    "halfopenmaxcalls",
    "permittednumberofcallsinhalfopenstate",
    "successthreshold",
    "halfopenmaxrequests",
];
pub(super) const WINDOW: Aliases = &[
    "window",
    "rollingwindow",
    "timewindow",
    "slidingwindow",
    "windowduration",
    "windowsize",
    "slidingwindowsize",
    "interval",
    "evaluationwindow",
    "period",
];
pub(super) const CPU: Aliases = &["cpu", "cpus", "vcpu", "cpucores"];
pub(super) const MEMORY: Aliases = &["memory", "mem", "ram"];
pub(super) const START: Aliases = &["start", "starttime", "from", "begin", "opens", "open"];
pub(super) const END: Aliases = &["end", "endtime", "to", "until", "closes", "close"];
pub(super) const DAYS: Aliases = &["days", "daysofweek", "weekdays", "day", "on"];
pub(super) const TIMEZONE: Aliases = &["timezone", "tz", "zone"];
pub(super) const OVERRIDE: Aliases = &[
    "emergencyoverride",
    "override",
    "breakglass",
    "emergency",
    "allowemergency",
    "allowemergencydeploys",
    "emergencydeploy",
    "emergencydeployment",
    "emergencybypass",
    "bypass",
    "hotfixoverride",
    "overrides",
];
pub(super) const HOLIDAYS: Aliases = &[
    "holidays",
    "holidaycalendar",
    "holiday",
    "blackoutdates",
    "blackouts",
    "freezes",
    "freezedates",
    "excludeddates",
    "blackoutperiods",
];
pub(super) const SLO_TARGET: Aliases = &[
    "target",
    "objective",
    "goal",
    "targetpercentage",
    "targetpercent",
    "slotarget",
    "targetvalue",
    "value",
    "slo",
    "percentage",
];
pub(super) const INDICATOR: Aliases = &["indicator", "sli", "type", "metric", "kind", "category"];
pub(super) const NAME: Aliases = &[
    "name",
    "title",
    "displayname",
    "id",
    "alert",
    "alertname",
    "conditionname",
];
