//! Clusters and groups of ElastiCache.

use crate::facts::NodeFacts as _;
use crate::terraform::{Context, header, name_of, or_default};
use cofferdam_model::database::Cache;
use cofferdam_model::{Fact, Parts};
use cofferdam_render::hcl::Resource;
use cofferdam_syntax::tree::Node;

pub(super) fn caches(context: &Context<'_>, parts: &mut Parts) {
    for group in context.managed("aws_elasticache_replication_group") {
        let body = Some(&group.body);
        cache(
            group,
            "replication_group_id",
            or_default(
                body,
                "multi_az_enabled",
                Node::bool_fact,
                false,
                "multi_az_enabled is false, the AWS provider's default",
            ),
            parts,
        );
    }
    for cluster in context.managed("aws_elasticache_cluster") {
        // A member of a replication group is a part of that.
        if cluster.body.get("replication_group_id").is_none() {
            let alone = Fact::declared(false, header(cluster));
            cache(cluster, "cluster_id", Some(alone), parts);
        }
    }
}

fn cache(resource: &Resource, named_by: &str, multi_zone: Option<Fact<bool>>, parts: &mut Parts) {
    let name = name_of(resource, &[named_by]);
    parts.caches.push(Cache {
        span: name.span(),
        tier: resource.body.get("node_type").and_then(Node::text_fact),
        multi_zone,
        hosts: Vec::new(),
        name: name.value,
    });
}
