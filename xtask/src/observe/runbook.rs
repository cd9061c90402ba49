//! The page of operations: a section for each alert, and its queries.

use std::collections::BTreeSet;

use super::rules::Group;

/// What a section says, in this order.
const PARTS: &[&str] = &["**Means:**", "**Hurts:**", "**First:**", "**Mend:**", "**Ends:**"];

/// What is missing, and what is about nothing.
pub(crate) fn faults(page: &str, groups: &[Group]) -> Vec<String> {
    let mut found = Vec::new();
    let alerts: Vec<_> = groups
        .iter()
        .flat_map(|group| &group.rules)
        .filter(|rule| rule.alert.is_some())
        .map(|rule| rule.name.as_str())
        .collect();
    for alert in &alerts {
        match section(page, alert) {
            Some(section) => found.extend(gaps(alert, section)),
            None => found.push(format!("{}: no section '### {alert}'", super::PAGE)),
        }
    }
    let known: BTreeSet<_> = alerts.into_iter().collect();
    let titles = page.lines().filter_map(|line| line.strip_prefix("### Herbarium"));
    for title in titles.map(|rest| format!("Herbarium{rest}")) {
        if !known.contains(title.as_str()) {
            found.push(format!("{}: there is no alert {title}", super::PAGE));
        }
    }
    found
}

fn section<'a>(page: &'a str, alert: &str) -> Option<&'a str> {
    let (_, rest) = page.split_once(&format!("\n### {alert}\n"))?;
    Some(rest.split("\n## ").next().unwrap_or(rest).split("\n### ").next().unwrap_or(rest))
}

fn gaps(alert: &str, section: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = section;
    for part in PARTS {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => found.push(format!("{}: {alert}: no {part} in its place", super::PAGE)),
        }
    }
    let commands = commands(section).len();
    if commands != 3 {
        found.push(format!("{}: {alert}: expected 3 commands, found {commands}", super::PAGE));
    }
    found
}

/// All lines of shell on a page.
pub(crate) fn commands(page: &str) -> Vec<&str> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|it| it.split_once("```"));
    let lines = blocks.flat_map(|(block, _)| block.lines()).map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// The PromQL that is asked on the page: between quotes, after the server.
pub(crate) fn queries(page: &str) -> Vec<String> {
    let asked = commands(page).into_iter().filter_map(|line| {
        let (_, rest) = line.split_once("promtool query instant ")?;
        rest.split('\'').nth(1).map(str::to_owned)
    });
    asked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECTION: &str = "\n### A\n**Means:** x **Hurts:** x **First:**\n```sh\na\nb\nc\n```\n\
        **Mend:** x **Ends:** x\n### B\n";

    #[test]
    fn a_section_says_all_and_has_three_commands() {
        let check = |page: &str, expected: usize| {
            assert_eq!(gaps("A", section(page, "A").expect("a section")).len(), expected, "{page}");
        };
        check(SECTION, 0);
        check(&SECTION.replace("**Mend:**", ""), 1);
        check(&SECTION.replace("a\nb", "a"), 1);
        assert!(section(SECTION, "C").is_none());
    }

    #[test]
    fn queries_are_found_in_commands() {
        let page = "```sh\npromtool query instant http://127.0.0.1:9090 'up == 0'\nls\n```\n";
        assert_eq!(queries(page), ["up == 0"]);
    }
}
