#!/usr/bin/env python3
"""Writes crates/ingest/src/kubernetes/schema/data/builtin.txt: the fields of Kubernetes' own kinds.

Where the facts come from: the published OpenAPI definitions of Kubernetes 1.25 to 1.37 as the Python
package `kubernetes-validate` carries them (Apache-2.0). Only names, types and the mark "required" are
taken, no text.

    pip download --no-deps kubernetes-validate==1.37.0 && unzip kubernetes_validate-*.whl -d DIR
    python3 tools/kubernetes_fields.py DIR/kubernetes_validate/kubernetes-json-schema

A field is known when any of these versions has it; it is required when all of them say so and the API
server really refuses its absence (OpenAPI also marks fields whose absence is read as zero or empty:
NOT_ENFORCED). Values of closed sets are not in the published definitions; ENUMS gives those that the
server's validation (pkg/apis/*/validation) refuses to leave.
"""

import json
import pathlib
import re
import sys

VERSIONS = range(25, 38)
OUT = pathlib.Path(__file__).parent.parent / "crates/ingest/src/kubernetes/schema/data/builtin.txt"

# Groups whose objects people keep in files. Requests (reviews, evictions) and objects that only the system
# writes are left out, and so are the alpha and beta versions, whose fields still change.
GROUPS = {
    "": ["v1"],
    "admissionregistration.k8s.io": ["v1"],
    "apiextensions.k8s.io": ["v1"],
    "apiregistration.k8s.io": ["v1"],
    "apps": ["v1"],
    "autoscaling": ["v1", "v2"],
    "batch": ["v1"],
    "coordination.k8s.io": ["v1"],
    "discovery.k8s.io": ["v1"],
    "networking.k8s.io": ["v1"],
    "node.k8s.io": ["v1"],
    "policy": ["v1"],
    "rbac.authorization.k8s.io": ["v1"],
    "scheduling.k8s.io": ["v1"],
    "storage.k8s.io": ["v1"],
}
SKIPPED_KINDS = {"Binding", "ComponentStatus", "Event", "Eviction", "Scale", "Node", "ControllerRevision",
                 "CSINode", "VolumeAttachment", "CSIStorageCapacity", "IPAddress", "PodTemplate", "Status"}

# Types whose value is a scalar with a syntax of its own, or anything at all.
SCALARS = {
    "io.k8s.apimachinery.pkg.util.intstr.IntOrString": "intstr",
    "io.k8s.apimachinery.pkg.api.resource.Quantity": "quantity",
    "io.k8s.apimachinery.pkg.apis.meta.v1.Time": "string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime": "string",
    "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1": "any",
    "io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry": "any",
    "io.k8s.apimachinery.pkg.runtime.RawExtension": "any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON": "any",
    "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps": "any",
}

# Marked required, but the server reads absence as zero, false or empty and accepts it.
NOT_ENFORCED = {
    "apiextensions.v1.CustomResourceDefinitionVersion": {"served", "storage"},
    "batch.v1.PodFailurePolicy": {"rules"},
    "batch.v1.PodFailurePolicyOnExitCodesRequirement": {"values"},
    "core.v1.HTTPHeader": {"value"},
    "core.v1.ISCSIPersistentVolumeSource": {"lun"},
    "core.v1.ISCSIVolumeSource": {"lun"},
    "core.v1.LimitRangeSpec": {"limits"},
    "core.v1.PreferredSchedulingTerm": {"preference"},
    "core.v1.SleepAction": {"seconds"},
    "core.v1.Sysctl": {"value"},
    "storage.v1.CSIDriver": {"spec"},
    "storage.v1.TokenRequest": {"audience"},
    "networking.v1.ParentReference": {"name", "resource"},
}
# Not marked, but their contents are required, so the server refuses their absence; or the server's
# validation requires them explicitly.
ENFORCED = {
    "apps.v1.DaemonSet": {"spec"},
    "apps.v1.Deployment": {"spec"},
    "apps.v1.ReplicaSet": {"spec"},
    "apps.v1.StatefulSet": {"spec"},
    "autoscaling.v1.HorizontalPodAutoscaler": {"spec"},
    "autoscaling.v2.HorizontalPodAutoscaler": {"spec"},
    "batch.v1.CronJob": {"spec"},
    "batch.v1.Job": {"spec"},
    "batch.v1.JobTemplateSpec": {"spec"},
    "core.v1.Container": {"image"},
    "core.v1.Pod": {"spec"},
    "core.v1.PodTemplateSpec": {"spec"},
    "networking.v1.Ingress": {"spec"},
}

POLICY = ["Always", "IfNotPresent", "Never"]
ENUMS = {
    "admissionregistration.v1.MutatingWebhook.failurePolicy": ["Fail", "Ignore"],
    "admissionregistration.v1.MutatingWebhook.matchPolicy": ["Equivalent", "Exact"],
    "admissionregistration.v1.MutatingWebhook.reinvocationPolicy": ["IfNeeded", "Never"],
    "admissionregistration.v1.MutatingWebhook.sideEffects": ["None", "NoneOnDryRun"],
    "admissionregistration.v1.ValidatingWebhook.failurePolicy": ["Fail", "Ignore"],
    "admissionregistration.v1.ValidatingWebhook.matchPolicy": ["Equivalent", "Exact"],
    "admissionregistration.v1.ValidatingWebhook.sideEffects": ["None", "NoneOnDryRun"],
    "apiextensions.v1.CustomResourceDefinitionSpec.scope": ["Cluster", "Namespaced"],
    "apiextensions.v1.CustomResourceConversion.strategy": ["None", "Webhook"],
    "apps.v1.DaemonSetUpdateStrategy.type": ["OnDelete", "RollingUpdate"],
    "apps.v1.DeploymentStrategy.type": ["Recreate", "RollingUpdate"],
    "apps.v1.StatefulSetSpec.podManagementPolicy": ["OrderedReady", "Parallel"],
    "apps.v1.StatefulSetUpdateStrategy.type": ["OnDelete", "RollingUpdate"],
    "autoscaling.v2.HPAScalingPolicy.type": ["Percent", "Pods"],
    "autoscaling.v2.HPAScalingRules.selectPolicy": ["Disabled", "Max", "Min"],
    "autoscaling.v2.MetricSpec.type": ["ContainerResource", "External", "Object", "Pods", "Resource"],
    "autoscaling.v2.MetricTarget.type": ["AverageValue", "Utilization", "Value"],
    "batch.v1.CronJobSpec.concurrencyPolicy": ["Allow", "Forbid", "Replace"],
    "batch.v1.JobSpec.completionMode": ["Indexed", "NonIndexed"],
    "core.v1.Container.imagePullPolicy": POLICY,
    "core.v1.Container.terminationMessagePolicy": ["FallbackToLogsOnError", "File"],
    "core.v1.ContainerPort.protocol": ["SCTP", "TCP", "UDP"],
    "core.v1.HTTPGetAction.scheme": ["HTTP", "HTTPS"],
    "core.v1.LimitRangeItem.type": None,
    "core.v1.NodeSelectorRequirement.operator": ["DoesNotExist", "Exists", "Gt", "In", "Lt", "NotIn"],
    "core.v1.PersistentVolumeClaimSpec.accessModes": [
        "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"],
    "core.v1.PersistentVolumeClaimSpec.volumeMode": ["Block", "Filesystem"],
    "core.v1.PersistentVolumeSpec.accessModes": [
        "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"],
    "core.v1.PersistentVolumeSpec.persistentVolumeReclaimPolicy": ["Delete", "Recycle", "Retain"],
    "core.v1.PersistentVolumeSpec.volumeMode": ["Block", "Filesystem"],
    "core.v1.PodSecurityContext.fsGroupChangePolicy": ["Always", "OnRootMismatch"],
    "core.v1.PodSpec.dnsPolicy": ["ClusterFirst", "ClusterFirstWithHostNet", "Default", "None"],
    "core.v1.PodSpec.preemptionPolicy": ["Never", "PreemptLowerPriority"],
    "core.v1.PodSpec.restartPolicy": ["Always", "Never", "OnFailure"],
    "core.v1.SeccompProfile.type": ["Localhost", "RuntimeDefault", "Unconfined"],
    "core.v1.ServicePort.protocol": ["SCTP", "TCP", "UDP"],
    "core.v1.ServiceSpec.externalTrafficPolicy": ["Cluster", "Local"],
    "core.v1.ServiceSpec.internalTrafficPolicy": ["Cluster", "Local"],
    "core.v1.ServiceSpec.ipFamilies": ["IPv4", "IPv6"],
    "core.v1.ServiceSpec.ipFamilyPolicy": ["PreferDualStack", "RequireDualStack", "SingleStack"],
    "core.v1.ServiceSpec.sessionAffinity": ["ClientIP", "None"],
    "core.v1.ServiceSpec.type": ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"],
    "core.v1.Toleration.effect": ["NoExecute", "NoSchedule", "PreferNoSchedule"],
    "core.v1.TopologySpreadConstraint.nodeAffinityPolicy": ["Honor", "Ignore"],
    "core.v1.TopologySpreadConstraint.nodeTaintsPolicy": ["Honor", "Ignore"],
    "core.v1.TopologySpreadConstraint.whenUnsatisfiable": ["DoNotSchedule", "ScheduleAnyway"],
    "core.v1.VolumeMount.mountPropagation": ["Bidirectional", "HostToContainer", "None"],
    "discovery.v1.EndpointSlice.addressType": ["FQDN", "IPv4", "IPv6"],
    "meta.v1.LabelSelectorRequirement.operator": ["DoesNotExist", "Exists", "In", "NotIn"],
    "networking.v1.HTTPIngressPath.pathType": ["Exact", "ImplementationSpecific", "Prefix"],
    "networking.v1.NetworkPolicyPort.protocol": ["SCTP", "TCP", "UDP"],
    "networking.v1.NetworkPolicySpec.policyTypes": ["Egress", "Ingress"],
    "policy.v1.PodDisruptionBudgetSpec.unhealthyPodEvictionPolicy": ["AlwaysAllow", "IfHealthyBudget"],
    "rbac.v1.RoleRef.kind": ["ClusterRole", "Role"],
    "rbac.v1.Subject.kind": ["Group", "ServiceAccount", "User"],
    "scheduling.v1.PriorityClass.preemptionPolicy": ["Never", "PreemptLowerPriority"],
    "storage.v1.StorageClass.volumeBindingMode": ["Immediate", "WaitForFirstConsumer"],
}


def short(name):
    """`io.k8s.api.apps.v1.Deployment` as `apps.v1.Deployment`."""
    return ".".join(name.split(".")[-3:])


def type_of(schema):
    """The type of a property in the table's own words."""
    if "$ref" in schema:
        name = schema["$ref"].split("/")[-1]
        return SCALARS.get(name) or ("any" if "JSONSchemaProps" in name else name)
    kinds = schema.get("type") or "any"
    kind = next(k for k in ([kinds] if isinstance(kinds, str) else kinds) if k != "null")
    if kind == "array":
        return "[" + type_of(schema["items"]) + "]"
    if kind == "object":
        inner = schema.get("additionalProperties")
        return "{" + type_of(inner) + "}" if isinstance(inner, dict) else "any"
    if kind == "integer":
        return schema.get("format", "int64")
    if kind == "string" and schema.get("format") == "byte":
        return "bytes"
    return {"string": "string", "boolean": "bool", "number": "number", "any": "any"}[kind]


def load(root):
    """For each version the definitions by full name."""
    for minor in VERSIONS:
        document = json.loads((root / f"v1.{minor}.0-local" / "_definitions.json").read_text())
        yield document.get("$defs") or document["definitions"]


def main(root):
    types, required, kinds, empty = {}, {}, {}, set()
    for definitions in load(root):
        for name, schema in definitions.items():
            fields = types.setdefault(name, {})
            for field, value in schema.get("properties", {}).items():
                fields[field] = type_of(value)
            marked = set(schema.get("required", []))
            required[name] = required.get(name, marked) & marked
            for gvk in schema.get("x-kubernetes-group-version-kind", []):
                wanted = gvk.get("version") in GROUPS.get(gvk.get("group", ""), [])
                ours = name.endswith("." + gvk["kind"]) and "metadata" in fields
                if wanted and ours and not gvk["kind"].endswith("List") and gvk["kind"] not in SKIPPED_KINDS:
                    group = gvk.get("group", "")
                    kinds[((group + "/") if group else "") + gvk["version"], gvk["kind"]] = name
    for name in kinds.values():
        if "status" in types[name]:
            types[name]["status"] = "any"
    reached, waiting = set(), list(kinds.values())
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        if not types[name]:
            empty.add(name)
        for value in types[name].values():
            waiting += [n for n in [value.strip("[]{}")] if n in types]
    names = {short(n): n for n in reached}
    assert len(names) == len(reached), "two types share a short name"
    out = ["# Fields of Kubernetes' own kinds, 1.25 to 1.37. Written by tools/kubernetes_fields.py; do not edit.",
           "# @kind APIVERSION KIND TYPE, or: @type NAME, then one line a field: NAME[!] TYPE (! is required).",
           "# [T] is a list, {T} a map, string=A|B a closed set, any is not looked into."]
    for (version, kind), name in sorted(kinds.items()):
        out.append(f"@kind {version} {kind} {short(name)}")
    unused = set(ENUMS)
    for label in sorted(names):
        full = names[label]
        out.append(f"@type {label}")
        must = (required[full] - NOT_ENFORCED.get(label, set())) | ENFORCED.get(label, set())
        for field, value in sorted(types[full].items()):
            if names.get(short(value.strip("[]{}"))) == value.strip("[]{}"):
                value = value.replace(value.strip("[]{}"), short(value.strip("[]{}")))
            key = f"{label}.{field}"
            if ENUMS.get(key):
                value = value.replace("string", "string=" + "|".join(ENUMS[key]))
            unused.discard(key)
            out.append(f"{field}{'!' if field in must else ''} {value}")
    assert not unused, f"values for fields that do not exist: {unused}"
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("\n".join(out) + "\n")
    print(f"{OUT}: {len(kinds)} kinds, {len(reached)} types, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
