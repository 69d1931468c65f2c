//! Programs that take a password in a way of their own.

/// How a program takes a password with an option.
pub(super) struct Takes {
    pub(super) option: &'static str,
    /// Whether the value may follow in the same word, and whether in the next one.
    pub(super) same: bool,
    pub(super) next: bool,
    /// A word that must come before, such as the subcommand `login`; empty if there is none.
    pub(super) after: &'static str,
    pub(super) part: Part,
}

/// The part of a value that is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Whole,
    /// What follows this character: `user:password`.
    After(char),
    /// `user/password@host`.
    Oracle,
    /// `name: value`, or `Authorization: scheme value`.
    Header,
    /// The whole, but only if a quote begins right behind the option.
    Quoted,
    /// The value of `name=value`.
    Literal,
}

const fn takes(option: &'static str, same: bool, next: bool, after: &'static str, part: Part) -> Takes {
    Takes {
        option,
        same,
        next,
        after,
        part,
    }
}

/// A program with its options.
pub(super) struct Program {
    pub(super) names: &'static [&'static str],
    pub(super) options: &'static [Takes],
    /// Passwords without an option: the word that comes before, and how many words are between.
    pub(super) bare: &'static [(&'static str, usize, Part)],
    /// The subcommand after which every value of `name=value` is secret; empty if there is none.
    pub(super) pairs: &'static str,
}

const fn program(names: &'static [&'static str], options: &'static [Takes]) -> Program {
    Program {
        names,
        options,
        bare: &[],
        pairs: "",
    }
}

/// The programs.
pub(super) static PROGRAMS: &[Program] = &[
    program(
        &["curl"],
        &[
            takes("-u", true, true, "", Part::After(':')),
            takes("-U", true, true, "", Part::After(':')),
            takes("--user", false, true, "", Part::After(':')),
            takes("--proxy-user", false, true, "", Part::After(':')),
            takes("-b", true, true, "", Part::Literal),
            takes("--cookie", false, true, "", Part::Literal),
        ],
    ),
    program(
        &["etcdctl"],
        &[takes("--user", false, true, "", Part::After(':'))],
    ),
    Program {
        names: &["redis-cli", "valkey-cli", "keydb-cli"],
        options: &[takes("-a", true, true, "", Part::Whole)],
        bare: &[("AUTH", 0, Part::Whole), ("auth", 0, Part::Whole)],
        pairs: "",
    },
    program(
        &[
            "docker", "podman", "nerdctl", "buildah", "skopeo", "oras", "crane", "helm", "argocd",
        ],
        &[takes("-p", true, true, "login", Part::Whole)],
    ),
    program(
        &["az"],
        &[
            takes("-p", true, true, "login", Part::Whole),
            takes("--value", true, true, "secret", Part::Whole),
        ],
    ),
    program(
        &["kubectl", "oc"],
        &[
            takes("-p", true, true, "login", Part::Whole),
            takes("--from-literal", true, true, "secret", Part::Literal),
        ],
    ),
    program(&["twine"], &[takes("-p", true, true, "upload", Part::Whole)]),
    program(&["doctl"], &[takes("-t", true, true, "auth", Part::Whole)]),
    program(
        &["aws"],
        &[takes("--value", true, true, "put-parameter", Part::Whole)],
    ),
    Program {
        names: &["snyk"],
        options: &[],
        bare: &[("auth", 0, Part::Whole)],
        pairs: "",
    },
    Program {
        names: &["fly", "flyctl", "supabase"],
        options: &[],
        bare: &[],
        pairs: "secrets",
    },
    Program {
        names: &["mysqladmin", "mariadb-admin"],
        options: &[takes("-p", true, true, "", Part::Quoted)],
        bare: &[("password", 0, Part::Whole)],
        pairs: "",
    },
    program(
        &["useradd", "usermod"],
        &[takes("-p", false, true, "", Part::Whole)],
    ),
    program(&["ipmitool"], &[takes("-P", true, true, "", Part::Whole)]),
    program(&["lftp"], &[takes("-u", true, true, "", Part::After(','))]),
    program(
        &[
            "snmpget",
            "snmpgetnext",
            "snmpset",
            "snmpwalk",
            "snmptable",
            "snmptrap",
            "snmpbulkget",
            "snmpbulkwalk",
        ],
        &[takes("-c", true, true, "", Part::Whole)],
    ),
    program(
        &[
            "mongo",
            "mongosh",
            "mongodump",
            "mongorestore",
            "mongoexport",
            "mongoimport",
            "mongostat",
            "cqlsh",
        ],
        &[takes("-p", true, true, "", Part::Whole)],
    ),
    // For these `-p` alone asks for the password, and the next word is a database.
    program(
        &[
            "mysql",
            "mysqldump",
            "mysqlimport",
            "mysqlcheck",
            "mysqlshow",
            "mysqlsh",
            "mysqlslap",
            "mysqlbinlog",
            "mysqlpump",
            "mariadb",
            "mariadb-dump",
            "mariadb-import",
            "mariadb-check",
            "mariadb-backup",
            "mydumper",
            "myloader",
            "xtrabackup",
        ],
        &[takes("-p", true, true, "", Part::Quoted)],
    ),
    program(&["sshpass"], &[takes("-p", true, true, "", Part::Whole)]),
    Program {
        names: &["vault", "bao"],
        options: &[],
        bare: &[("login", 0, Part::Whole)],
        pairs: "put",
    },
    Program {
        names: &["rabbitmqctl"],
        options: &[],
        bare: &[
            ("add_user", 1, Part::Whole),
            ("change_password", 1, Part::Whole),
            ("authenticate_user", 1, Part::Whole),
        ],
        pairs: "",
    },
    Program {
        names: &["mc"],
        options: &[],
        bare: &[("set", 3, Part::Whole), ("add", 3, Part::Whole)],
        pairs: "",
    },
    program(&["openssl"], &[takes("-k", false, true, "", Part::Whole)]),
    program(
        &["http", "https", "xh", "xhs"],
        &[takes("-a", true, true, "", Part::After(':'))],
    ),
    program(&["rabbitmqadmin"], &[takes("-p", true, true, "", Part::Whole)]),
    program(
        &[
            "ldapsearch",
            "ldapmodify",
            "ldapadd",
            "ldapdelete",
            "ldapwhoami",
            "ldappasswd",
            "ldapcompare",
        ],
        &[takes("-w", true, true, "", Part::Whole)],
    ),
    program(
        &["mosquitto_pub", "mosquitto_sub", "mosquitto_rr"],
        &[takes("-P", false, true, "", Part::Whole)],
    ),
    program(&["sqlcmd", "bcp"], &[takes("-P", true, true, "", Part::Whole)]),
    program(
        &["smbclient", "rpcclient"],
        &[takes("-U", true, true, "", Part::After('%'))],
    ),
    program(&["zip", "unzip"], &[takes("-P", true, true, "", Part::Whole)]),
    program(
        &["7z", "7za", "7zz"],
        &[takes("-p", true, false, "", Part::Whole)],
    ),
    program(&["ssh-keygen"], &[takes("-N", false, true, "", Part::Whole)]),
    program(
        &["gh"],
        &[
            takes("-b", true, true, "secret", Part::Whole),
            takes("--body", true, true, "secret", Part::Whole),
        ],
    ),
    Program {
        names: &["sqlplus", "sqlcl", "impdp", "expdp", "sqlldr", "rman"],
        options: &[],
        bare: &[("", 0, Part::Oracle)],
        pairs: "",
    },
];
