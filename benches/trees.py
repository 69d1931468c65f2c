"""Writes the large trees of docs/performance.md: many overlays of one base, many services, many projects."""

from pathlib import Path

DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  labels: {{app.kubernetes.io/name: {name}}}
spec:
  replicas: 3
  selector:
    matchLabels: {{app.kubernetes.io/name: {name}}}
  template:
    metadata:
      labels: {{app.kubernetes.io/name: {name}}}
    spec:
      terminationGracePeriodSeconds: 30
      containers:
        - name: main
          image: registry.example.org/shop/{name}:1.4.2
          ports: [{{containerPort: 8080}}]
          env:
            - name: LOG_LEVEL
              value: info
            - name: SETTINGS_PATH
              valueFrom: {{configMapKeyRef: {{name: {name}-settings, key: path, optional: true}}}}
          resources:
            requests: {{cpu: 100m, memory: 128Mi}}
            limits: {{memory: 256Mi}}
          readinessProbe: {{httpGet: {{path: /ready, port: 8080}}}}
"""
SERVICE = """apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec:
  selector: {{app.kubernetes.io/name: {name}}}
  ports: [{{port: 80, targetPort: 8080}}]
"""
CONFIG = """apiVersion: v1
kind: ConfigMap
metadata: {{name: {name}-settings}}
data: {{path: /etc/{name}, level: info}}
"""
AUTOSCALER = """apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {{name: {name}}}
spec:
  scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {name}}}
  minReplicas: 2
  maxReplicas: 10
  metrics:
    - type: Resource
      resource: {{name: cpu, target: {{type: Utilization, averageUtilization: 70}}}}
"""
BUDGET = """apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {{name: {name}}}
spec:
  maxUnavailable: 1
  selector: {{matchLabels: {{app.kubernetes.io/name: {name}}}}}
"""
NETWORK = """apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: {name}}}
spec:
  podSelector: {{matchLabels: {{app.kubernetes.io/name: {name}}}}}
  policyTypes: [Ingress]
  ingress: [{{from: [{{podSelector: {{}}}}], ports: [{{port: 8080}}]}}]
"""
ACCOUNT = """apiVersion: v1
kind: ServiceAccount
metadata: {{name: {name}}}
"""
ROLE = """apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {{name: {name}}}
rules: [{{apiGroups: [""], resources: [configmaps], verbs: [get, list]}}]
"""
BINDING = """apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {{name: {name}}}
subjects: [{{kind: ServiceAccount, name: {name}}}]
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: {name}}}
"""
INGRESS = """apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: {name}}}
spec:
  rules:
    - host: {name}.example.org
      http: {{paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: {name}, port: {{number: 80}}}}}}}}]}}
"""
FOUR = (DEPLOYMENT, SERVICE, CONFIG, AUTOSCALER)
TEN = (*FOUR, BUDGET, NETWORK, ACCOUNT, ROLE, BINDING, INGRESS)
PATCHES = (
    "  - target: {kind: Deployment}\n    patch: |\n      - {op: replace, path: /spec/replicas, value: 5}\n",
    "  - target: {kind: Deployment}\n    patch: |\n"
    "      - {op: add, path: /spec/template/metadata/annotations, value: {example.org/place: there}}\n",
)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def overlays(root, kinds, patches, count=200, objects=500):
    """`count` overlays of one base of `objects` objects."""
    base = root / "base"
    names = []
    for at in range(objects):
        kind = kinds[at % len(kinds)]
        name = f"part-{at // len(kinds):03}"
        names.append(f"object-{at:03}.yaml")
        write(base / names[-1], kind.format(name=name))
    write(base / "kustomization.yaml", "resources:\n" + "".join(f"  - {name}\n" for name in names))
    patched = "patches:\n" + "".join(PATCHES[:patches]) if patches else ""
    for at in range(count):
        text = f"namespace: place-{at:03}\nresources: [../../base]\n{patched}"
        write(root / "overlays" / f"place-{at:03}" / "kustomization.yaml", text)


def services(root, count=8000, each=10):
    """`count` services, `each` workloads a file."""
    for at in range(0, count, each):
        texts = (DEPLOYMENT.format(name=f"service-{n:05}") for n in range(at, at + each))
        write(root / f"services-{at:05}.yaml", "---\n".join(texts))


def projects(root, count):
    """`count` repositories side by side, ten files each."""
    for at in range(count):
        for number, kind in enumerate(TEN):
            write(root / f"project-{at:04}" / f"{number}.yaml", kind.format(name=f"app-{at:04}"))
        write(root / f"project-{at:04}" / ".git" / "HEAD", "ref: refs/heads/main\n")


# Name in the table, and what writes the tree.
TREES = (
    ("8,000 services, 10 workloads a file", services),
    (
        "200 overlays of one base of 500 objects of four kinds, two patches (100,000 objects)",
        lambda root: overlays(root, FOUR, 2),
    ),
    ("the same of 500 Deployments, one patch", lambda root: overlays(root, (DEPLOYMENT,), 1)),
    ("the same of 500 objects of ten kinds, no patch", lambda root: overlays(root, TEN, 0)),
    ("500 projects side by side, 10 files each", lambda root: projects(root, 500)),
    ("1,000 projects side by side, 10 files each", lambda root: projects(root, 1000)),
    ("2,000 projects side by side, 10 files each", lambda root: projects(root, 2000)),
)
