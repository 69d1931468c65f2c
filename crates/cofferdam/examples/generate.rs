//! Writes a synthetic platform to measure the checker's speed: the requested number of Kubernetes manifests,
//! one document in each file, the same bytes for the same seed. Every service has its own names, labels and
//! values, so that nothing is found twice by accident; half of the services have faults; a fifth is built by
//! kustomize from a base and two overlays.
//!
//! `cargo run --release --example generate -- --manifests 10000 --seed 1 DIR`

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Services of one team share a namespace.
const SERVICES_A_TEAM: u64 = 12;

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)).and_then(|(manifests, seed, dir)| {
        generate(&dir, manifests, seed).map_err(|e| format!("cannot write below {}: {e}", dir.display()))
    }) {
        Ok(written) => {
            println!("{written} manifests");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}\nusage: generate [--manifests N] [--seed N] DIR");
            ExitCode::from(2)
        }
    }
}

fn parse(args: impl Iterator<Item = String>) -> Result<(usize, u64, PathBuf), String> {
    let (mut manifests, mut seed, mut dir) = (1000, 1, None);
    let mut args = args.peekable();
    while let Some(arg) = args.next() {
        let mut number = || {
            args.next()
                .and_then(|text| text.parse::<u64>().ok())
                .ok_or_else(|| format!("{arg} needs a number"))
        };
        match arg.as_str() {
            "--manifests" => manifests = usize::try_from(number()?).map_err(|e| e.to_string())?,
            "--seed" => seed = number()?,
            _ if arg.starts_with('-') => return Err(format!("unknown option {arg}")),
            _ => dir = Some(PathBuf::from(&arg)),
        }
    }
    let dir = dir.ok_or("a directory to write to is missing")?;
    Ok((manifests, seed, dir))
}

/// Writes services until there are `manifests` files, and returns their number: the last service is cut short
/// to reach exactly that number.
fn generate(dir: &Path, manifests: usize, seed: u64) -> io::Result<usize> {
    let mut random = Random(seed);
    let mut written = 0;
    let mut index = 0;
    let mut team: Vec<String> = Vec::new();
    while written < manifests {
        if index % SERVICES_A_TEAM == 0 {
            team.clear();
        }
        let service = Service::draw(index, &team, &mut random);
        team.push(service.name.clone());
        for (path, text) in service.files() {
            if written == manifests {
                break;
            }
            let path = dir.join(path);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, text)?;
            written += 1;
        }
        index += 1;
    }
    Ok(written)
}

/// `SplitMix64` (Steele, Lea and Flood 2014): small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let at = self.below(from.len() as u64);
        from[usize::try_from(at).unwrap_or(0)]
    }
}

/// The faults of a service.
#[derive(Clone, Copy, Default)]
struct Faults {
    no_limits: bool,
    mutable_tag: bool,
    single_replica: bool,
    secret_in_clear: bool,
    blocking_budget: bool,
    open_egress: bool,
    replicas_beside_autoscaler: bool,
    no_probe: bool,
    no_budget: bool,
    no_network_policy: bool,
    service_selects_nothing: bool,
}

impl Faults {
    /// Every second service is sound; the others have each fault with its own probability.
    fn draw(index: u64, random: &mut Random) -> Faults {
        if index.is_multiple_of(2) {
            return Faults::default();
        }
        Faults {
            no_limits: random.one_in(2),
            mutable_tag: random.one_in(3),
            single_replica: random.one_in(4),
            secret_in_clear: random.one_in(4),
            blocking_budget: random.one_in(5),
            open_egress: random.one_in(4),
            replicas_beside_autoscaler: random.one_in(3),
            no_probe: random.one_in(3),
            no_budget: random.one_in(5),
            no_network_policy: random.one_in(6),
            service_selects_nothing: random.one_in(12),
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Deployment,
    StatefulSet,
    CronJob,
}

struct Service {
    name: String,
    team: String,
    /// The service that this one calls.
    callee: String,
    kind: Kind,
    kustomized: bool,
    port: u64,
    replicas: u64,
    cpu_millis: u64,
    memory_mib: u64,
    version: String,
    digest: String,
    password: String,
    faults: Faults,
}

const FIRST: &[&str] = &[
    "amber", "brisk", "calm", "dusty", "early", "fleet", "grand", "hollow", "inner", "jolly", "keen",
    "lunar", "merry", "north", "outer", "plain", "quiet", "rapid", "solar", "tidal", "upper", "vivid",
    "warm", "young",
];
const SECOND: &[&str] = &[
    "anchor", "basket", "cart", "depot", "engine", "feed", "gate", "harbor", "index", "journal", "kiosk",
    "ledger", "market", "notice", "order", "parcel", "quota", "route", "stock", "ticket", "vault", "wallet",
];

impl Service {
    /// `team` contains the names of the services of this team so far; a service calls one of them.
    fn draw(index: u64, team: &[String], random: &mut Random) -> Service {
        let team_number = index / SERVICES_A_TEAM;
        let kind = match random.below(10) {
            0 => Kind::StatefulSet,
            1 => Kind::CronJob,
            _ => Kind::Deployment,
        };
        let faults = Faults::draw(index, random);
        let name = format!("{}-{}-{index}", random.pick(FIRST), random.pick(SECOND));
        let known: Vec<&str> = team.iter().map(String::as_str).collect();
        let callee = if known.is_empty() {
            name.clone()
        } else {
            random.pick(&known).to_owned()
        };
        Service {
            name,
            team: format!("team-{team_number}"),
            callee,
            kind,
            kustomized: random.one_in(5),
            port: 8000 + random.below(1000),
            replicas: if faults.single_replica {
                1
            } else {
                3 + random.below(6)
            },
            cpu_millis: 50 * (1 + random.below(20)),
            memory_mib: 64 * (1 + random.below(32)),
            version: format!(
                "{}.{}.{}",
                1 + random.below(4),
                random.below(20),
                random.below(40)
            ),
            digest: format!(
                "{:016x}{:016x}{:016x}{:016x}",
                random.next(),
                random.next(),
                random.next(),
                random.next()
            ),
            password: format!("{:012x}", random.next() >> 16),
            faults,
        }
    }

    /// Paths below the root, and texts.
    fn files(&self) -> Vec<(PathBuf, String)> {
        let mut objects: Vec<(&str, String)> = vec![("config.yaml", self.config())];
        if self.kind == Kind::CronJob {
            objects.push(("cronjob.yaml", self.cron_job()));
        } else {
            objects.push(("workload.yaml", self.workload()));
            objects.push(("service.yaml", self.service()));
            if self.kind == Kind::Deployment {
                objects.push(("autoscaler.yaml", self.autoscaler()));
            }
            if !self.faults.no_budget {
                objects.push(("budget.yaml", self.budget()));
            }
        }
        if !self.faults.no_network_policy {
            objects.push(("network.yaml", self.network()));
        }
        let dir = PathBuf::from("teams").join(&self.team).join(&self.name);
        if !self.kustomized || self.kind == Kind::CronJob {
            return objects
                .into_iter()
                .map(|(name, text)| (dir.join(name), text))
                .collect();
        }
        let mut base = "resources:\n".to_owned();
        for (name, _) in &objects {
            let _ = writeln!(base, "- {name}");
        }
        let mut files = vec![(dir.join("base/kustomization.yaml"), base)];
        files.extend(
            objects
                .into_iter()
                .map(|(name, text)| (dir.join("base").join(name), text)),
        );
        for (environment, replicas) in [("staging", 2), ("production", self.replicas)] {
            let overlay = dir.join("overlays").join(environment);
            let text = format!(
                "resources:\n- ../../base\npatches:\n- path: replicas.yaml\nlabels:\n- pairs:\n    environment: {environment}\n"
            );
            files.push((overlay.join("kustomization.yaml"), text));
            let patch = format!(
                "apiVersion: apps/v1\nkind: {}\nmetadata:\n  name: {}\n  namespace: {}\nspec:\n  template:\n    metadata:\n      annotations:\n        example.org/size: \"{replicas}\"\n",
                self.kind_name(),
                self.name,
                self.team
            );
            files.push((overlay.join("replicas.yaml"), patch));
        }
        files
    }

    fn kind_name(&self) -> &'static str {
        match self.kind {
            Kind::Deployment => "Deployment",
            Kind::StatefulSet => "StatefulSet",
            Kind::CronJob => "CronJob",
        }
    }

    fn head(&self, api: &str, kind: &str) -> String {
        let (name, team) = (&self.name, &self.team);
        format!(
            "apiVersion: {api}\nkind: {kind}\nmetadata:\n  name: {name}\n  namespace: {team}\n  labels:\n    app: {name}\n    team: {team}\nspec:\n"
        )
    }

    fn image(&self) -> String {
        let (team, name) = (&self.team, &self.name);
        if self.faults.mutable_tag {
            format!("registry.example.org/{team}/{name}:latest")
        } else {
            format!(
                "registry.example.org/{team}/{name}:{}@sha256:{}",
                self.version, self.digest
            )
        }
    }

    /// The pod's `spec`, without indentation.
    fn pod(&self) -> String {
        let mut out = format!(
            "containers:\n- name: {}\n  image: {}\n  ports:\n  - name: http\n    containerPort: {}\n  securityContext:\n    runAsNonRoot: true\n    readOnlyRootFilesystem: true\n    allowPrivilegeEscalation: false\n  envFrom:\n  - configMapRef:\n      name: {}-config\n  env:\n  - name: CALLEE_URL\n    value: http://{}.{}.svc:8080\n",
            self.name,
            self.image(),
            self.port,
            self.name,
            self.callee,
            self.team
        );
        if self.faults.secret_in_clear {
            let _ = write!(out, "  - name: DB_PASSWORD\n    value: {}\n", self.password);
        } else {
            let _ = write!(
                out,
                "  - name: DB_PASSWORD\n    valueFrom:\n      secretKeyRef:\n        name: {}-db\n        key: password\n",
                self.name
            );
        }
        if !self.faults.no_limits {
            let _ = write!(
                out,
                "  resources:\n    requests:\n      cpu: {}m\n      memory: {}Mi\n    limits:\n      memory: {}Mi\n",
                self.cpu_millis,
                self.memory_mib,
                self.memory_mib * 2
            );
        }
        if !self.faults.no_probe && self.kind != Kind::CronJob {
            out.push_str("  readinessProbe:\n    httpGet:\n      path: /ready\n      port: http\n    periodSeconds: 5\n  livenessProbe:\n    httpGet:\n      path: /live\n      port: http\n    periodSeconds: 10\n    failureThreshold: 3\n");
        }
        if self.kind == Kind::CronJob {
            out.push_str("restartPolicy: Never\n");
        } else {
            out.push_str("terminationGracePeriodSeconds: 45\n");
        }
        out
    }

    fn workload(&self) -> String {
        let mut out = self.head("apps/v1", self.kind_name());
        if self.kind == Kind::StatefulSet || self.faults.replicas_beside_autoscaler {
            let _ = writeln!(out, "  replicas: {}", self.replicas);
        }
        if self.kind == Kind::StatefulSet {
            let _ = writeln!(out, "  serviceName: {}", self.name);
        }
        let _ = write!(
            out,
            "  selector:\n    matchLabels:\n      app: {}\n  template:\n    metadata:\n      labels:\n        app: {}\n        team: {}\n    spec:\n{}",
            self.name,
            self.name,
            self.team,
            indent(&self.pod(), 6)
        );
        out
    }

    fn cron_job(&self) -> String {
        format!(
            "{}  schedule: \"{} {} * * *\"\n  concurrencyPolicy: Forbid\n  jobTemplate:\n    spec:\n      template:\n        metadata:\n          labels:\n            app: {}\n        spec:\n{}",
            self.head("batch/v1", "CronJob"),
            self.port % 60,
            self.port % 24,
            self.name,
            indent(&self.pod(), 10)
        )
    }

    fn service(&self) -> String {
        let app = if self.faults.service_selects_nothing {
            format!("{}-v2", self.name)
        } else {
            self.name.clone()
        };
        format!(
            "{}  selector:\n    app: {app}\n  ports:\n  - name: http\n    port: 8080\n    targetPort: {}\n",
            self.head("v1", "Service"),
            self.port
        )
    }

    fn autoscaler(&self) -> String {
        format!(
            "{}  scaleTargetRef:\n    apiVersion: apps/v1\n    kind: Deployment\n    name: {}\n  minReplicas: {}\n  maxReplicas: {}\n  metrics:\n  - type: Resource\n    resource:\n      name: cpu\n      target:\n        type: Utilization\n        averageUtilization: {}\n",
            self.head("autoscaling/v2", "HorizontalPodAutoscaler"),
            self.name,
            self.replicas,
            self.replicas * 4,
            50 + self.port % 30
        )
    }

    fn budget(&self) -> String {
        let limit = if self.faults.blocking_budget {
            "maxUnavailable: 0"
        } else {
            "maxUnavailable: 1"
        };
        format!(
            "{}  {limit}\n  selector:\n    matchLabels:\n      app: {}\n",
            self.head("policy/v1", "PodDisruptionBudget"),
            self.name
        )
    }

    fn config(&self) -> String {
        let (name, team) = (&self.name, &self.team);
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}-config\n  namespace: {team}\n  labels:\n    app: {name}\ndata:\n  LOG_LEVEL: info\n  HTTP_PORT: \"{}\"\n  app.properties: |\n    http.request.timeout.ms={}\n    cache.size={}\n    feature.flags=a,b\n",
            self.port,
            self.port * 2,
            self.cpu_millis
        )
    }

    fn network(&self) -> String {
        let mut out = self.head("networking.k8s.io/v1", "NetworkPolicy");
        let _ = write!(
            out,
            "  podSelector:\n    matchLabels:\n      app: {}\n  policyTypes:\n  - Ingress\n  - Egress\n  ingress:\n  - from:\n    - podSelector:\n        matchLabels:\n          team: {}\n    ports:\n    - protocol: TCP\n      port: {}\n  egress:\n  - to:\n    - namespaceSelector:\n        matchLabels:\n          kubernetes.io/metadata.name: kube-system\n    ports:\n    - protocol: UDP\n      port: 53\n  - to:\n    - podSelector:\n        matchLabels:\n          app: {}\n    ports:\n    - protocol: TCP\n      port: 8080\n",
            self.name, self.team, self.port, self.callee
        );
        if self.faults.open_egress {
            out.push_str("  - to:\n    - ipBlock:\n        cidr: 0.0.0.0/0\n");
        }
        out
    }
}

fn indent(text: &str, by: usize) -> String {
    text.lines().fold(String::new(), |mut out, line| {
        let _ = writeln!(out, "{:by$}{line}", "");
        out
    })
}
