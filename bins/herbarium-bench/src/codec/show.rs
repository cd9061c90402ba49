//! The report as tables.

use super::{CodecFigures, LanguageFigures};
use crate::bar::{self, Bar};
use crate::table::{Table, grouped, megabytes};

pub(crate) fn text(figures: &CodecFigures, bars: &[Bar]) -> String {
    let languages = &figures.languages;
    let settings = &figures.settings;
    let mut text = format!(
        "At most {} files a language of {} to {} bytes; the best of {} rounds, in each of which\n\
         everything is done once to every file.\n\n",
        settings.limit,
        grouped(settings.min_bytes),
        grouped(settings.max_bytes),
        settings.passes
    );
    text.push_str(&corpus(languages));
    text.push_str(
        "\nTime. Shares are of the parse; a walk reads kind, field and range of every node.\n\n",
    );
    text.push_str(&times(languages));
    text.push_str("\nSize, bytes a node. `book` is zstd -3 with shape book and dictionary.\n\n");
    text.push_str(&sizes(languages));
    text.push_str(&format!(
        "\nFiles under {} bytes, bytes a node.\n\n",
        grouped(settings.min_bytes)
    ));
    text.push_str(&small(languages));
    text.push_str(
        "\nBook and dictionary were learnt from every second file of those found, and measured on\n\
         the others.\n",
    );
    if !figures.left_out.is_empty() {
        text.push_str(&format!("\nToo few files: {}.\n", figures.left_out.join(", ")));
    }
    for of in languages {
        if let Some(first) = &of.first_difference {
            text.push_str(&format!("\n{}: first difference: {first}\n", of.language));
        }
    }
    text.push('\n');
    text.push_str(&bar::show(bars));
    text
}

fn corpus(languages: &[LanguageFigures]) -> String {
    let mut table = Table::new(
        1,
        [
            "language",
            "files",
            "MB",
            "nodes",
            "broken",
            "learnt from",
            "shapes",
            "dictionary",
            "differences",
        ],
    );
    for of in languages {
        table.row([
            of.language.to_owned(),
            grouped(of.files),
            megabytes(of.bytes),
            grouped(of.nodes),
            grouped(of.broken_files),
            grouped(of.learnt.files),
            grouped(of.learnt.shapes),
            grouped(of.learnt.dictionary_bytes),
            grouped(of.differences),
        ]);
    }
    table.text()
}

fn times(languages: &[LanguageFigures]) -> String {
    let mut table = Table::new(
        1,
        [
            "language",
            "parse ns",
            "walk",
            "capture",
            "encode",
            "both",
            "decode",
            "ns",
            "unzstd",
            "unlz4",
            "walk, opened/live",
        ],
    );
    for of in languages {
        let shares = &of.shares_of_parse;
        table.row([
            of.language.to_owned(),
            format!("{:.0}", of.parse_ns_a_node),
            format!("{:.3}", shares.cursor_walk),
            format!("{:.3}", shares.capture),
            format!("{:.3}", shares.encode),
            format!("{:.3}", shares.capture_and_encode),
            format!("{:.4}", shares.decode),
            format!("{:.1}", of.decode_ns_a_node),
            format!("{:.4}", shares.unzstd),
            format!("{:.4}", shares.unlz4),
            format!("{:.2}", of.walk_of_opened),
        ]);
    }
    table.text()
}

fn sizes(languages: &[LanguageFigures]) -> String {
    let mut table = Table::new(
        1,
        [
            "language",
            "source",
            "zstd -3",
            "tree raw",
            "zstd -3",
            "lz4",
            "book",
            "tree/source, zstd -3",
            "in memory",
        ],
    );
    for of in languages {
        let bytes = &of.bytes_a_node;
        table.row([
            of.language.to_owned(),
            format!("{:.2}", bytes.source),
            format!("{:.3}", bytes.source_zstd),
            format!("{:.3}", bytes.raw),
            format!("{:.3}", bytes.zstd),
            format!("{:.3}", bytes.lz4),
            format!("{:.3}", bytes.book_and_dictionary),
            format!("{:.2}", of.share_of_zstd_source),
            format!("{:.2}", bytes.heap),
        ]);
    }
    table.text()
}

fn small(languages: &[LanguageFigures]) -> String {
    let mut table = Table::new(1, ["language", "files", "KB", "nodes", "raw", "zstd -3", "book"]);
    for of in languages {
        let small = &of.small;
        table.row([
            of.language.to_owned(),
            grouped(small.files),
            format!("{:.0}", small.bytes as f64 / 1e3),
            grouped(small.nodes),
            format!("{:.3}", small.raw),
            format!("{:.3}", small.zstd),
            format!("{:.3}", small.book_and_dictionary),
        ]);
    }
    table.text()
}
