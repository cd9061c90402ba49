//! The rules as a resource of the Prometheus operator.

use super::rules::{Group, body};

pub(crate) const RULE: &str = "docs/deploy/kubernetes/components/prometheus/prometheus-rule.yaml";

const HEAD: &str = "\
# Written by `cargo xtask observe`: the rules of docs/deploy/prometheus.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: herbariumd
spec:
";

pub(crate) fn yaml(groups: &[Group]) -> String {
    format!("{HEAD}{}", body(groups, 2))
}
