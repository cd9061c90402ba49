//! A terminal as a picture (SVG): text, and the colours that a program asks for.

use std::fmt::Write as _;

/// In pixels.
const LINE: usize = 17;
const MARGIN: usize = 16;
/// Of a monospaced letter of 13 pixels, for fonts that are not the first choice, too.
const LETTER_TENTHS: usize = 79;
/// Longer lines are cut: the README has them whole.
const COLUMNS: usize = 112;

const STYLE: &str = "text{font:13px ui-monospace,Menlo,Consolas,'DejaVu Sans Mono',monospace;\
    fill:#d5dbe3;white-space:pre}.p{fill:#7bd88f;font-weight:bold}.b{font-weight:bold}\
    .d{fill:#8b95a3}.r{fill:#ff7b72}.g{fill:#7bd88f}.y{fill:#e5c07b}.l{fill:#79b8ff}\
    .m{fill:#d2a8ff}.c{fill:#76d9e6}";

/// Commands, each with what it says.
pub(super) fn draw(said: &[(String, String)]) -> String {
    let mut rows = Vec::new();
    for (command, answer) in said {
        rows.push(format!(
            "<tspan class=\"p\">$ </tspan><tspan class=\"b\">{}</tspan>",
            escaped(command)
        ));
        rows.extend(answer.lines().map(styled));
        rows.push(String::new());
    }
    rows.pop();
    let (width, height) =
        (2 * MARGIN + COLUMNS * LETTER_TENTHS / 10, 2 * MARGIN + rows.len() * LINE);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"Commands and what they print\">\
         \n<style>{STYLE}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"8\" fill=\"#1c2128\"/>\n"
    );
    for (at, row) in rows.iter().enumerate().filter(|(_, row)| !row.is_empty()) {
        let y = MARGIN + at * LINE + LINE * 3 / 4;
        let _ = writeln!(svg, "<text x=\"{MARGIN}\" y=\"{y}\" xml:space=\"preserve\">{row}</text>");
    }
    svg + "</svg>\n"
}

/// A line with its colours (SGR), cut where the picture ends.
fn styled(line: &str) -> String {
    let (mut row, mut class, mut left) = (String::new(), String::new(), COLUMNS);
    let mut pieces = line.split("\x1b[");
    let mut put = |text: &str, class: &str| {
        let text: String = text.chars().take(left).collect();
        left -= text.chars().count();
        match (text.is_empty(), class.is_empty()) {
            (true, _) => {}
            (_, true) => row.push_str(&escaped(&text)),
            _ => row.push_str(&format!("<tspan class=\"{class}\">{}</tspan>", escaped(&text))),
        }
    };
    put(pieces.next().unwrap_or_default(), "");
    for piece in pieces {
        let (codes, text) = piece.split_once('m').unwrap_or(("", piece));
        for code in codes.split(';') {
            match class_of(code) {
                Some(name) => class = format!("{class} {name}").trim_start().to_owned(),
                None => class.clear(),
            }
        }
        put(text, &class);
    }
    row
}

/// None takes all back.
fn class_of(code: &str) -> Option<&'static str> {
    Some(match code {
        "1" => "b",
        "2" => "d",
        "31" => "r",
        "32" => "g",
        "33" => "y",
        "34" => "l",
        "35" => "m",
        "36" => "c",
        _ => return None,
    })
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expected: &str) {
        assert_eq!(styled(line), expected, "{line:?}");
    }

    #[test]
    fn colours_become_classes() {
        check("plain <&>", "plain &lt;&amp;&gt;");
        check("\x1b[1m\x1b[34mfile\x1b[0m:3", "<tspan class=\"b l\">file</tspan>:3");
        check("\x1b[2;36mx\x1b[0m", "<tspan class=\"d c\">x</tspan>");
    }

    #[test]
    fn long_lines_are_cut() {
        check(&"é".repeat(COLUMNS + 9), &"é".repeat(COLUMNS));
    }

    #[test]
    fn a_picture_has_every_command() {
        let said = [("one".to_owned(), "1\n".to_owned()), ("two".to_owned(), String::new())];
        let svg = draw(&said);
        assert!(svg.contains(">one<") && svg.contains(">two<") && svg.contains(">1<"), "{svg}");
    }
}
