//! Objects that pods read and mount: ConfigMaps, Secrets and the objects that create them, service accounts,
//! claims.

use super::makers;
use super::object::{Object, duration, text};
use crate::facts::NodeFacts as _;
use crate::secret_scan;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use cofferdam_model::delivery::DanglingKind;
use cofferdam_model::secrets::{SecretKind, SecretLiteral, SecretStore};
use cofferdam_model::workload::{ConfigObject, ObjectId};
use cofferdam_model::{Fact, Parts, Span, Texts};
use cofferdam_syntax::tree::{Node, Value};

/// Kinds whose controllers create a Secret, and where its name is; without it, it is the object's own.
const MAKERS: &[(&str, &[&str])] = &[
    ("ExternalSecret", &["spec/target/name"]),
    (
        "ClusterExternalSecret",
        &["spec/externalSecretSpec/target/name", "spec/externalSecretName"],
    ),
    ("SealedSecret", &["spec/template/metadata/name"]),
    ("VaultStaticSecret", &["spec/destination/name"]),
    ("VaultDynamicSecret", &["spec/destination/name"]),
    ("VaultPKISecret", &["spec/destination/name"]),
    ("Certificate", &["spec/secretName"]),
    ("Issuer", &["spec/acme/privateKeySecretRef/name"]),
    ("ClusterIssuer", &["spec/acme/privateKeySecretRef/name"]),
    ("OnePasswordItem", &[]),
    ("DopplerSecret", &["spec/managedSecret/name"]),
    ("InfisicalSecret", &["spec/managedSecretReference/secretName"]),
    ("SopsSecret", &[]),
    ("KafkaUser", &[]),
    ("BitwardenSecret", &["spec/secretName"]),
];

/// Reads an object from which pods take configuration; returns whether it is one.
pub(super) fn interpret(object: &Object<'_>, parts: &mut Parts) -> bool {
    match (object.group, object.id.kind.as_str()) {
        ("", "ConfigMap") => config_map(object, parts),
        ("", "Secret") => secret(object, parts),
        ("", "ServiceAccount" | "PersistentVolumeClaim") => exists(object, &object.id.name, parts),
        (_, "SecretProviderClass") => provider_class(object, parts),
        (_, kind) => {
            let Some((_, paths)) = MAKERS.iter().find(|(maker, _)| *maker == kind) else {
                return false;
            };
            maker(object, paths, parts);
        }
    }
    true
}

/// Records that an object of this kind creates something with this name; its contents are unknown.
pub(super) fn exists(object: &Object<'_>, name: &str, parts: &mut Parts) {
    parts.config_objects.push(ConfigObject {
        withheld: false,
        id: ObjectId {
            name: name.to_owned(),
            ..object.id.clone()
        },
        span: object.span,
        data: Texts::new(),
        complete: false,
    });
}

fn config_map(object: &Object<'_>, parts: &mut Parts) {
    let entries = || object.node.get("data").into_iter().flat_map(Node::entries);
    let binary = object.node.get("binaryData").is_some();
    let data: Texts = entries()
        .filter_map(|(key, value)| Some((key.text.to_string(), value.text_fact()?)))
        .collect();
    parts.config_objects.push(ConfigObject {
        withheld: false,
        id: object.id.clone(),
        span: object.span,
        complete: object.is_whole()
            && !binary
            && !makers::is_filled(object)
            && entries().all(|(_, v)| !matches!(v.value, Value::Unknown(_))),
        data,
    });
    for (key, value) in entries() {
        if let Some(text) = value.as_str()
            && let Some((kind, evidence)) = secret_scan::classify(&key.text, text)
        {
            push_literal(&key.text, text, value.span, (kind, evidence), parts);
        }
    }
}

fn push_literal(
    name: &str,
    text: &str,
    span: Span,
    (kind, evidence): (SecretKind, String),
    parts: &mut Parts,
) {
    parts.secret_literals.push(SecretLiteral {
        name: name.to_owned(),
        span,
        kind,
        evidence,
        fingerprint: secret_scan::fingerprint(text),
        doubtful: false,
    });
}

/// A Secret with values in the file is a secret in clear text, whatever the values look like: base64 is only
/// a notation. Its texts are not kept, only the names of its keys; values that are not secret by their name
/// (a host, a user) are kept, and so are the routes of Alertmanager.
fn secret(object: &Object<'_>, parts: &mut Parts) {
    // A file encrypted by SOPS contains ciphertext.
    let encrypted = object.node.get("sops").is_some();
    let mut data = Texts::new();
    let sections = || {
        ["data", "stringData"]
            .into_iter()
            .filter_map(|p| object.node.get(p))
    };
    let complete = object.is_whole()
        && !makers::is_filled(object)
        && sections().all(|p| p.is_null() || p.as_map().is_some());
    for (part, encoded) in [("data", true), ("stringData", false)] {
        for (key, value) in object.node.get(part).into_iter().flat_map(Node::entries) {
            let Some(written) = value.as_str() else { continue };
            let decoded = if encoded {
                decode(written)
            } else {
                Some(written.to_owned())
            };
            let hidden =
                secret_scan::may_be_secret(&key.text) && !is_public(&key.text) && !is_alertmanager(&key.text);
            let shown = decoded.clone().filter(|_| !hidden).unwrap_or_default();
            data.insert(key.text.to_string(), Fact::declared(shown, value.span));
            if encrypted {
                continue;
            }
            let Some(text) = decoded.filter(|_| !is_public(&key.text)) else {
                continue;
            };
            let Some(found) = in_clear(&key.text, &text, encoded) else {
                continue;
            };
            let literal = secret_scan::literal(&key.text, &text, value.span, found);
            parts.secret_literals.push(literal);
        }
    }
    parts.config_objects.push(ConfigObject {
        withheld: false,
        id: object.id.clone(),
        span: object.span,
        data,
        complete,
    });
    store(object, &object.id.name, None, parts);
}

/// The file in which the operator of Prometheus keeps the routes of Alertmanager: [`super::entries`] reads them.
fn is_alertmanager(key: &str) -> bool {
    matches!(key, "alertmanager.yaml" | "alertmanager.yml")
}

/// Certificates are public.
fn is_public(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    key.ends_with(".crt") || key.ends_with(".cer") || key.ends_with(".pub") || key.ends_with("ca.pem")
}

/// What a value of a Secret opens: any value under a key that suggests a secret, and under any other key,
/// which may be that of a host or of a whole file, a value that looks like one.
fn in_clear(key: &str, text: &str, encoded: bool) -> Option<(SecretKind, String)> {
    let Some(kind) = secret_scan::kind_of_name(key) else {
        return secret_scan::in_secret(key, text);
    };
    if let Some(found) = secret_scan::classify(key, text) {
        return Some(found);
    }
    let stands_in = secret_scan::names_itself(key, text)
        || secret_scan::is_to_be_replaced(text)
        || secret_scan::is_user_of_store(key, text);
    if stands_in || secret_scan::is_placeholder_or_reference(text) {
        return None;
    }
    let how = if encoded {
        "in base64, which hides nothing, "
    } else {
        ""
    };
    // The length of a secret is never told: it helps whoever guesses.
    Some((kind, format!("{how}under `{key}` of a Secret")))
}

/// Base64 with or without padding; line breaks do not count. `None` for anything else, or if it is not a
/// text.
fn decode(text: &str) -> Option<String> {
    const LENIENT: GeneralPurpose = GeneralPurpose::new(
        &STANDARD,
        GeneralPurposeConfig::new()
            .with_decode_allow_trailing_bits(true)
            .with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let text: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    String::from_utf8(LENIENT.decode(text).ok()?).ok()
}

fn store(object: &Object<'_>, name: &str, rotation: Option<Fact<std::time::Duration>>, parts: &mut Parts) {
    parts.secret_stores.push(SecretStore {
        name: name.to_owned(),
        namespace: object.id.namespace.clone(),
        span: object.span,
        rotation,
        overlap: None,
        reload: None,
        said: Default::default(),
    });
}

fn maker(object: &Object<'_>, paths: &[&str], parts: &mut Parts) {
    let named = paths.iter().find_map(|path| object.at(path)?.as_str());
    // An issuer without ACME keeps no key of its own.
    if named.is_none() && object.id.kind.ends_with("Issuer") {
        return;
    }
    let name = named.unwrap_or(&object.id.name);
    exists(object, name, parts);
    let rotation = match object.id.kind.as_str() {
        // cert-manager renews before the end: the effective lifetime of a certificate is the rest.
        "Certificate" => {
            let before = duration(object.at("spec/renewBefore"));
            duration(object.at("spec/duration")).map(|life| {
                let spare = before.map_or_else(|| life.value / 3, |f| f.value);
                life.map(|l| l.saturating_sub(spare))
            })
        }
        "VaultDynamicSecret" => duration(object.at("spec/refreshAfter")),
        _ => None,
    };
    store(object, name, rotation, parts);
    if let Some(targets) = object.at("spec/rolloutRestartTargets")
        && let Some(last) = parts.secret_stores.last_mut()
    {
        last.reload = Some(Fact::declared(!targets.items().is_empty(), targets.span));
    }
}

/// A class of the CSI driver; the Secrets that it copies to exist too.
fn provider_class(object: &Object<'_>, parts: &mut Parts) {
    exists(object, &object.id.name, parts);
    for copy in object.at("spec/secretObjects").map_or(&[][..], Node::items) {
        if let Some(name) = text(copy, "secretName") {
            exists(object, &name.value, parts);
        }
    }
}

/// Kinds of [`ConfigObject`] that a reference of this kind may lead to.
pub(crate) fn leads_to(kind: DanglingKind, object: &str) -> bool {
    match kind {
        DanglingKind::ConfigMap | DanglingKind::ConfigMapKey => object == "ConfigMap",
        DanglingKind::ServiceAccount => object == "ServiceAccount",
        DanglingKind::Claim => object == "PersistentVolumeClaim",
        DanglingKind::Secret => !matches!(object, "ConfigMap" | "ServiceAccount" | "PersistentVolumeClaim"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

    #[test]
    fn a_config_map_keeps_its_entries_and_reports_secrets_in_them() {
        let env = read(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  LOG_LEVEL: info\n  DB_PASSWORD: h7Gk2pQ9\n",
        );
        let c = &env.config_objects[0];
        assert!(c.complete);
        assert_eq!(c.data["LOG_LEVEL"].value, "info");
        assert_eq!(env.secret_literals.len(), 1);
        let env = read("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nbinaryData: {a: AAAA}\n");
        assert!(!env.config_objects[0].complete);
    }

    #[test]
    fn a_secret_with_values_is_in_clear_and_its_values_are_not_kept() {
        // aDdHazJwUTk= is h7Gk2pQ9, ZGIuZXhhbXBsZQ== is db.example.
        let env = read(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {password: aDdHazJwUTk=, host: ZGIuaW50ZXJuYWw=, tls.crt: aDdHazJwUTk=}\nstringData: {token: \"${TOKEN}\", config: h7Gk2pQ9vL9xT4mN7, empty: \"\"}\n",
        );
        let names: Vec<&str> = env.secret_literals.iter().map(|l| l.name.as_str()).collect();
        assert_eq!(names, ["password", "config"]);
        let data = &env.config_objects[0].data;
        assert_eq!(data["host"].value, "db.internal");
        assert_eq!(data["password"].value, "");
        assert_eq!(env.secret_stores[0].name, "s");
    }

    #[test]
    fn not_every_key_of_a_secret_is_a_secret() {
        let found = |text: &str| -> Vec<(String, bool)> {
            let env = read(&format!(
                "apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\n{text}"
            ));
            let literals = env.secret_literals.iter();
            literals.map(|l| (l.name.clone(), l.doubtful)).collect()
        };
        let none = [
            "stringData: {PROTOCOL: http, FNAME: admin, Retention: 1d, endPoint: 'https://s3.example.net', admin: admin, bucket: shop-files-2}",
            "stringData: {db_host: a1b2c3d4e5f6g7h8.db.example.net, id: 3f2b8c1e-7a41-4d0e-9b1a-2c4d5e6f7a8b}",
            "stringData:\n  alertmanager.yaml: |\n    route: {receiver: default}\n    receivers: [{name: default}]\n",
            "stringData:\n  app.ini: |\n    # password = h7Gk2pQ9vL\n    port = 8080\n",
            "stringData: {CLIENT_SECRET: SECRET, access_key: my_access_key, secret_key: SECRET_KEY}",
        ];
        for text in none {
            assert_eq!(found(text), [], "{text}");
        }
        for (text, name) in [
            (
                "stringData: {DATABASE_URL: 'postgresql://app:h7Gk2pQ9@db/app'}",
                "DATABASE_URL",
            ),
            (
                "stringData:\n  app.ini: |\n    port = 8080\n    password = h7Gk2pQ9vL\n",
                "app.ini",
            ),
            (
                "stringData:\n  a.sql: |\n    CREATE USER 'a'@'%' IDENTIFIED BY 'h7Gk2pQ9';\n",
                "a.sql",
            ),
            (
                "stringData:\n  .dockerconfigjson: '{\"auths\": {\"r.example.net\": {\"auth\": \"dXNlcjpoN0drMnBROQ==\"}}}'\n",
                ".dockerconfigjson",
            ),
            ("stringData: {pepper: h7Gk2pQ9vL9xT4mN7}", "pepper"),
        ] {
            assert_eq!(found(text), [(name.to_owned(), false)], "{text}");
        }
        assert_eq!(
            found("stringData: {API_KEY: changeme, DB_PASSWORD: CHANGE-ME}"),
            []
        );
    }

    #[test]
    fn values_encrypted_by_sops_are_not_in_clear() {
        let env = read(
            "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {password: 'ENC[AES256_GCM,data:x]'}\nsops: {version: 3}\n",
        );
        assert!(env.secret_literals.is_empty());
    }

    #[test]
    fn controllers_make_secrets_with_the_stated_names() {
        let env = read(
            "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata: {name: a}\nspec: {target: {name: a-out}}\n---\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: b}\nspec: {encryptedData: {x: AgB}}\n---\napiVersion: cert-manager.io/v1\nkind: Certificate\nmetadata: {name: c}\nspec: {secretName: c-tls, duration: 2160h, renewBefore: 360h}\n---\napiVersion: cert-manager.io/v1\nkind: Issuer\nmetadata: {name: d}\nspec: {ca: {secretName: x}}\n---\napiVersion: secrets-store.csi.x-k8s.io/v1\nkind: SecretProviderClass\nmetadata: {name: e}\nspec: {secretObjects: [{secretName: e-copy}]}\n",
        );
        let names: Vec<&str> = env.config_objects.iter().map(|o| o.id.name.as_str()).collect();
        assert_eq!(names, ["a-out", "b", "c-tls", "e", "e-copy"]);
        // 2160 h of life, renewed 360 h before its end: 1800 h.
        let rotation = env.secret_stores[2].rotation.as_ref().unwrap();
        assert_eq!(rotation.value.as_secs(), 1800 * 3600);
    }

    #[test]
    fn base64_decodes_like_the_standard() {
        // RFC 4648, section 10.
        for (text, wanted) in [
            ("", ""),
            ("Zg==", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
            ("Zm9vYmFy", "foobar"),
            ("Zm9v\nYg", "foob"),
        ] {
            assert_eq!(decode(text).as_deref(), Some(wanted), "{text}");
        }
        assert_eq!(decode("a-b"), None);
        // Six bits are not a byte, and padding is only at the end.
        assert_eq!((decode("Z"), decode("Zg==Zg==")), (None, None));
        assert_eq!(decode("//79"), None);
    }
}
