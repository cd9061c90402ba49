//! What is written from the declarations: an example file, a page.

use std::fmt::Write as _;

use crate::declare::Declared;
use crate::read::Settings;

impl Declared {
    /// A TOML file with every setting and its default, commented out.
    pub fn example(&self) -> String {
        let mut text = String::new();
        let mut table = "";
        for setting in self.iter() {
            let (above, key) = setting.name().rsplit_once('.').unwrap_or(("", setting.name()));
            if above != table {
                let _ = write!(text, "\n[{above}]\n");
                table = above;
            }
            for line in wrapped(setting.help(), 76) {
                let _ = writeln!(text, "# {line}");
            }
            let _ = writeln!(text, "#{key} = {}", setting.default_toml());
        }
        text
    }

    /// A table of all settings, in Markdown.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let mut table = None;
        for setting in self.iter() {
            let above = setting.name().rsplit_once('.').map_or("", |(above, _)| above);
            if table != Some(above) {
                let _ = write!(
                    text,
                    "\n## {above}\n\n| setting | is | default | variable |\n|---|---|---|---|\n"
                );
                table = Some(above);
            }
            let live = if setting.is_live() { " *Live.*" } else { "" };
            let _ = writeln!(
                text,
                "| `{}` | {} ({}){live} | `{}` | `{}` |",
                setting.name(),
                setting.help(),
                setting.kind(),
                setting.default_toml(),
                self.variable(setting)
            );
        }
        text
    }
}

fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let full =
            lines.last().is_some_and(|line| !line.is_empty() && line.len() + word.len() >= width);
        if full {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
}

impl Settings {
    /// A TOML file that sets everything to what holds now, with where each
    /// comes from. Secrets are left out.
    pub fn show(&self) -> String {
        let mut text = String::new();
        let mut table = "";
        for (row, toml) in self.rows().into_iter().zip(self.toml()) {
            let (above, key) = row.name.rsplit_once('.').unwrap_or(("", row.name));
            if above != table {
                let end = if text.is_empty() { "" } else { "\n" };
                let _ = writeln!(text, "{end}[{above}]");
                table = above;
            }
            let _ = match toml {
                Some(toml) => writeln!(text, "{key} = {toml}  # {}", row.origin),
                None => writeln!(text, "#{key} = (secret)  # {}", row.origin),
            };
        }
        text
    }
}
