//! Metrics and alerts that are named outside of what is generated: in the text of pages, and in
//! the routes of the Alertmanager.

use super::Inventory;

pub(super) const ROUTES: &str = "docs/deploy/alertmanager/alertmanager.yml";

/// Metrics that a page names between backticks and nobody has. Crates are named so, too.
pub(super) fn metrics(page: &str, inventory: &Inventory, crates: &[String]) -> Vec<String> {
    let quoted = page.split('`').skip(1).step_by(2);
    let names = quoted.filter_map(|text| {
        let end = text.find(|it: char| !it.is_ascii_alphanumeric() && it != '_');
        let (name, rest) = text.split_at(end.unwrap_or(text.len()));
        (name.starts_with("herbarium_") && (rest.is_empty() || rest.starts_with('{')))
            .then_some(name)
    });
    let unknown = names.filter(|name| {
        let is_crate = crates.iter().any(|it| it.replace('-', "_") == *name);
        !is_crate && inventory.of_series(name).is_none() && inventory.get(name).is_none()
    });
    unknown.map(|name| format!("no metric is called {name}")).collect()
}

/// Alerts that the routes are about and no rule has: they would match nothing, without a word.
pub(super) fn alerts(routes: &str, alerts: &[&str]) -> Vec<String> {
    let matchers = routes.split("'alertname ").skip(1).filter_map(|it| it.split('"').nth(1));
    let unknown = matchers.filter(|pattern| !alerts.iter().any(|alert| is_of(alert, pattern)));
    unknown.map(|pattern| format!("no alert is called {pattern}")).collect()
}

/// As far as patterns are `a.*b`.
fn is_of(alert: &str, pattern: &str) -> bool {
    match pattern.split_once(".*") {
        None => alert == pattern,
        Some((start, end)) => alert.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_between_backticks_is_one_that_there_is() {
        let page = "| `herbarium_a_total` | counter | count |  | A. |\n\
                    | `herbarium_b_seconds` | histogram | seconds |  | B. |\n";
        let inventory = Inventory::of_page(page).expect("a page");
        let check = |text: &str, expected: &[&str]| {
            let crates = ["herbarium-store".to_owned()];
            assert_eq!(metrics(text, &inventory, &crates), expected, "{text}");
        };
        check(
            "watch `herbarium_a_total`, `herbarium_a_total{x=\"y\"}`, `herbarium_b_seconds`",
            &[],
        );
        check("`herbarium_store`, `herbarium_http::front`, herbarium_c", &[]);
        check("watch `herbarium_c_total`", &["no metric is called herbarium_c_total"]);
    }

    #[test]
    fn an_alert_of_a_route_is_one_that_there_is() {
        let check = |matcher: &str, expected: &[&str]| {
            let routes = format!("source_matchers: ['alertname {matcher}']");
            assert_eq!(alerts(&routes, &["HerbariumDown", "HerbariumABurnsFast"]), expected);
        };
        check("= \"HerbariumDown\"", &[]);
        check("=~ \"Herbarium.*BurnsFast\"", &[]);
        check("= \"HerbariumGone\"", &["no alert is called HerbariumGone"]);
        check("=~ \"Herbarium.*BurnsSlow\"", &["no alert is called Herbarium.*BurnsSlow"]);
    }
}
