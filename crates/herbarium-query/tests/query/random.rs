//! Made-up queries over real and broken sources, with and without limits.

use herbarium_conformance::{Generator, Settings};

use crate::common::{Bench, Specimen, sample};

/// Rounds for each language; HERBARIUM_QUERY_ROUNDS for more.
const ROUNDS: u64 = 6;

fn rounds() -> u64 {
    let asked = std::env::var("HERBARIUM_QUERY_ROUNDS");
    asked.ok().and_then(|text| text.parse().ok()).unwrap_or(ROUNDS)
}

fn check(settings: impl Fn(&mut Generator, &Specimen) -> Settings) {
    let (mut matches, mut queries) = (0, 0);
    let mut failures = Vec::new();
    for language in herbarium_languages::all() {
        let bench = Bench::new(language);
        let sample = sample(language);
        for seed in 0..rounds() {
            let mut generator = Generator::new(seed);
            let source = if seed % 3 == 2 { generator.broken(&sample) } else { sample.clone() };
            let specimen = bench.press(source);
            let settings = settings(&mut generator, &specimen);
            for _ in 0..6 {
                let text = generator.query(&specimen.tree, &specimen.source);
                queries += 1;
                match bench.compare(&text, std::slice::from_ref(&specimen), &settings) {
                    Ok(tally) => matches += tally.matches,
                    Err(difference) => failures.push(format!(
                        "{} seed {seed}, {settings:?}\n{text}{difference}",
                        language.id()
                    )),
                }
            }
        }
    }
    failures.sort_by_key(String::len);
    let shown = failures.iter().take(10).map(|text| format!("\n\n{text}")).collect::<String>();
    assert!(
        failures.is_empty(),
        "{} of {queries} queries differ, for instance{shown}",
        failures.len()
    );
    assert!(
        matches > queries,
        "{matches} matches of {queries} queries: made up too far from trees"
    );
}

#[test]
fn made_up_queries_give_the_same_answers() {
    check(|_, _| Settings::default());
}

#[test]
fn byte_and_point_ranges_leave_out_the_same() {
    check(|generator, specimen| {
        let len = specimen.source.len();
        let start = generator.below(len);
        let end = start + generator.below(len - start);
        let point = |byte: usize| {
            let point = specimen.tree.point_at(byte);
            (point.row, point.column)
        };
        match generator.below(2) {
            0 => Settings { bytes: Some(start..end), ..Settings::default() },
            _ => Settings { points: Some(point(start)..point(end)), ..Settings::default() },
        }
    });
}

#[test]
fn a_start_depth_leaves_out_the_same() {
    check(|generator, _| Settings {
        max_start_depth: Some(generator.below(5) as u32),
        ..Settings::default()
    });
}

#[test]
fn a_match_limit_gives_up_the_same() {
    check(|generator, _| Settings {
        match_limit: Some(1 + generator.below(8) as u32),
        ..Settings::default()
    });
}

#[test]
fn patterns_that_are_found_from_their_text_find_the_same() {
    let mut matches = 0;
    for language in herbarium_languages::all() {
        let bench = Bench::new(language);
        let specimens = [bench.press(sample(language))];
        let [specimen] = &specimens;
        let leaves: Vec<_> = specimen.tree.nodes().filter(|node| node.child_count() == 0).collect();
        let mut generator = Generator::new(1);
        for _ in 0..10 {
            let leaf = leaves[generator.below(leaves.len())];
            let (Some(parent), Ok(text)) = (leaf.parent(), leaf.utf8_text(&specimen.source)) else {
                continue;
            };
            if leaf.is_error() || parent.is_error() || text.len() > 40 {
                continue;
            }
            let kind = match leaf.is_named() {
                true => format!("({})", leaf.kind()),
                false => format!("{:?}", leaf.kind()),
            };
            let field = leaf.field_name().map(|name| format!("{name}: ")).unwrap_or_default();
            let above = parent.kind();
            for pattern in [
                format!("(({kind}) @a (#eq? @a {text:?}))"),
                format!("({above} {field}{kind} @a (#eq? @a {text:?}))"),
                format!("({above} {field}{kind} @a (#any-of? @a {text:?} \"no such text\")) @b"),
                format!("(_ {field}{kind} @a (#eq? @a {text:?}))"),
                format!("({above} {kind}+ @a (#eq? @a {text:?}))"),
                format!("({above} {kind}? @a (#eq? @a {text:?}))"),
                format!("({above} ({above} {kind} @a)? {kind}* @b (#eq? @b {text:?}))"),
                format!("[({above} {kind} @a) {kind} @a] @c (#eq? @c {text:?})"),
                format!("([({above} {kind} @a) ({above} _ @a)] (#eq? @a {text:?}))"),
                format!("(({above} {kind} @a) @b (#eq? @a {text:?}) (#not-eq? @b \"x\"))"),
                format!("(({above} {kind} @a) @b (#eq? @a {text:?}) (#eq? @a {text:?})) (_) @n"),
            ] {
                match bench.compare(&pattern, &specimens, &Settings::default()) {
                    Ok(tally) => matches += tally.matches,
                    Err(difference) => panic!("{}\n{pattern}\n{difference}", language.id()),
                }
            }
        }
    }
    assert!(matches > 1000, "{matches} matches");
}

#[test]
fn chains_find_the_same_alone_and_beside_states() {
    let mut matches = 0;
    for language in herbarium_languages::all() {
        let bench = Bench::new(language);
        let mut generator = Generator::new(7);
        let broken = generator.broken(&sample(language));
        let specimens = [bench.press(sample(language)), bench.press(broken)];
        for round in 0..12 {
            let tree = &specimens[round % 2].tree;
            let nodes: Vec<_> = tree.nodes().filter(|node| node.is_named()).collect();
            let node = nodes[generator.below(nodes.len())];
            let Some(parent) = node.parent() else { continue };
            let (kind, above) = (node.kind(), parent.kind());
            let field = node.field_name().map(|name| format!("{name}: ")).unwrap_or_default();
            let higher = parent.parent().map_or("_", |node| node.kind());
            for pattern in [
                format!("({above} {field}({kind}) @a)"),
                format!("({above} {field}({kind}) @a) @b"),
                format!("({higher} ({above} {field}({kind}) @a))"),
                format!("({higher} ({above} {field}(_) @a) @b) @c"),
                format!("({kind}) @z ({above} {field}({kind}) @a) (_) @y"),
                format!("({above} ({kind}) @a . (_)? @b) ({above} {field}({kind}) @c) ({kind}) @d"),
                format!("({above} {field}_ @a) @b ({above} (_)* @c) ({kind}) @d @e"),
                format!("[({above} {field}({kind}) @a) ({higher} ({above}) @b)] (_) @c"),
                format!("({above} ({kind}) @a @b) (({kind}) @c (#match? @c \"^[a-m]\"))"),
                format!("(({above} ({kind}) @a) (#not-match? @a \"e\")) ({kind}) @b ({above}) @c"),
            ] {
                match bench.compare(&pattern, &specimens, &Settings::default()) {
                    Ok(tally) => matches += tally.matches,
                    Err(difference) => panic!("{}\n{pattern}\n{difference}", language.id()),
                }
            }
        }
    }
    assert!(matches > 10_000, "{matches} matches");
}

#[test]
fn rows_find_the_same_alone_and_beside_states() {
    let mut matches = 0;
    for language in herbarium_languages::all() {
        let bench = Bench::new(language);
        let mut generator = Generator::new(3);
        let broken = generator.broken(&sample(language));
        let specimens = [bench.press(sample(language)), bench.press(broken)];
        for round in 0..12 {
            let Specimen { tree, source, .. } = &specimens[round % 2];
            let nodes: Vec<_> = tree
                .nodes()
                .filter(|node| node.named_child_count() > 0 && !node.is_error())
                .collect();
            let node = nodes[generator.below(nodes.len())];
            let Some(one) = node.named_child(0).filter(|node| !node.is_error()) else { continue };
            let other = node.named_child(1).filter(|node| !node.is_error()).unwrap_or(one);
            let above = node.parent().filter(|node| !node.is_error()).unwrap_or(node);
            let (up, kind, one_kind, two) = (above.kind(), node.kind(), one.kind(), other.kind());
            let text = one.utf8_text(source).ok().filter(|text| text.len() < 40).unwrap_or("x");
            for pattern in [
                format!("({kind} . ({one_kind}) @a)"),
                format!("({kind} . ({one_kind}) @a . ({two}) @b) @c @d"),
                format!("({kind} . ({one_kind}) . ({two})) @c"),
                format!("(({kind} . ({one_kind}) @a . ({two}) @b) (#eq? @a {text:?}))"),
                format!("(({kind} . ({one_kind}) @a . ({two}) @b) (#not-eq? @a {text:?}))"),
                format!("(({kind} . ({one_kind}) @a . ({two}) @b) (#any-of? @a {text:?} \"x\"))"),
                format!("({up} . ({kind} . ({one_kind}) @a . ({two}) @b) @c)"),
                format!("({up} . (_) . ({kind} . ({one_kind}) @a) @c)"),
                format!("({up} . ({kind} . ({one_kind})) @x . ({kind} . ({one_kind}) @a) @c)"),
                format!("({up} ({kind} . ({one_kind}) @a . ({two}) @b) @c)"),
                format!("({one_kind}) @a ({kind} . ({one_kind}) @b) ({kind} ({one_kind}) @d)"),
                format!("({kind} . ({one_kind}) @a) ({kind} . ({one_kind}) @b . ({two})) @c"),
                format!("[({kind} . ({one_kind}) @a) ({up} . ({kind}) @b)] @c (_)? @d"),
                format!("({kind} . ({one_kind}) @a .) ({kind} . ({one_kind})? @b . ({two}) @c)"),
                format!("({up} . ({kind} . ({one_kind}) @a)) (_ . ({kind}) @b) (_)+ @d"),
            ] {
                match bench.compare(&pattern, &specimens, &Settings::default()) {
                    Ok(tally) => matches += tally.matches,
                    Err(difference) => panic!("{}\n{pattern}\n{difference}", language.id()),
                }
            }
        }
    }
    assert!(matches > 10_000, "{matches} matches");
}

#[test]
fn rows_within_rows_come_in_the_order_of_their_ends() {
    let bench = Bench::of("json");
    let nested = format!("{}1, 2{}", "[[1], ".repeat(40), ", [3]]".repeat(40));
    let flat = "[[[1], [2]], [[1, 2], 3], {\"a\": [1]}, [[], [[1]]], \"a\", {\"a\": \"b\"}]";
    let specimens = [nested, flat.repeat(20), flat.to_owned()];
    let specimens = specimens.map(|source| bench.press(source.into_bytes()));
    let mut matches = 0;
    for pattern in [
        "(array . (array) . (array) @a)",
        "(array . (array . (number) @a) . (array . (array . (number) @b))) @c",
        "(array . (array) . (array) @a) @b (array . (array . (number) @c)) (number) @d",
        "(array (array) @x) (array . (array) . (array) @a) @b ((number) @d (#eq? @d \"1\"))",
        "((array . (number) @a . (number) @b) (#eq? @a \"1\"))",
        "((array . (array . (number) @a) . (array) @b) (#eq? @a \"1\"))",
        "((pair . (string) @a . (string . (string_content) @b)) @c (#eq? @a \"\\\"a\\\"\"))",
        "((pair . (string . (string_content) @a) . (string) @b) @c (#eq? @a \"a\"))",
        "((array . (array . (number) @a) . (array) @b) (#eq? @a \"2\")) (array (number)+ @a) @b",
    ] {
        match bench.compare(pattern, &specimens, &Settings::default()) {
            Ok(tally) => matches += tally.matches,
            Err(difference) => panic!("{pattern}\n{difference}"),
        }
    }
    assert!(matches > 1_000, "{matches} matches");
}

#[test]
fn nested_repetitions_give_up_the_same_at_a_match_limit() {
    let bench = Bench::of("rust");
    let specimens = ["()", "fn f() { g(1, (), 2); }"].map(|source| bench.press(source.into()));
    for limit in 1..12 {
        let settings = Settings { match_limit: Some(limit), ..Settings::default() };
        for pattern in ["((_)*_@1)*", "((_)+ _ @a)", "(_)+ @a (_)* @b", "(_ (_)* _ @a)*"] {
            if let Err(difference) = bench.compare(pattern, &specimens, &settings) {
                panic!("limit {limit} {pattern}\n{difference}");
            }
        }
    }
}
