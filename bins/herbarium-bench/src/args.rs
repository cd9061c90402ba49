//! What can be typed.

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::LazyLock;

use clap::{Args, Parser, Subcommand};

/// Measures Herbarium on real code, beside the parser and general compressors.
#[derive(Parser, Debug)]
#[command(
    name = "herbarium-bench",
    version = version(),
    max_term_width = 100,
    after_help = "Exit codes: 0 fine, 1 a bar was not met and --gate given, 2 usage, \
                  3 something could not be read, parsed or written."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// Print JSON, in the shape that docs/bench.md describes
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// Exit with 1 if a bar is not met
    #[arg(long, global = true)]
    pub(crate) gate: bool,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Size and speed of pressed trees against parser, cursor, zstd and lz4
    Codec(CodecArgs),
    /// Memory and speed of every language's parser, each in a process of its own
    Languages(LanguagesArgs),
    /// A first and a second index of a code base against plain parsing
    Index(IndexArgs),
    /// What it costs to get a tree from each tier, beside parsing its file
    Tiers(TiersArgs),
    /// Speed of queries on opened trees and on stored bytes against tree-sitter's on live trees
    Query(QueryArgs),
    /// Every query through this engine on stored trees and tree-sitter's on live ones; exits with
    /// 1 where they differ
    Conformance(ConformanceArgs),
    /// Index, re-index, open, query and symbols over whole code bases, beside parsing, compared with
    /// an earlier report
    Report(ReportArgs),
    /// Measures one code base and prints what `report` reads
    #[command(hide = true)]
    OneCorpus(OneCorpusArgs),
    /// Does one piece of work so many times, for those who count its instructions
    #[command(hide = true)]
    Hot(HotArgs),
    /// Measures one language and prints what `languages` reads
    #[command(hide = true)]
    OneLanguage(OneLanguageArgs),
}

#[derive(Args, Debug)]
pub(crate) struct CodecArgs {
    /// Folders and files to take real files from; ignore rules are not obeyed
    #[arg(value_name = "PATH", required = true)]
    pub(crate) paths: Vec<PathBuf>,

    /// Files measured of each language, and again as many small ones
    #[arg(long, value_name = "N", default_value = "60")]
    pub(crate) limit: NonZero<usize>,

    /// Length of the shortest file that is measured; shorter ones make the group of small files
    #[arg(long, value_name = "BYTES", default_value_t = 4096)]
    pub(crate) min_bytes: u64,

    /// Length of the longest file that is measured
    #[arg(long, value_name = "BYTES", default_value_t = 300_000)]
    pub(crate) max_bytes: u64,

    /// Leave out languages with fewer files of that length
    #[arg(long, value_name = "N", default_value_t = 12)]
    pub(crate) min_files: usize,

    /// Rounds; each does everything once, and the best time of a file counts
    #[arg(long, value_name = "N", default_value = "7")]
    pub(crate) passes: NonZero<usize>,

    /// Measure these languages only; may be given several times
    #[arg(long = "language", value_name = "ID")]
    pub(crate) languages: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct LanguagesArgs {
    /// Folders and files to take real files from, for the speed of the languages found there
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Folder with a sample of each language, ID.txt
    #[arg(long, value_name = "DIR", default_value = "crates/herbarium-languages/tests/samples")]
    pub(crate) samples: PathBuf,

    /// Measure these languages only; may be given several times
    #[arg(long = "language", value_name = "ID")]
    pub(crate) languages: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct IndexArgs {
    /// The code base
    #[arg(value_name = "PATH")]
    pub(crate) path: PathBuf,

    /// Threads that parse [default: one a core]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<NonZero<usize>>,

    /// Where to make the store, which is deleted afterwards [default: the folder for temporary files]
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct TiersArgs {
    /// Which files, and how often
    #[command(flatten)]
    pub(crate) files: CodecArgs,
}

#[derive(Args, Debug)]
pub(crate) struct QueryArgs {
    /// Which files, and how often; languages are those that the bars name if none is given
    #[command(flatten)]
    pub(crate) files: CodecArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ConformanceArgs {
    /// Folder of query files, `*.scm`: the language is the name of a file or of the folder it is
    /// in [default: the queries that grammar packages ship, in a workspace of Herbarium]
    #[arg(long, value_name = "DIR")]
    pub(crate) queries: Option<PathBuf>,

    /// Folders and files of real code; ignore rules are not obeyed. In a workspace of Herbarium,
    /// the samples of its languages are always taken, too
    #[arg(long, value_name = "DIR")]
    pub(crate) code: Vec<PathBuf>,

    /// Compare these languages only; may be given several times
    #[arg(short = 'l', long = "language", value_name = "LANG")]
    pub(crate) languages: Vec<String>,

    /// Made-up queries of each language, over parts of the same code, some broken
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) made_up: usize,

    /// Number of the first made-up query: others give others
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,

    /// Files of real code of each language
    #[arg(long, value_name = "N", default_value = "200")]
    pub(crate) limit: NonZero<usize>,

    /// Length of the longest file
    #[arg(long, value_name = "BYTES", default_value_t = 200_000)]
    pub(crate) max_bytes: u64,

    /// Languages compared at a time [default: one a core]
    #[arg(long, value_name = "N")]
    pub(crate) workers: Option<NonZero<usize>>,
}

#[derive(Args, Debug)]
pub(crate) struct ReportArgs {
    /// A code base; may be given several times
    #[arg(long = "corpus", value_name = "DIR", required = true)]
    pub(crate) corpora: Vec<PathBuf>,

    /// An earlier report as JSON: a ratio that grew by more than a fifth is a bar that is missed
    #[arg(long, value_name = "FILE")]
    pub(crate) baseline: Option<PathBuf>,

    /// Write Markdown with plots to this file, too
    #[arg(long, value_name = "FILE")]
    pub(crate) markdown: Option<PathBuf>,

    /// Where to make the stores, which are deleted afterwards [default: the folder for temporary files]
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct OneCorpusArgs {
    pub(crate) path: PathBuf,
    #[arg(long)]
    pub(crate) scratch: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct HotArgs {
    pub(crate) work: crate::hot::Work,
    pub(crate) file: PathBuf,
    pub(crate) times: u32,
}

#[derive(Args, Debug)]
pub(crate) struct OneLanguageArgs {
    pub(crate) language: String,
    pub(crate) sample: PathBuf,
    pub(crate) files: Vec<PathBuf>,
}

fn version() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        format!(
            "{} ({} languages: {} of {} known)",
            env!("CARGO_PKG_VERSION"),
            herbarium_languages::build_set(),
            herbarium_languages::all().len(),
            herbarium_languages::known().len(),
        )
    });
    &TEXT
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_arguments_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }
}
