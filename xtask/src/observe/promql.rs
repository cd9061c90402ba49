//! PromQL, as far as names, labels and durations go.

/// Words that stand where a metric could.
const KEYWORDS: &[&str] = &[
    "and", "or", "unless", "bool", "offset", "inf", "nan", "sum", "min", "max", "avg", "count",
    "topk", "bottomk", "quantile", "stddev", "group",
];
/// Words before a list of labels.
const BEFORE_LABELS: &[&str] = &["by", "without", "on", "ignoring", "group_left", "group_right"];

/// A metric in an expression, or a list of labels.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// With its matchers: a label, and the text that it is compared with.
    Metric(String, Vec<(String, String)>),
    /// What is grouped by, or matched on.
    Labels(Vec<String>),
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    Word(String),
    Text(String),
    Sign(char),
}

/// All metrics and lists of labels of an expression, in their order.
pub(crate) fn uses(expression: &str) -> Vec<Use> {
    let tokens = tokens(expression);
    let (mut found, mut at) = (Vec::new(), 0);
    while let Some(token) = tokens.get(at) {
        at += 1;
        let Token::Word(word) = token else { continue };
        let next = tokens.get(at);
        if BEFORE_LABELS.contains(&word.as_str()) {
            let (labels, end) = until(&tokens, at, ')');
            found.push(Use::Labels(labels.iter().filter_map(|it| it.word()).collect()));
            at = end;
        } else if next == Some(&Token::Sign('{')) {
            let (matchers, end) = until(&tokens, at, '}');
            found.push(Use::Metric(word.clone(), matched(matchers)));
            at = end;
        } else if next != Some(&Token::Sign('(')) && is_metric(word) {
            found.push(Use::Metric(word.clone(), Vec::new()));
        }
    }
    found
}

impl Token {
    fn word(&self) -> Option<String> {
        match self {
            Self::Word(word) => Some(word.clone()),
            _ => None,
        }
    }
}

fn is_metric(word: &str) -> bool {
    let number_or_variable = word.starts_with(|it: char| it.is_ascii_digit() || it == '$');
    !number_or_variable && !KEYWORDS.contains(&word)
}

/// The tokens up to a sign, and the place after it.
fn until(tokens: &[Token], from: usize, sign: char) -> (&[Token], usize) {
    let rest = tokens.get(from..).unwrap_or_default();
    let length = rest.iter().position(|it| *it == Token::Sign(sign)).unwrap_or(rest.len());
    (&rest[..length], from + length + 1)
}

/// A word, signs, a text: a matcher.
fn matched(tokens: &[Token]) -> Vec<(String, String)> {
    let mut label = None;
    let mut found = Vec::new();
    for token in tokens {
        match token {
            Token::Word(word) => label = Some(word.clone()),
            Token::Text(text) => found.extend(label.take().map(|label| (label, text.clone()))),
            Token::Sign(_) => {}
        }
    }
    found
}

fn tokens(expression: &str) -> Vec<Token> {
    let mut found = Vec::new();
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' => {
                let inner = &rest[1..];
                let end = inner.find(first).unwrap_or(inner.len());
                found.push(Token::Text(inner[..end].to_owned()));
                (end + 2).min(rest.len())
            }
            it if is_of_word(it) => {
                let end = rest.find(|it| !is_of_word(it)).unwrap_or(rest.len());
                found.push(Token::Word(rest[..end].to_owned()));
                end
            }
            sign => {
                found.push(Token::Sign(sign));
                sign.len_utf8()
            }
        };
        rest = rest[length..].trim_start();
    }
    found
}

/// Numbers with points are words, too: nothing is asked of them.
fn is_of_word(it: char) -> bool {
    it.is_ascii_alphanumeric() || matches!(it, '_' | ':' | '$' | '.')
}

/// A text with windows and offsets of a sixtieth, for tests that cannot wait.
pub(super) fn in_minutes_not_hours(expression: &str) -> String {
    let mut out = String::new();
    let mut rest = expression;
    while let Some(at) =
        [rest.find('['), rest.find("offset ").map(|at| at + 6)].into_iter().flatten().min()
    {
        let (before, after) = rest.split_at(at + 1);
        let end = after.find(|it: char| !it.is_ascii_alphanumeric()).unwrap_or(after.len());
        out += before;
        out += &sixtieth(&after[..end]);
        rest = &after[end..];
    }
    out + rest
}

/// `5m` is `5s` then, `1d` is `1440s`; what is no duration stays.
pub(super) fn sixtieth(duration: &str) -> String {
    let unit = |seconds: u64| {
        let number = duration[..duration.len() - 1].parse::<u64>().ok();
        number.map(|number| format!("{}s", (number * seconds / 60).max(1)))
    };
    let shorter = match duration.chars().last() {
        Some('s') => unit(1),
        Some('m') => unit(60),
        Some('h') => unit(3600),
        Some('d') => unit(86400),
        _ => None,
    };
    shorter.unwrap_or_else(|| duration.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str, expected: &[&str]) {
        let shown = uses(expression).into_iter().map(|it| match it {
            Use::Metric(name, matchers) => {
                let each = matchers.iter().map(|(label, text)| format!("{label}~{text}"));
                format!("{name}{{{}}}", each.collect::<Vec<_>>().join(","))
            }
            Use::Labels(labels) => format!("({})", labels.join(",")),
        });
        assert_eq!(shown.collect::<Vec<_>>(), expected, "{expression}");
    }

    #[test]
    fn metrics_labels_and_functions_are_told_apart() {
        check("up", &["up{}"]);
        check("sum(rate(a_total[5m])) > 0.1", &["a_total{}"]);
        check(
            "sum by (job, le) (rate(a_bucket{x=\"1\", y!~'2|3'}[5m])) / on (job) b offset 1d",
            &["(job,le)", "a_bucket{x~1,y~2|3}", "(job)", "b{}"],
        );
        check("absent(up{job=\"a\"})", &["up{job~a}"]);
        check(
            "slo:sli_error:ratio_rate5m{a=\"b\"} > (14.4 * 0.001)",
            &["slo:sli_error:ratio_rate5m{a~b}"],
        );
        check("a and b or c unless d", &["a{}", "b{}", "c{}", "d{}"]);
        check("rate(a{job=~\"$job\"}[$__rate_interval])", &["a{job~$job}"]);
    }

    #[test]
    fn windows_and_offsets_become_shorter_and_names_do_not() {
        let check = |text: &str, expected: &str| assert_eq!(in_minutes_not_hours(text), expected);
        check("rate(a[5m]) + rate5m", "rate(a[5s]) + rate5m");
        check("a offset 1d > b[3d]", "a offset 1440s > b[4320s]");
        check("a[1h] offset 15m", "a[60s] offset 15s");
        check("a{b=\"5m\"}", "a{b=\"5m\"}");
    }
}
