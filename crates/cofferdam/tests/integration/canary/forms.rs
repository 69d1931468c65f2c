//! Files with secrets in the less usual forms: short names, other languages, arguments of commands, addresses of
//! every driver, files of tools. `@@` marks the secret, `@login@` a login with it in base64.

/// A path and a text, as in [`super::files::FILES`].
pub(super) const FORMS: &[(&str, &str)] = &[
    // --- names --------------------------------------------------------------------------------------
    (
        "names.env",
        "DBPASS=@@\nDB_PASS=@@\nGITHUB_PAT=@@\nSTRIPE_SK=@@\nSALT=@@\nSENHA=@@\nDB_SENHA=\"@@\"\nCLAVE=@@\nMOT_DE_PASSE=@@\nMDP=@@\nPASSWORT=@@\n\
         KENNWORT='@@'\nWACHTWOORD=@@\nSECRET_KEY_BASE=@@\nDB_PASSWORD_2=@@\nROOT_PW=@@\nSMTP_CREDS=@@\nPASSWORD_SALT=@@\n",
    ),
    (
        "names.yaml",
        "db:\n  dbpass: @@\n  pass: \"@@\"\n  githubPat: @@\n  contraseña: @@\n  contrasena: '@@'\n  clave: @@\n  motDePasse: @@\n  mdp: @@\n  \
         passwort: \"@@\"\n  wachtwoord: @@\n  пароль: @@\n  密码: \"@@\"\n  salt: @@\n  passwordOld: @@\n  env:\n    - name: DB_PASS\n      value: @@\n    \
         - {name: SENHA, value: \"@@\"}\n",
    ),
    (
        "names.json",
        "{\n  \"dbPass\": \"@@\",\n  \"senha\": \"@@\",\n  \"contraseña\": \"@@\",\n  \"github_pat\": \"@@\",\n  \"salt\": \"@@\",\n  \"port\": 1\n}\n",
    ),
    (
        "names.tf",
        "locals {\n  dbpass     = \"@@\"\n  github_pat = \"@@\"\n  senha      = \"@@\"\n}\nvariable \"db_pass\" {\n  default = \"@@\"\n}\n",
    ),
    (
        "names.py",
        "DBPASS = \"@@\"\ngithub_pat = '@@'\nsettings = {\"senha\": \"@@\"}\n",
    ),
    (
        "names.toml",
        "[db]\npassword = \"@@\"\ndbpass = '@@'\nurl = \"postgres://app:@@@db/app\"\n",
    ),
    (
        "names.properties",
        "db.pass=@@\nsenha=@@\nmot.de.passe=@@\ngithub.pat: @@\n",
    ),
    // --- arguments of commands ----------------------------------------------------------------------
    (
        "commands.sh",
        "app -password @@ -v\napp --password=@@ -v\ncurl -u app:@@ https://x\ncurl -uapp:@@ https://x\ncurl -fsSu \"app:@@\" https://x\n\
         curl --user 'app:@@' https://x\ncurl -H \"X-Api-Key: @@\" https://x\nredis-cli -a @@ ping\nredis-cli -a '@@' ping\ndocker login -u app -p @@ x\n\
         mongosh -u app -p @@ db\nmysql -u root -p'@@' app\nmysqldump -p@@ app | gzip\nvault login @@\nsshpass -p @@ ssh host\nsshpass -p@@ ssh host\n\
         PGPASSWORD=@@ psql -h db\nenv PGPASSWORD=@@ psql -h db\nldapsearch -x -w @@ -b dc=x\nrabbitmqctl add_user app @@\n\
         java -Djavax.net.ssl.keyStorePassword=@@ -jar a.jar\n\
         echo \"machine x login app password @@\" > ~/.netrc\nnpm config set //r.example.net/:_authToken @@\nredis-cli \\\n  -a @@ \\\n  ping\n",
    ),
    (
        "piped.sh",
        "echo '@@' | docker login -u app --password-stdin\necho \"app:@@\" | chpasswd\necho @@ | sudo -S ls\n",
    ),
    (
        "commands.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: commands}\nspec:\n  containers:\n    - name: a\n      image: x:1\n      \
         command: [redis-cli, -a, \"@@\", ping]\n      args: [\"-c\", \"curl -u app:@@ https://x && mysql -p@@ app\"]\n      \
         livenessProbe: {exec: {command: [\"redis-cli\", \"-a\", \"@@\", \"ping\"]}}\n    - name: b\n      image: x:1\n      command:\n        \
         - redis-cli\n        - -a\n        - \"@@\"\n    - name: c\n      image: x:1\n      command: [sh, -c]\n      args:\n        - |\n          \
         export PGPASSWORD=@@\n          mysql -u root -p@@ app\n          curl -H \"Authorization: Bearer @@\" https://x\n",
    ),
    (
        "commands/Dockerfile",
        "FROM x\nENV A=1 DB_PASS=@@ B=2\nENV C=1 \\\n    DBPASS=@@ \\\n    D=2\nARG GITHUB_PAT=@@\nRUN curl -u app:@@ https://x && run\n\
         RUN mysql -u root -p@@ app\nHEALTHCHECK CMD redis-cli -a @@ ping\nCMD [\"redis-cli\", \"-a\", \"@@\"]\nLABEL token=\"@@\"\n",
    ),
    (
        "commands/Makefile",
        "DBPASS := @@\nGITHUB_PAT ?= @@\nlogin:\n\tdocker login -u app -p @@ registry\n\tcurl -u app:@@ https://x\n\tPGPASSWORD=@@ psql\n",
    ),
    (
        ".github/workflows/commands.yml",
        "on: push\njobs:\n  a:\n    runs-on: x\n    steps:\n      - run: docker login -u app -p @@ registry\n      - run: |\n          \
         curl -u app:@@ https://x\n          redis-cli -a \"@@\" ping\n      - uses: docker/login-action@v3\n        with:\n          password: @@\n",
    ),
    (
        "commands/compose.yaml",
        "services:\n  cache:\n    image: redis:7\n    command: redis-server --requirepass @@\n    healthcheck: {test: [\"CMD\", \"redis-cli\", \"-a\", \"@@\", \
         \"ping\"]}\n  db:\n    image: mysql:8\n    command: [\"mysqld\", \"--password\", \"@@\"]\n    healthcheck:\n      test: mysqladmin ping -p@@\n",
    ),
    (
        "stores.sh",
        "kubectl create secret generic a --from-literal=b=@@\nredis-cli AUTH @@\nmysqladmin -u root password @@\noc login -u app -p @@\n\
         twine upload -u app -p @@ dist/*\nlftp -u app,@@ host\nipmitool -P @@ -H host\naz keyvault secret set --name a --value @@\n\
         aws ssm put-parameter --type SecureString --value @@\ngh secret set A --body @@\nfly secrets set A=@@\nsnyk auth @@\n\
         doctl auth init -t @@\ncurl -b \"session=@@\" https://x\nexport PASS=$(echo @@ | base64)\n",
    ),
    (
        "calls.py",
        "auth = HTTPBasicAuth(\"app\", \"@@\")\nsmtp.login(\"app\", \"@@\")\nbox = Fernet(\"@@\")\n",
    ),
    (
        "misspelt.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: misspelt}\nspec:\n  containers:\n    - name: a\n      image: x:1\n      env:\n        \
         - {nam: TOKEN, value: \"@@\"}\n        - {name: TOKEN, valu: \"@@\"}\n        - nmae: API_TOKEN\n          value: @@\n",
    ),
    // --- addresses and connection settings ----------------------------------------------------------
    (
        "addresses.yaml",
        "urls:\n  a: mongodb+srv://app:@@@cluster.example.net/app\n  b: amqp://app:@@@broker//\n  c: \"nats://app:@@@nats:4222\"\n  d: redis://:@@@cache/0\n  \
         e: 'jdbc:sqlserver://db:1433;databaseName=app;user=sa;password=@@'\n  f: \"Server=db;User Id=app;Password=@@;\"\n  \
         g: jdbc:oracle:thin:app/@@@//db:1521/svc\n  i: \"host=db user=app password=@@ dbname=app\"\n  \
         j: jdbc:postgresql://db/app?user=app&password=@@\n  k: \"Authorization: Basic @login@\"\n  l: mongodb://app:@@@a:27017,b:27017/app\n",
    ),
    ("driver.yaml", "dsn: \"app:@@@tcp(db:3306)/app\"\n"),
    (
        "addresses.py",
        "a = connect(\"amqp://app:@@@broker//\")\nb = connect(\"host=db user=app password=@@ dbname=app\")\nc = \"Server=db;User Id=app;Password=@@;\"\n",
    ),
    (
        "addresses.tf",
        "locals {\n  a = \"mongodb+srv://app:@@@cluster.example.net/app\"\n  b = \"Server=db;User Id=app;Password=@@;\"\n}\n",
    ),
    // --- files of tools -----------------------------------------------------------------------------
    (
        ".npmrc",
        "//registry.npmjs.org/:_authToken=@@\n_auth=@login@\n_password=@@\n",
    ),
    (
        "pip.conf",
        "[global]\nindex-url = https://app:@@@pypi.example.net/simple\n",
    ),
    (
        ".netrc",
        "machine github.com login app password @@\nmachine x\nlogin app\npassword @@\n",
    ),
    (
        "docker/config.json",
        "{\"auths\": {\"r.example.net\": {\"auth\": \"@login@\"}}}\n",
    ),
    (
        "tools.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: tools}\ndata:\n  .npmrc: |\n    //registry.npmjs.org/:_authToken=@@\n  .netrc: |\n    machine x\n    \
         login app\n    password @@\n  .pgpass: |\n    db:5432:app:app:@@\n  pip.conf: |\n    index-url = https://app:@@@pypi.example.net/simple\n  \
         my.cnf: |\n    [client]\n    password=@@\n  init.sql: |\n    CREATE USER app IDENTIFIED BY '@@';\n",
    ),
    // --- odd YAML -----------------------------------------------------------------------------------
    (
        "odd.yaml",
        "a:\n  password: !!str &a @@\n  \"token\" : &b \"@@\"\n  again: {password: !!str \"@@\", other: x}\n  ? password\n  : @@\n  list:\n    - password: >\n        @@\n\n        \
         @@\n    - token: |2\n          @@\n",
    ),
    // A pair where a key belongs: the error names the key.
    (
        "key.yaml",
        "services:\n  app:\n    image: app:1\n    environment:\n      DB_PASSWORD=@@:\n      DB_PASSWORD=@@:\n",
    ),
    (
        "helm/values-prod.yaml",
        "auth:\n  dbpass: @@\n  # token: @@\nextraArgs: [\"--password=@@\", \"-p\", x]\n",
    ),
    (
        "kustomize/kustomization.yaml",
        "secretGenerator:\n- name: a\n  literals: [\"x=@@\", 'y=@@']\n- name: b\n  envs: [b.env]\nconfigMapGenerator:\n- name: c\n  literals:\n  - DBPASS=@@\n  - \"URL=amqp://app:@@@broker\"\n",
    ),
    ("kustomize/secrets.env", "anything=@@\nother=\"@@\"\n"),
];
