//! The report as Markdown, with plots.

use std::fmt::Write as _;

use super::{CorporaReport, Corpus, ratio};
use crate::table::{grouped, megabytes};

impl CorporaReport {
    /// Tables, then a plot of each ratio.
    pub(crate) fn markdown(&self) -> String {
        let machine = &self.figures.machine;
        let mut text = format!(
            "Measured on {} {}, {} cores, {} GB of memory, commit `{}`.\n\n",
            machine.system,
            machine.architecture,
            machine.cores,
            machine.memory_bytes / 1_000_000_000,
            self.figures.commit.as_deref().map_or("unknown", |it| &it[..it.len().min(12)]),
        );
        text.push_str(&self.sizes());
        text.push_str(&self.times());
        for at in 0..6 {
            text.push_str(&plot(&self.figures.corpora, at));
        }
        text
    }

    fn sizes(&self) -> String {
        let mut text = "| code base | files | lines | nodes | sources, MB | trees, MB | of the sources at \
                        zstd -3 | peak, MB | anonymous, MB |\n|---|---|---|---|---|---|---|---|---|\n"
            .to_owned();
        for it in &self.figures.corpora {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {:.3} | {} | {} |",
                it.name,
                grouped(it.files),
                grouped(it.lines),
                grouped(it.nodes),
                megabytes(it.source_bytes),
                megabytes(it.stored_bytes),
                it.stored_share,
                megabytes(it.peak_bytes),
                it.anonymous_bytes.map_or_else(|| "?".to_owned(), megabytes),
            );
        }
        text + "\n"
    }

    fn times(&self) -> String {
        let mut text =
            "| code base | work | found | files parsed | s | CPU s | CPU time by that of parsing \
                        the same files |\n|---|---|---|---|---|---|---|\n"
                .to_owned();
        for it in &self.figures.corpora {
            let all = [
                ("index", &it.index),
                ("re-index", &it.reindex),
                ("open", &it.open),
                ("query", &it.query),
                ("symbols", &it.symbols),
            ];
            for (name, work) in all {
                let _ = writeln!(
                    text,
                    "| {} | {name} | {} | {} | {:.2} | {} | {} |",
                    it.name,
                    grouped(work.found),
                    grouped(work.parses),
                    work.seconds,
                    work.cpu_seconds.map_or_else(|| "?".to_owned(), |it| format!("{it:.2}")),
                    ratio(work.of_parsing),
                );
            }
        }
        text + "\n"
    }
}

/// Bars of one ratio. No empty line: Markdown would end the plot there.
fn plot(corpora: &[Corpus], at: usize) -> String {
    const ROW: usize = 22;
    const LEFT: usize = 170;
    const WIDTH: f64 = 360.0;
    let rows: Vec<_> = corpora.iter().map(|it| (&it.name, it.ratios()[at].1)).collect();
    let Some(title) = corpora.first().map(|it| it.ratios()[at].0) else { return String::new() };
    let most = rows.iter().filter_map(|(_, ratio)| *ratio).fold(f64::MIN_POSITIVE, f64::max);
    let height = ROW * (rows.len() + 1) + 6;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"620\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"13\" fill=\"currentColor\">\n<text x=\"0\" y=\"15\" font-weight=\"bold\">{title}</text>\n"
    );
    for (row, (name, value)) in rows.iter().enumerate() {
        let (top, width) = (ROW * (row + 1), value.unwrap_or_default() / most * WIDTH);
        let _ = writeln!(
            svg,
            "<text x=\"0\" y=\"{}\">{name}</text><rect x=\"{LEFT}\" y=\"{}\" width=\"{width:.0}\" height=\"14\" \
             fill=\"#4a7\"/><text x=\"{}\" y=\"{}\">{}</text>",
            top + 15,
            top + 4,
            LEFT + width as usize + 6,
            top + 15,
            ratio(*value),
        );
    }
    svg + "</svg>\n\n"
}
