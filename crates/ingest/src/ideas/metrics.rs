//! Sources of metrics. The shape: a scrape interval, or a path beside a port.

use super::Section;
use super::fields::{Bare, field, is_off, text, time};
use cofferdam_model::Parts;
use cofferdam_model::alerts::MetricSource;

pub(super) fn read(section: &Section<'_>, parts: &mut Parts) -> bool {
    let node = section.node;
    if node.as_map().is_none()
        || is_off(node)
        || section.is_under(&["autoscaling", "hpa", "alerts", "autoscaler"])
    {
        return false;
    }
    let interval = time(
        node,
        &[
            "scrapeinterval",
            "scrapefrequency",
            "collectioninterval",
            "exportinterval",
            "reportinginterval",
        ],
        Bare::Seconds,
    );
    let path = text(node, &["path", "metricspath", "endpoint"]).filter(|p| p.value.starts_with('/'));
    let port = field(node, &["port", "metricsport"]).and_then(|(_, n)| n.as_u32());
    if interval.is_none() && (path.is_none() || port.is_none()) {
        return false;
    }
    let name = match &section.owner.name {
        Some(owner) => format!("metrics of {owner}"),
        None => format!("metrics ({})", section.place.path.display()),
    };
    let source = MetricSource {
        name,
        span: section.key.span,
        interval,
        metrics: Vec::new(),
        reads: Vec::new(),
        services: None,
    };
    match parts.metric_sources.iter_mut().find(|s| s.name == source.name) {
        Some(known) => {
            if source.interval.is_some() {
                *known = source;
            }
        }
        None => parts.metric_sources.push(source),
    }
    true
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;

    #[test]
    fn a_scrape_interval_or_a_path_with_a_port_is_a_source() {
        assert_eq!(
            read("metrics: {scrape_interval: 30s, path: /metrics}").metric_sources[0]
                .interval
                .as_ref()
                .unwrap()
                .value
                .as_secs(),
            30
        );
        assert_eq!(
            read("monitoring: {prometheus: {port: 9090, path: /metrics}}")
                .metric_sources
                .len(),
            1
        );
        for text in [
            "metrics: {enabled: true}",
            "metrics: [cpu]",
            "metrics: {enabled: false, scrape_interval: 30s}",
            "autoscaling: {max: 3, metrics: {path: /x, port: 1}}",
        ] {
            assert!(read(text).metric_sources.is_empty(), "{text}");
        }
    }
}
