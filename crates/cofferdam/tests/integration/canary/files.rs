//! Files of every kind that Cofferdam reads, each with secrets in the places where people write them. `@@`
//! marks the secret, `@64@` the same in base64.

/// A path and a text. The line of each secret is broken in several ways by [`super::broken`].
pub(super) const FILES: &[(&str, &str)] = &[
    // --- YAML: Kubernetes ---------------------------------------------------------------------------
    (
        "deployment.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: api\nspec:\n  replicas: 1\n  selector: {matchLabels: {app: api}}\n  \
         template:\n    metadata: {labels: {app: api}}\n    spec:\n      containers:\n        - name: api\n          \
         image: registry.example.net/api:latest\n          env:\n            - name: DB_PASSWORD\n              value: \"@@\"\n            \
         - name: LOG_LEVEL\n              value: info\n          resources: {limits: {memory: 1Gi}}\n",
    ),
    (
        "single-quoted.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: single}\nspec:\n  containers:\n    - name: single\n      image: x:1\n      env:\n        \
         - name: API_TOKEN\n          value: '@@'\n",
    ),
    (
        "plain.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: plain}\nspec:\n  containers:\n    - name: plain\n      image: x:1\n      env:\n        \
         - name: SASL_PASSWORD\n          value: @@\n",
    ),
    (
        "value-first.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: first}\nspec:\n  containers:\n    - name: first\n      image: x:1\n      env:\n        \
         - value: \"@@\"\n          name: ADMIN_PASSWORD\n",
    ),
    (
        "flow.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: flow}\nspec:\n  containers:\n    - {name: flow, image: \"x:1\", env: [{name: \
         DB_PASSWORD, value: \"@@\"}, {name: LOG, value: info}]}\n",
    ),
    (
        "flow-lines.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: flow2}\nspec:\n  containers:\n    - name: flow2\n      image: \"x:1\"\n      env: [\n        \
         {name: DB_PASSWORD,\n         value: \"@@\"},\n        {name: LOG, value: info}]\n",
    ),
    (
        "two-lines.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: two}\ndata:\n  password:\n    \"@@\"\n  other: x\n",
    ),
    (
        "literal-block.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: block}\ndata:\n  db.password: |\n    @@\n  other: x\n",
    ),
    (
        "folded-block.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: folded}\ndata:\n  api_token: >-\n    @@\n    @@\n  other: x\n",
    ),
    (
        "many-lines.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: lines}\ndata:\n  password: \"first\n    @@\n    last\"\n  other: x\n",
    ),
    (
        "secret.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: db-credentials}\ntype: Opaque\ndata:\n  password: @64@\n  anything: @64@\nstringData:\n  \
         other: \"@@\"\n  url: postgresql://app:@@@db.internal:5432/app\n",
    ),
    (
        "secret-sorted.yaml",
        "apiVersion: v1\ndata:\n  anything: @64@\nkind: Secret\nmetadata:\n  name: sorted\n",
    ),
    (
        "secret-list.yaml",
        "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  data:\n    some: @64@\n  kind: Secret\n  metadata: {name: listed}\n- apiVersion: v1\n  \
         kind: ConfigMap\n  metadata: {name: open}\n  data: {level: info}\n",
    ),
    (
        "config-settings.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata:\n  application.properties: |\n    \
         spring.datasource.password=@@\n    spring.datasource.url=jdbc:postgresql://db/app?user=app&password=@@&ssl=true\n  \
         application.yaml: |\n    spring:\n      redis:\n        password: \"@@\"\n",
    ),
    (
        "arguments.yaml",
        "apiVersion: batch/v1\nkind: Job\nmetadata: {name: args}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      containers:\n        \
         - name: args\n          image: x:1\n          command: [\"app\", \"--password\", \"@@\", \"--level=info\"]\n          args:\n            \
         - --token=@@\n            - --api-key\n            - \"@@\"\n            - sh -c \"run --password @@ --verbose\"\n            \
         - PGPASSWORD=@@ psql\n",
    ),
    (
        "anchors.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: anchors}\ndata:\n  password: &pw \"@@\"\n  again_password: *pw\n  token: !!str @@\n",
    ),
    (
        "url.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: url}\ndata:\n  DATABASE_URL: \"postgresql://app:@@@db.internal:5432/app\"\n  \
         REDIS_URL: redis://:@@@cache:6379/0\n  DSN: \"host=db user=app password=@@ dbname=app\"\n",
    ),
    (
        "comments.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: api}\n# password: @@\n# the old one: TOKEN=@@\nspec:\n  type: ClusterIP # db_password: @@\n  \
         ports: [{port: 80}]\n",
    ),
    (
        "pem.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: pem}\ndata:\n  tls.key: |\n    -----BEGIN PRIVATE KEY-----\n    @@\n    \
         @@\n    -----END PRIVATE KEY-----\n  level: info\n",
    ),
    (
        "ingress.yaml",
        "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: web\n  annotations:\n    example.net/auth-token: @@\n    \
         nginx.ingress.kubernetes.io/configuration-snippet: |\n      proxy_set_header Authorization \"Bearer @@\";\nspec: {}\n",
    ),
    (
        "wrong-type.yaml",
        "apiVersion: v1\nkind: Service\nmetadata: {name: wrong}\nspec:\n  type: Bad\n  password: @@\n  ports: \"password=@@\"\n",
    ),
    // --- kustomize, Helm, Argo CD -------------------------------------------------------------------
    (
        "kustomization.yaml",
        "resources: [deployment.yaml]\nsecretGenerator:\n- name: generated\n  literals:\n  - password=@@\n  - anything=@@\n\
         configMapGenerator:\n- name: config\n  literals: [\"API_TOKEN=@@\"]\npatches:\n- target: {kind: Deployment}\n  patch: |-\n    - op: add\n      \
         path: /spec/template/spec/containers/0/env/0\n      value: {name: PATCH_PASSWORD, value: \"@@\"}\n",
    ),
    (
        "chart/values.yaml",
        "db:\n  host: db.internal\n  password: @@\nauth:\n  existingSecret: orders-db\n  clientSecret: \"@@\"\nadminPassword: '@@'\ntokens:\n  - @@\n",
    ),
    (
        "chart/Chart.yaml",
        "apiVersion: v2\nname: chart\nversion: 0.1.0\n# apiToken: @@\n",
    ),
    (
        "chart/templates/app.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata: {name: {{ .Release.Name }}}\nstringData:\n  password: {{ .Values.db.password | default \"@@\" | quote }}\n  \
         token: {{ required \"x\" .Values.token }}\n{{- if eq .Values.mode \"x\" }}\n  admin_password: \"@@\"\n{{- end }}\n",
    ),
    (
        "chart/templates/_helpers.tpl",
        "{{- define \"pw\" -}}\npassword: @@\n{{- end -}}\n",
    ),
    (
        "helmfile.yaml",
        "releases:\n  - name: app\n    chart: ./chart\n    set:\n      - name: db.password\n        value: @@\n    values:\n      - auth:\n          \
         token: \"@@\"\n",
    ),
    (
        "application.yaml",
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: app}\nspec:\n  source:\n    repoURL: https://bot:@@@git.example.net/app.git\n    \
         path: chart\n    helm:\n      parameters:\n        - name: db.password\n          value: \"@@\"\n      values: |\n        \
         admin:\n          password: @@\n",
    ),
    // --- Compose, Prometheus, pipelines, deployment files -------------------------------------------
    (
        "compose.yaml",
        "services:\n  db:\n    image: postgres:16\n    environment:\n      POSTGRES_PASSWORD: @@\n  app:\n    image: app:1\n    environment:\n      \
         - APP_TOKEN=@@\n      - \"SESSION_SECRET=@@\"\n    command: app --db-password=@@ --level info\n",
    ),
    (
        "prometheus.yml",
        "scrape_configs:\n  - job_name: api\n    basic_auth:\n      username: metrics\n      password: @@\n    static_configs: [{targets: \
         [\"api:80\"]}]\nremote_write:\n  - url: https://user:@@@metrics.example.net/write\n",
    ),
    (
        "alertmanager.yml",
        "route: {receiver: x}\nreceivers:\n  - name: x\n    pagerduty_configs:\n      - service_key: @@\n        auth_token: \"@@\"\n",
    ),
    (
        ".github/workflows/deploy.yml",
        "on: push\njobs:\n  deploy:\n    runs-on: ubuntu-latest\n    env:\n      DB_PASSWORD: @@\n    steps:\n      - run: |\n          \
         export API_TOKEN=\"@@\"\n          gcloud run deploy api --set-env-vars DB_PASSWORD=@@,LEVEL=info\n          \
         curl -H \"Authorization: Bearer @@\" https://example.net\n",
    ),
    (
        "deploy.yml",
        "version: 1\nservices:\n  api:\n    variables:\n      DB_PASSWORD: \"@@\"\n    environments:\n      production:\n        variables:\n          \
         API_TOKEN: @@\n",
    ),
    (
        "config/application.yml",
        "spring:\n  datasource:\n    url: jdbc:postgresql://db/app\n    password: ${DB_PASSWORD:@@}\n  kafka:\n    properties:\n      sasl.jaas.config: \
         'org.apache.kafka.common.security.plain.PlainLoginModule required username=\"app\" password=\"@@\";'\n",
    ),
    // --- JSON ---------------------------------------------------------------------------------------
    (
        "config.json",
        "{\n  \"database\": {\n    \"host\": \"db\",\n    \"password\": \"@@\",\n    \"pool_size\": 20\n  },\n  \"env\": [\n    {\n      \"name\": \
         \"API_TOKEN\",\n      \"value\": \"@@\"\n    }\n  ],\n  \"args\": [\n    \"--token\",\n    \"@@\"\n  ]\n}\n",
    ),
    (
        "minified.json",
        "{\"a\":1,\"password\":\"@@\",\"env\":[{\"name\":\"DB_PASSWORD\",\"value\":\"@@\"}],\"deep\":{\"token\":{\"value\":\"@@\"}}}\n",
    ),
    (
        "escaped.json",
        "{\n  \"settings\": \"{\\\"password\\\": \\\"@@\\\", \\\"level\\\": \\\"info\\\"}\"\n}\n",
    ),
    (
        "pod.json",
        "{\"apiVersion\": \"v1\", \"kind\": \"Secret\", \"metadata\": {\"name\": \"json\"},\n \"data\": {\n  \"anything\": \"@64@\"\n }\n}\n",
    ),
    // --- flat files ---------------------------------------------------------------------------------
    (
        ".env",
        "DB_HOST=db\nDB_PASSWORD=@@\nexport API_TOKEN=\"@@\"\nSECRET_KEY='@@'\nDATABASE_URL=postgres://app:@@@db/app\n# OLD_PASSWORD=@@\n",
    ),
    (
        "prod.env",
        "DB_PASSWORD = @@\nPRIVATE_KEY=\"-----BEGIN RSA PRIVATE KEY-----\n@@\n-----END RSA PRIVATE KEY-----\"\nLEVEL=info\n",
    ),
    (
        "app.properties",
        "db.host=db\ndb.password=@@\napi.token: @@\nspring.password @@\nkafka.password=\\\n    @@\nlong.password=@@\\\n  @@\n! token=@@\nsasl.jaas.config=org.x \
         required username=\"u\" password=\"@@\";\n",
    ),
    (
        "pgbouncer.ini",
        "[databases]\napp = host=db port=5432 user=app password=@@\n[pgbouncer]\nauth_type = md5\nadmin_password = @@\n; password = @@\n",
    ),
    (
        "my.cnf",
        "[client]\nuser=app\npassword=@@\nssl-key-password = \"@@\"\n",
    ),
    ("redis.conf", "port 6379\nrequirepass @@\nmasterauth \"@@\"\n"),
    ("setup.cfg", "[app]\ntoken = @@\nsecret =\n    @@\n"),
    // --- Terraform ----------------------------------------------------------------------------------
    (
        "main.tf",
        "variable \"db_password\" {\n  type    = string\n  default = \"@@\"\n}\nresource \"aws_db_instance\" \"main\" {\n  engine   = \"postgres\"\n  \
         password = \"@@\"\n  username = \"app\"\n}\nlocals {\n  api_token = \"@@\"\n  url       = \"postgresql://app:@@@db/app\"\n  tags = { \
         secret_key = \"@@\", level = \"info\" }\n}\nresource \"aws_secretsmanager_secret_version\" \"x\" {\n  secret_string = \"@@\"\n}\nresource \
         \"helm_release\" \"x\" {\n  set {\n    name  = \"db.password\"\n    value = \"@@\"\n  }\n}\n",
    ),
    (
        "heredoc.tf",
        "resource \"aws_instance\" \"x\" {\n  user_data = <<-EOT\n    export DB_PASSWORD=@@\n    echo \"token: @@\"\n  EOT\n  private_key = <<EOF\n@@\n@@\nEOF\n  \
         count = 1\n}\n",
    ),
    (
        "calls.tf",
        "resource \"aws_ecs_task_definition\" \"x\" {\n  container_definitions = jsonencode([{\n    name = \"app\"\n    environment = [\n      { name = \
         \"DB_PASSWORD\", value = \"@@\" },\n      {\n        name  = \"API_TOKEN\"\n        value = \"@@\"\n      }\n    ]\n  }])\n}\nresource \
         \"aws_rds_cluster\" \"y\" {\n  master_password = coalesce(var.password, \"@@\")\n}\n// password = \"@@\"\n",
    ),
    (
        "prod.tfvars",
        "db_password = \"@@\"\ntokens = [\n  \"@@\",\n]\ncredentials = {\n  value = \"@@\"\n}\n",
    ),
    (
        "terragrunt.hcl",
        "inputs = {\n  db_password = \"@@\"\n  env = { API_TOKEN = \"@@\" }\n}\n",
    ),
    // --- Python, shell, Dockerfile, Makefile --------------------------------------------------------
    (
        "app.py",
        "import os\nfrom kafka import KafkaProducer\nfrom sqlalchemy import create_engine\n\nDB_PASSWORD = \"@@\"\nAPI_TOKEN: str = '@@'\n\
         engine = create_engine(\"postgresql://app:@@@db/app\", pool_size=5)\nproducer = KafkaProducer(sasl_plain_password=\"@@\", \
         acks=0)\nsettings = {\"password\": \"@@\", \"level\": \"info\"}\nsettings[\"api_key\"] = \"@@\"\ntoken = os.environ.get(\"API_TOKEN\", \
         \"@@\")\nsecret_key = (\n    \"@@\"\n    \"@@\"\n)\n# password: @@\nPRIVATE_KEY = \"\"\"-----BEGIN PRIVATE \
         KEY-----\n@@\n-----END PRIVATE KEY-----\"\"\"\nclient_secret = \"\"\"\n@@\n\"\"\"\n",
    ),
    (
        "deploy.sh",
        "#!/bin/sh\nset -e\nexport DB_PASSWORD=\"@@\"\nAPI_TOKEN=@@ ./run --level info\nPGPASSWORD='@@' psql -h db\nhelm upgrade app ./chart --set \
         db.password=@@,level=info\ngcloud run deploy api --set-env-vars=API_TOKEN=@@\ncurl -u admin:@@ https://example.net\nmysql -u root \
         -p@@ app\n./run --token @@ --verbose\nTOKEN=${TOKEN:-@@}\n",
    ),
    (
        "Dockerfile",
        "FROM python:3.12\nENV DB_PASSWORD=@@\nENV API_TOKEN @@\nARG NPM_TOKEN=\"@@\"\nRUN pip install --index-url https://u:@@@pypi.example.net/\nCMD [\"run\", \"--password\", \"@@\"]\n",
    ),
    (
        "Makefile",
        "DB_PASSWORD ?= @@\nexport API_TOKEN := @@\ndeploy:\n\tkubectl create secret generic x --from-literal=password=@@\n\tAPI_KEY=@@ ./deploy\n",
    ),
];

/// Files for secrets that are recognised by their format, under names that do not suggest a secret.
pub(super) const SHAPES: &[(&str, &str)] = &[
    (
        "shape.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shape}\ndata:\n  SETTING: \"@@\"\n  other: say @@ here\n# seen: @@\n",
    ),
    ("shape.json", "{\"setting\": \"@@\", \"list\": [\"@@\"]}\n"),
    ("shape.env", "SETTING=@@\n# @@\n"),
    ("shape.tf", "locals {\n  setting = \"@@\"\n}\n"),
    ("shape.py", "SETTING = \"@@\"\ncall(\"@@\")\n"),
    ("shape.sh", "run @@\necho \"@@\"\n"),
    ("shape.properties", "setting=@@\n"),
];

/// Overlays with a secret in a place where none is expected; `check` refuses each of them.
pub(super) const OVERLAYS: &[&str] = &[
    "version: 1\ndatabases:\n  main:\n    password: \"@@\"\n",
    "version: 1\nservices:\n  api:\n    token: @@\n",
    "version: 1\npassword: @@\n",
    "version: 1\npassword: \"@@\n",
    "version: 1\nservices: {api: {processes: \"password=@@\"}}\n",
    "version: 1\n# token: @@\nservices: {\n",
    "version: 1\nsecrets:\n  db:\n    rotation: 1d\n    value: @@\n    password: @@\n",
    "version: 1\nservices:\n  api:\n    database: postgresql://app:@@@db/app\n",
    "version: 1\nignore:\n  - rule: nothing\n    reason: \"password: @@\"\n",
    "version: 1\napi_token: @@\napi_token: @@\n",
    "version: 1\npassword: |\n  @@\n",
    "version: 1\n\tpassword: @@\n",
];

/// Statements of `--set` that contain a secret and nothing that Cofferdam knows.
pub(super) const STATEMENTS: &[&str] = &[
    "databases.main.password=@@",
    "password=@@",
    "databases.main.password @@",
    "services.api.processes=postgresql://app:@@@db/app",
    "token=\"@@",
    "services..token=@@",
    "services.api.token={@@",
    "--password=@@",
];
