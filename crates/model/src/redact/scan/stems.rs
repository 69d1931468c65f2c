//! Parts of lines that decide whether a line is examined, and what it may show.

use super::super::names::{self, Edge};
use crate::secret_scan;
use aho_corasick::{AhoCorasick, AhoCorasickKind, Match, MatchKind};
use std::sync::LazyLock;

/// Addresses with a password or a key.
const ADDRESSES: &[&str] = &[
    "://",
    "@",
    "sig=",
    "bindpw=",
    "jdbc:oracle:",
    "hooks.slack.com",
    "api/webhooks/",
];

/// Programs that take a password in a way of their own, and texts that are passed to them.
const COMMANDS: &[&str] = &[
    "basic ",
    "identified by",
    "machine ",
    "login",
    "curl",
    "mysql",
    "mariadb",
    "mydumper",
    "myloader",
    "xtrabackup",
    "mongo",
    "redis-cli",
    "valkey-cli",
    "rabbitmq",
    "ldap",
    "mosquitto_",
    "sqlcmd",
    "bcp ",
    "cqlsh",
    "sqlplus",
    "sqlldr",
    "impdp",
    "expdp",
    "rman ",
    "smbclient",
    "rpcclient",
    "zip -p",
    "7z",
    "etcdctl",
    "vault ",
    "bao ",
    "mc alias",
    "mc config",
    "openssl",
    "acl setuser",
    "user default",
    "cookie:",
    "twine ",
    "useradd ",
    "usermod ",
    "ipmitool",
    "lftp",
    "snmp",
    "put-parameter",
    "securestring",
    "sudo -s",
    "data-file",
    "secret put",
    "fernet",
];

/// Of names that say where a command needs no program.
const NAMES_OF_COMMANDS: &[&str] = &["pass", "bearer", "auth"];

/// What a line contains, by its stems.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stems(u8);

const NAME: u8 = 1;
const ADDRESS: u8 = 2;
const COMMAND: u8 = 4;
const TOKEN: u8 = 8;

impl Stems {
    /// The stems of a line.
    pub(super) fn of(line: &str) -> Stems {
        let Some(automaton) = &FINDER.automaton else {
            return Stems(u8::MAX);
        };
        let hits = automaton.find_iter(line).filter(|hit| FINDER.counts(line, hit));
        Stems(hits.fold(0, |all, hit| all | FINDER.stems[hit.pattern().as_usize()].1))
    }

    /// Whether it may have an address.
    pub(super) fn address(self) -> bool {
        self.0 & ADDRESS != 0
    }

    /// Whether it may be a command with a password, or a text for one.
    pub(super) fn command(self) -> bool {
        self.0 & COMMAND != 0
    }

    /// Whether it may have a token of a known kind.
    pub(super) fn token(self) -> bool {
        self.0 & TOKEN != 0
    }
}

/// What finds the stems; without an automaton, which only a far larger number of words would prevent, every line is
/// examined.
pub(super) struct Finder {
    stems: Vec<(Edge, u8)>,
    pub(super) automaton: Option<AhoCorasick>,
}

impl Finder {
    /// Whether a stem is where it must be.
    pub(super) fn counts(&self, text: &str, hit: &Match) -> bool {
        let (edge, _) = self.stems[hit.pattern().as_usize()];
        edge.holds(text.as_bytes(), hit.range())
    }
}

pub(super) static FINDER: LazyLock<Finder> = LazyLock::new(|| {
    let names = names::STEMS.iter().map(|(stem, edge)| {
        let command = if NAMES_OF_COMMANDS.contains(stem) {
            COMMAND
        } else {
            0
        };
        (*stem, *edge, NAME | command)
    });
    let others = [("private", NAME), ("-----begin", NAME), ("eyj", TOKEN)];
    let all: Vec<(&str, Edge, u8)> = names
        .chain(others.map(|(stem, kind)| (stem, Edge::Anywhere, kind)))
        .chain(ADDRESSES.iter().map(|stem| (*stem, Edge::Anywhere, ADDRESS)))
        .chain(COMMANDS.iter().map(|stem| (*stem, Edge::Anywhere, COMMAND)))
        .chain(secret_scan::prefixes().map(|stem| (stem, Edge::Anywhere, TOKEN)))
        .collect();
    let automaton = AhoCorasick::builder()
        .ascii_case_insensitive(true)
        // Every byte of every file passes through this: a table of all states is the fastest.
        .kind(Some(AhoCorasickKind::DFA))
        .match_kind(MatchKind::LeftmostLongest)
        .build(all.iter().map(|(stem, ..)| stem));
    Finder {
        stems: all.into_iter().map(|(_, edge, kind)| (edge, kind)).collect(),
        automaton: automaton.ok(),
    }
});
