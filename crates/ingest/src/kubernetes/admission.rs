//! Policies that admit or refuse workloads: which images may run, and whose signatures are verified.
//! Kyverno, Kubernetes' own ValidatingAdmissionPolicy, and Gatekeeper's list of allowed repositories.

use super::object::{Object, text};
use crate::facts::NodeFacts as _;
use cofferdam_model::images::AdmissionPolicy;
use cofferdam_model::{Fact, Parts};
use cofferdam_syntax::tree::Node;

/// Reads a policy; returns whether the object is one.
pub(super) fn interpret(object: &Object<'_>, parts: &mut Parts) -> bool {
    match (object.group, object.id.kind.as_str()) {
        ("kyverno.io", "ClusterPolicy" | "Policy") => kyverno(object, parts),
        ("policies.kyverno.io", "ImageValidatingPolicy") => image_validating(object, parts),
        ("policies.kyverno.io", "ValidatingPolicy")
        | ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => validating(object, parts),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding") => binding(object, parts),
        ("constraints.gatekeeper.sh", kind) => gatekeeper(object, kind, parts),
        _ => return false,
    }
    true
}

fn policy(object: &Object<'_>, name: String) -> AdmissionPolicy {
    AdmissionPolicy {
        name,
        span: object.span,
        enforced: None,
        allowed_images: Vec::new(),
        verifies_signatures: None,
        verified_images: Vec::new(),
        message: None,
    }
}

/// Kyverno's rules are cumulative, and each image must satisfy all of them: if there are several, every rule
/// about images is a separate policy.
fn kyverno(object: &Object<'_>, parts: &mut Parts) {
    let action = object
        .at("spec/validationFailureAction")
        .or_else(|| object.at("spec/failureAction"));
    let mut read: Vec<AdmissionPolicy> = Vec::new();
    for rule in object.at("spec/rules").map_or(&[][..], Node::items) {
        if rule.get("validate").is_some() || rule.get("verifyImages").is_some() {
            read.push(kyverno_rule(object, rule, action));
        }
    }
    let speaks = |p: &AdmissionPolicy| !p.allowed_images.is_empty() || p.verifies_signatures.is_some();
    if read.iter().filter(|p| speaks(p)).count() > 1 {
        parts
            .admission_policies
            .extend(read.into_iter().filter(|p| speaks(p)));
        return;
    }
    let at = read.iter().position(speaks).unwrap_or(0);
    if at < read.len() {
        let mut one = read.swap_remove(at);
        one.name.clone_from(&object.id.name);
        parts.admission_policies.push(one);
    }
}

fn kyverno_rule(object: &Object<'_>, rule: &Node, action: Option<&Node>) -> AdmissionPolicy {
    let name = rule.get("name").and_then(Node::as_str).unwrap_or_default();
    let mut policy = policy(object, format!("{}/{name}", object.id.name));
    let validate = rule.get("validate");
    let verify = rule.get("verifyImages").map_or(&[][..], Node::items);
    let own = validate
        .and_then(|v| v.get("failureAction"))
        .or_else(|| verify.iter().find_map(|v| v.get("failureAction")));
    policy.enforced = match own.or(action) {
        Some(node) => node.fact(|t| Some(t.eq_ignore_ascii_case("enforce"))),
        None => Some(Fact::assumed(
            false,
            format!("policy {} only audits, Kyverno's default", object.id.name),
        )),
    };
    if let Some(validate) = validate {
        policy.message = text(validate, "message");
        for key in ["pattern", "anyPattern", "foreach"] {
            if let Some(node) = validate.get(key) {
                patterns(node, false, &mut policy.allowed_images);
            }
        }
        if let Some(deny) = validate.get("deny") {
            denied(deny, &mut policy.allowed_images);
        }
        if let Some(cel) = validate.get("cel") {
            expressions(cel.get("expressions"), &mut policy);
        }
        // A rule about images that names them only in its message.
        if policy.allowed_images.is_empty()
            && mentions_images(validate)
            && let Some(message) = &policy.message
        {
            policy.allowed_images = registries_in(message);
        }
    }
    if !verify.is_empty() {
        policy.verifies_signatures = Some(Fact::declared(true, rule.span));
    }
    for node in verify {
        let references = node.get("imageReferences").map_or(&[][..], Node::items);
        let single = node.get("image");
        policy
            .verified_images
            .extend(references.iter().chain(single).filter_map(Node::text_fact));
    }
    policy
}

/// Image patterns of a Kyverno pattern, wherever it contains a key `image` (with or without an anchor).
fn patterns(node: &Node, is_image: bool, found: &mut Vec<Fact<String>>) {
    if let Some(written) = node.as_str() {
        if is_image {
            // `!` refuses instead of allowing.
            let parts = written.split('|').map(str::trim);
            found.extend(
                parts
                    .filter(|p| !p.is_empty() && !p.starts_with('!') && p.contains(['/', '.']))
                    .map(|p| Fact::declared(p.to_owned(), node.span)),
            );
        }
        return;
    }
    for item in node.items() {
        patterns(item, is_image, found);
    }
    for (key, value) in node.entries() {
        match &*key.text {
            "deny" => denied(value, found),
            "list" | "preconditions" | "message" => {}
            key => patterns(value, anchored(key) == "image", found),
        }
    }
}

/// A key without Kyverno's anchor: `=(image)` is `image`.
fn anchored(key: &str) -> &str {
    key.split_once('(')
        .map_or(key, |(_, inner)| inner.strip_suffix(')').unwrap_or(inner))
}

/// Conditions that deny anything outside a list: the list is what is allowed.
fn denied(node: &Node, found: &mut Vec<Fact<String>>) {
    if let (Some(key), Some(operator)) = (
        node.get("key").and_then(Node::as_str),
        node.get("operator").and_then(Node::as_str),
    ) {
        let allows = ["notin", "anynotin", "allnotin", "notequals", "notequal"]
            .iter()
            .any(|o| operator.eq_ignore_ascii_case(o));
        let lower = key.to_ascii_lowercase();
        if allows
            && (lower.contains("image") || lower.contains("registry") || lower.contains("element"))
            && let Some(value) = node.get("value")
        {
            let values = if value.items().is_empty() {
                std::slice::from_ref(value)
            } else {
                value.items()
            };
            found.extend(
                values
                    .iter()
                    .filter_map(Node::text_fact)
                    .filter(|f| f.value.contains(['/', '.']))
                    .map(|f| {
                        // A registry alone allows everything in it.
                        f.map(|t| if t.contains('/') { t } else { format!("{t}/*") })
                    }),
            );
        }
        return;
    }
    for item in node.items() {
        denied(item, found);
    }
    for (_, value) in node.entries() {
        denied(value, found);
    }
}

fn mentions_images(node: &Node) -> bool {
    let here = node.as_str().is_some_and(|t| {
        let lower = t.to_ascii_lowercase();
        lower.contains("image") || lower.contains("registry")
    });
    here || node.items().iter().any(mentions_images)
        || node
            .entries()
            .any(|(key, value)| anchored(&key.text) == "image" || mentions_images(value))
}

/// Words of a message that look like a registry or a path in one, as patterns.
fn registries_in(message: &Fact<String>) -> Vec<Fact<String>> {
    let Some(span) = message.span() else {
        return Vec::new();
    };
    let edges = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '/' | '*'));
    let words = message
        .value
        .split(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '|'));
    words
        .map(|word| word.trim_matches(edges))
        .filter(|word| {
            let host = word.split('/').next().unwrap_or_default();
            word.contains('/')
                && !word.contains("//")
                && host.contains('.')
                && host.rsplit('.').next().is_some_and(|top| top.len() >= 2)
                && host
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':'))
        })
        .map(|word| {
            let pattern = match word.strip_suffix('/') {
                Some(path) => format!("{path}/*"),
                None => word.to_owned(),
            };
            Fact::inferred(pattern, span, "the policy names it only in its message")
        })
        .collect()
}

/// Kyverno's newer policy that verifies signatures.
fn image_validating(object: &Object<'_>, parts: &mut Parts) {
    let mut policy = policy(object, object.id.name.clone());
    policy.enforced = actions(object.at("spec/validationActions"));
    policy.verifies_signatures = Some(Fact::declared(true, object.span));
    for reference in object
        .at("spec/matchImageReferences")
        .map_or(&[][..], Node::items)
    {
        policy.verified_images.extend(text(reference, "glob"));
    }
    parts.admission_policies.push(policy);
}

fn actions(node: Option<&Node>) -> Option<Fact<bool>> {
    let node = node?;
    let denies = node
        .items()
        .iter()
        .any(|a| a.as_str().is_some_and(|a| a.eq_ignore_ascii_case("deny")));
    Some(Fact::declared(denies, node.span))
}

/// Kubernetes' own policies contain their requirements as expressions, and bindings decide whether they
/// refuse.
fn validating(object: &Object<'_>, parts: &mut Parts) {
    let mut read = policy(object, object.id.name.clone());
    read.enforced = actions(object.at("spec/validationActions"));
    expressions(object.at("spec/validations"), &mut read);
    match parts.admission_policies.iter_mut().find(|p| p.name == read.name) {
        Some(bound) => {
            read.enforced = read.enforced.or(bound.enforced.take());
            *bound = read;
        }
        None => parts.admission_policies.push(read),
    }
}

fn expressions(list: Option<&Node>, policy: &mut AdmissionPolicy) {
    for validation in list.map_or(&[][..], Node::items) {
        policy.message = policy.message.take().or_else(|| text(validation, "message"));
        let Some(expression) = validation.get("expression") else {
            continue;
        };
        let Some(written) = expression.as_str().filter(|t| t.contains("image")) else {
            continue;
        };
        for literal in quoted_in(written).filter(|l| l.contains('/')) {
            let prefix = written.contains("startsWith");
            let pattern = if prefix {
                format!("{literal}*")
            } else {
                literal.to_owned()
            };
            policy
                .allowed_images
                .push(Fact::declared(pattern, expression.span));
        }
    }
}

/// Texts in quotes.
fn quoted_in(text: &str) -> impl Iterator<Item = &str> {
    let quote = if text.contains('"') { '"' } else { '\'' };
    text.split(quote).skip(1).step_by(2)
}

fn binding(object: &Object<'_>, parts: &mut Parts) {
    let Some(name) = object.spec().and_then(|s| text(s, "policyName")) else {
        return;
    };
    let enforced = actions(object.at("spec/validationActions"));
    match parts.admission_policies.iter_mut().find(|p| p.name == name.value) {
        Some(bound) => bound.enforced = bound.enforced.take().or(enforced),
        None => {
            let mut waiting = policy(object, name.value);
            waiting.enforced = enforced;
            parts.admission_policies.push(waiting);
        }
    }
}

fn gatekeeper(object: &Object<'_>, kind: &str, parts: &mut Parts) {
    let mut read = policy(object, object.id.name.clone());
    read.enforced = match object.at("spec/enforcementAction") {
        Some(node) => node.fact(|t| Some(t.eq_ignore_ascii_case("deny"))),
        None => Some(Fact::assumed(
            true,
            format!("constraint {} denies, Gatekeeper's default", object.id.name),
        )),
    };
    if kind.to_ascii_lowercase().contains("allowedrepos") {
        let repos = object.at("spec/parameters/repos").map_or(&[][..], Node::items);
        // A repository is a prefix there.
        read.allowed_images = repos
            .iter()
            .filter_map(Node::text_fact)
            .map(|f| f.map(|t| if t.ends_with('*') { t } else { format!("{t}*") }))
            .collect();
    }
    parts.admission_policies.push(read);
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;

    fn images(policy: &AdmissionPolicy) -> Vec<&str> {
        policy.allowed_images.iter().map(|f| f.value.as_str()).collect()
    }

    fn kyverno(rule: &str) -> AdmissionPolicy {
        let rule = rule.replace('\n', "\n      ");
        let mut env = read(&format!(
            "apiVersion: kyverno.io/v1\nkind: ClusterPolicy\nmetadata: {{name: images}}\nspec:\n  validationFailureAction: Enforce\n  rules:\n    - name: r\n      {rule}\n"
        ));
        assert_eq!(env.admission_policies.len(), 1);
        env.admission_policies.remove(0)
    }

    #[test]
    fn patterns_list_the_allowed_images() {
        let p = kyverno(
            "validate:\n  message: no\n  pattern:\n    spec:\n      =(initContainers): [{image: 'r.io/base/*'}]\n      containers: [{image: 'r.io/a/* | r.io/b/* | !*:latest'}]",
        );
        assert_eq!(images(&p), ["r.io/base/*", "r.io/a/*", "r.io/b/*"]);
        assert_eq!(
            (p.name.as_str(), p.enforced.as_ref().unwrap().value),
            ("images", true)
        );
    }

    #[test]
    fn conditions_that_deny_other_images_list_the_allowed_ones() {
        let p = kyverno(
            "validate:\n  deny:\n    conditions:\n      any:\n        - {key: '{{ images.containers.*.registry }}', operator: AnyNotIn, value: [r.io, 'q.io/team/*']}",
        );
        assert_eq!(images(&p), ["r.io/*", "q.io/team/*"]);
        let p = kyverno(
            "validate:\n  foreach:\n    - list: request.object.spec.containers\n      pattern: {image: 'r.io/*'}",
        );
        assert_eq!(images(&p), ["r.io/*"]);
    }

    #[test]
    fn allowed_images_are_taken_from_the_message_if_nothing_else_names_them() {
        let p = kyverno(
            "validate:\n  message: \"must use FIPS-compliant base image from registry.example.net/newrelic/ or registry.example.net/platform-team/.\"\n  deny: {}",
        );
        assert_eq!(
            images(&p),
            [
                "registry.example.net/newrelic/*",
                "registry.example.net/platform-team/*"
            ]
        );
        assert!(matches!(
            p.allowed_images[0].source,
            cofferdam_model::Source::Inferred { .. }
        ));
        // A policy about something else that mentions an address allows no images.
        let p = kyverno(
            "validate: {message: 'see wiki.example.net/labels', pattern: {metadata: {labels: {app: '?*'}}}}",
        );
        assert!(p.allowed_images.is_empty());
    }

    #[test]
    fn signatures_are_verified_for_the_named_images() {
        let p = kyverno("verifyImages:\n  - imageReferences: ['r.io/*']\n    attestors: []");
        assert_eq!(p.verifies_signatures.as_ref().map(|f| f.value), Some(true));
        assert_eq!(p.verified_images[0].value, "r.io/*");
    }

    #[test]
    fn several_rules_about_images_are_several_policies() {
        let env = read(
            "apiVersion: kyverno.io/v1\nkind: Policy\nmetadata: {name: p}\nspec:\n  rules:\n    - {name: a, validate: {failureAction: Enforce, pattern: {spec: {containers: [{image: 'r.io/*'}]}}}}\n    - {name: b, verifyImages: [{imageReferences: ['*']}]}\n    - {name: c, validate: {pattern: {metadata: {labels: {x: y}}}}}\n",
        );
        let names: Vec<(&str, bool)> = env
            .admission_policies
            .iter()
            .map(|p| (p.name.as_str(), p.enforced.as_ref().unwrap().value))
            .collect();
        assert_eq!(names, [("p/a", true), ("p/b", false)]);
    }

    #[test]
    fn a_binding_says_whether_a_validating_policy_refuses_in_either_order() {
        let policy = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicy\nmetadata: {name: p}\nspec: {validations: [{expression: \"object.spec.containers.all(c, c.image.startsWith('r.io/'))\", message: no}]}\n";
        let binding = "apiVersion: admissionregistration.k8s.io/v1\nkind: ValidatingAdmissionPolicyBinding\nmetadata: {name: b}\nspec: {policyName: p, validationActions: [Deny]}\n";
        for text in [
            format!("{policy}---\n{binding}"),
            format!("{binding}---\n{policy}"),
        ] {
            let env = read(&text);
            let [p] = env.admission_policies.as_slice() else {
                panic!("one")
            };
            assert_eq!(
                (images(p), p.enforced.as_ref().unwrap().value),
                (vec!["r.io/*"], true)
            );
        }
    }

    #[test]
    fn gatekeepers_repositories_are_prefixes() {
        let env = read(
            "apiVersion: constraints.gatekeeper.sh/v1beta1\nkind: K8sAllowedRepos\nmetadata: {name: repos}\nspec: {enforcementAction: dryrun, parameters: {repos: ['r.io/']}}\n",
        );
        let p = &env.admission_policies[0];
        assert_eq!(
            (images(p), p.enforced.as_ref().unwrap().value),
            (vec!["r.io/*"], false)
        );
    }
}
