//! Which arguments of commands are secrets.

use super::{classify, in_command};

#[test]
fn arguments_of_commands_are_secrets_by_what_the_program_takes() {
    let found = |text: &str| -> Vec<(String, String)> {
        let all = in_command(text).into_iter();
        all.map(|(argument, value)| (argument.name, value)).collect()
    };
    for (text, name) in [
        ("app -password h7Gk2pQ9", "password"),
        ("app --password=h7Gk2pQ9", "password"),
        ("app --password h7Gk2pQ9 --level info", "password"),
        ("curl -u app:h7Gk2pQ9 https://x", "curl -u"),
        ("curl -uapp:h7Gk2pQ9 https://x", "curl -u"),
        ("curl -fsSu 'app:h7Gk2pQ9' https://x", "curl -u"),
        ("/usr/bin/curl --user app:h7Gk2pQ9 https://x", "curl --user"),
        ("curl --user=app:h7Gk2pQ9 https://x", "curl --user"),
        (
            "curl -H 'Authorization: Bearer h7Gk2pQ9' https://x",
            "Authorization",
        ),
        (
            "curl --header=\"X-Vault-Token: h7Gk2pQ9\" https://x",
            "X-Vault-Token",
        ),
        ("redis-cli -h cache -a h7Gk2pQ9 ping", "redis-cli -a"),
        ("redis-cli -ah7Gk2pQ9 ping", "redis-cli -a"),
        ("docker login -u app -p h7Gk2pQ9 registry", "docker -p"),
        ("mongo -u app -p h7Gk2pQ9", "mongo -p"),
        ("mysql -u root -ph7Gk2pQ9 app", "mysql -p"),
        ("mysql -p'h7Gk2pQ9' app", "mysql -p"),
        ("sshpass -p h7Gk2pQ9 ssh host", "sshpass -p"),
        ("sshpass -ph7Gk2pQ9 ssh host", "sshpass -p"),
        ("vault login h7Gk2pQ9", "vault login"),
        (
            "vault login -method=userpass username=app password=h7Gk2pQ9",
            "password",
        ),
        ("PGPASSWORD=h7Gk2pQ9 psql -h db", "PGPASSWORD"),
        ("env PGPASSWORD=h7Gk2pQ9 psql -h db", "PGPASSWORD"),
        ("sh -c \"redis-cli -a h7Gk2pQ9 ping\"", "redis-cli -a"),
        ("cd /x && mysqldump -ph7Gk2pQ9 app | gzip", "mysql -p"),
        ("ldapsearch -x -w h7Gk2pQ9", "ldapsearch -w"),
        ("openssl rsa -passin pass:h7Gk2pQ9", "passin"),
        ("rabbitmqctl add_user app h7Gk2pQ9", "rabbitmqctl add_user"),
        ("sqlplus app/h7Gk2pQ9@db", "sqlplus"),
        (
            "java -Djavax.net.ssl.keyStorePassword=h7Gk2pQ9 -jar a.jar",
            "javax.net.ssl.keyStorePassword",
        ),
        (
            "kubectl create secret generic x --from-literal=password=h7Gk2pQ9",
            "password",
        ),
        (
            "helm upgrade app . --set db.password=h7Gk2pQ9,level=info",
            "db.password",
        ),
    ] {
        let (name, value) = (name.to_owned(), "h7Gk2pQ9".to_owned());
        assert!(found(text).contains(&(name, value)), "{text}: {:?}", found(text));
    }
    for text in [
        "docker run -p 8080:80 app",
        "docker run --name mysql -p 3306:3306 mysql:8",
        "docker run --name mysql -p3306:3306 mysql:8",
        "docker compose -p project up",
        "mysql -u root -p app",
        "mkdir -p /data/x",
        "cp -a from to",
        "curl -u app https://x",
        "tar -u file",
        "redis-cli -h cache ping",
        "psql -p 5432 -U app",
        "ssh -p 22 host",
        "app --password-file /run/x --token-ttl 5m",
        "app --no-password now",
        "docker login --password-stdin registry",
        "vault login -method=kubernetes role=app",
        "sshpass -e ssh host",
        "uses: actions/checkout@v4",
    ] {
        let real = found(text)
            .into_iter()
            .filter(|(_, value)| classify("password", value).is_some());
        assert_eq!(real.count(), 0, "{text}: {:?}", found(text));
    }
    for text in [
        "redis-cli -a $REDIS_PASSWORD ping",
        "redis-cli -a \"$(cat /run/secret)\" ping",
        "curl -u app:${{ secrets.TOKEN }} https://x",
        "curl -u \"$USER:$PASSWORD\" https://x",
        "mysql -p$MYSQL_ROOT_PASSWORD app",
        "docker login -p ${{ secrets.TOKEN }}",
        "PGPASSWORD=$PASSWORD psql",
        "app --password=$(PASSWORD)",
        "app --password={{ .Values.password }}",
    ] {
        let real = in_command(text)
            .into_iter()
            .filter(|(argument, value)| classify(&argument.key, value).is_some());
        assert_eq!(real.count(), 0, "{text}: {:?}", found(text));
    }
}

#[test]
fn an_option_of_another_alphabet_is_no_option() {
    for text in ["curl -é app:h7Gk2pQ9", "redis-cli -日", "docker login -ж x"] {
        assert_eq!(in_command(text), [], "{text}");
    }
}
