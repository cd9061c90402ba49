//! What can be typed.

use std::ffi::OsString;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::numbers::{parse_size, parse_time, parse_time_or_none};

/// Presses a code base into stored syntax trees, and opens them again without parsing.
#[derive(Parser, Debug)]
#[command(
    name = "herbarium",
    version = crate::version::text(),
    propagate_version = false,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100,
    after_help = "Exit codes: 0 fine, 1 a difference or a damaged tree, 2 usage, \
                  3 something could not be read or written, 130 stopped by Ctrl-C."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: Global,
}

/// Options that every command takes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Directory of the store [default: `herbarium` in the user's cache directory]
    /// [env: HERBARIUM_STORE]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) store: Option<PathBuf>,

    /// Print JSON, in the shapes that docs/cli.md describes
    #[arg(long, global = true)]
    pub(crate) json: bool,

    /// When to colour what is printed
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,

    /// Print the answer and errors only: no progress, no remarks
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,

    /// Say more: -v names every problem, -vv and -vvv add the log
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Threads that work [default: one a core]
    #[arg(long, global = true, value_name = "N")]
    pub(crate) workers: Option<NonZero<usize>>,

    /// Leave out larger files: bytes, or a number with K, M or G [default: 32M]
    /// [env: HERBARIUM_MAX_FILE_SIZE]
    #[arg(long, global = true, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) max_file_size: Option<u64>,

    /// Give up a file that takes longer to parse: seconds, or a number with ms, s, m or h
    /// [default: 60s] [env: HERBARIUM_MAX_PARSE_TIME]
    #[arg(long, global = true, value_name = "TIME", value_parser = parse_time)]
    pub(crate) max_parse_time: Option<Duration>,

    /// Memory for trees being made, all threads together; leave out files that need more
    /// [default: 512M] [env: HERBARIUM_MEMORY]
    #[arg(long, global = true, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) memory: Option<u64>,

    /// Memory for trees that were opened, in a process that stays; 0 keeps none [default: what
    /// suits the machine: see `herbarium config`] [env: HERBARIUM_CACHE]
    #[arg(long, global = true, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) cache: Option<u64>,
}

/// When to colour.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Color {
    /// On a terminal, unless NO_COLOR is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

#[derive(Subcommand, Debug)]
pub(crate) enum Command {
    /// Press every file of a code base; parses only what is new or changed
    Index(IndexArgs),
    /// Print the syntax tree of a file, opened from the store
    Tree(TreeArgs),
    /// Find what a tree-sitter query matches, in all files, without parsing
    Query(QueryArgs),
    /// List the definitions of all files, without parsing
    Symbols(SymbolsArgs),
    /// Press what changes in folders, as soon as it changes
    Watch(WatchArgs),
    /// Tell what the store holds, language by language
    Stats(StatsArgs),
    /// Check every stored tree
    Verify(VerifyArgs),
    /// Remove from the store what no workspace needs, and what is damaged
    Gc(GcArgs),
    /// Copy the store to a directory, while it is in use
    Backup(BackupArgs),
    /// Bring a copy of the store back
    Restore(RestoreArgs),
    /// Write the trees of files to files of their own, with all that is needed to open them
    Export(ExportArgs),
    /// Put trees that were exported into the store
    Import(ImportArgs),
    /// Bring the store to the newest version of its format, in place
    Migrate(MigrateArgs),
    /// List the languages that are built in
    Languages(LanguagesArgs),
    /// Show every setting, and where it comes from
    Config(ConfigArgs),
    /// Print a completion script for a shell
    Completions(CompletionsArgs),
    /// Print a manual page, in troff
    Man(ManArgs),
}

#[derive(Args, Debug)]
pub(crate) struct IndexArgs {
    /// Directories or files to press
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct TreeArgs {
    /// The file
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,

    /// Print an S-expression, as tree-sitter does
    #[arg(long, conflicts_with = "json")]
    pub(crate) sexp: bool,

    /// Fail instead of parsing when the store has no tree of this file as it is now
    #[arg(long, alias = "no-parse")]
    pub(crate) from_store: bool,
}

/// What files are asked.
#[derive(Args, Debug)]
pub(crate) struct FilesArgs {
    /// Ask files of this language only, by id or name; may be given several times
    #[arg(long = "language", short, value_name = "LANG")]
    pub(crate) languages: Vec<String>,

    /// Ask the store as it is, without indexing first what changed
    #[arg(long)]
    pub(crate) no_index: bool,

    /// Give up a file that takes longer to ask: seconds, or a number with ms, s, m or h
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "60s")]
    pub(crate) time_limit: Duration,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  herbarium query '(call_expression function: (identifier) @f (#eq? @f \"kfree\"))' -l c
  herbarium query '(function_item name: (identifier) @name)' src --json
  herbarium query --file unsafe.scm --files-with-matches .
  herbarium query '(ERROR) @error' --count

One line for each capture, in the order of the matches: PATH:LINE:COLUMN:@CAPTURE: and the
source line. Exit codes: 0 whether or not anything matches, 2 if the query is wrong for
every language, 3 if a file could not be asked.")]
pub(crate) struct QueryArgs {
    /// The query; with --file, the first path
    #[arg(value_name = "PATTERN", required_unless_present = "file")]
    pub(crate) pattern: Option<OsString>,

    /// Directories or files to ask [default: .]
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Read the query from a file, as highlights.scm and the like
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,

    /// Print this capture only; with --count, count the matches that have it
    #[arg(long, value_name = "NAME")]
    pub(crate) capture: Option<String>,

    /// Print the number of matches
    #[arg(long, conflicts_with = "files_with_matches")]
    pub(crate) count: bool,

    /// Print the paths of files with a match
    #[arg(long)]
    pub(crate) files_with_matches: bool,

    /// Give up the oldest match in the making when there are more than so many in a file
    /// [default: no limit]
    #[arg(long, value_name = "N")]
    pub(crate) match_limit: Option<NonZero<u32>>,

    #[command(flatten)]
    pub(crate) files: FilesArgs,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  herbarium symbols src
  herbarium symbols --kind function --name 'parse_*' --json
  herbarium symbols --name '/^(get|set)_/' -l c
  herbarium symbols --format ctags > tags")]
pub(crate) struct SymbolsArgs {
    /// Directories or files to ask
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,

    /// Symbols of this kind only, such as function; may be given several times
    #[arg(long = "kind", value_name = "KIND")]
    pub(crate) kinds: Vec<String>,

    /// Symbols of this name only: exact, with * and ? as in file names, or /REGEX/
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// List uses of names as well
    #[arg(long)]
    pub(crate) references: bool,

    /// How to print them
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = SymbolFormat::Lines,
          conflicts_with = "json")]
    pub(crate) format: SymbolFormat,

    #[command(flatten)]
    pub(crate) files: FilesArgs,
}

/// How symbols are printed.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SymbolFormat {
    /// A line for each, for people
    Lines,
    /// A tags file, as editors of the vi family read it
    Ctags,
    /// A TAGS file, as Emacs reads it
    Etags,
}

#[derive(Args, Debug)]
pub(crate) struct WatchArgs {
    /// Directories to watch
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,

    /// Stop after so long: seconds, or a number with ms, s, m or h [default: with Ctrl-C]
    #[arg(long = "for", value_name = "TIME", value_parser = parse_time)]
    pub(crate) time: Option<Duration>,
}

#[derive(Args, Debug)]
pub(crate) struct StatsArgs {
    /// Tell how the tiers hold trees instead
    #[arg(long)]
    pub(crate) tiers: bool,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Parse every file again as well, and compare node for node
    #[arg(long)]
    pub(crate) deep: bool,
}

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  herbarium gc --dry-run
  herbarium gc --forget-gone
  herbarium gc --max-size 2G")]
pub(crate) struct GcArgs {
    /// Remove the least useful trees, too, until the store takes at most this much: bytes, or a
    /// number with K, M or G
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub(crate) max_size: Option<u64>,

    /// Keep what no workspace needs for so long after it was written: seconds, or a number with
    /// ms, s, m or h; 0 keeps nothing for being new
    #[arg(long, value_name = "TIME", value_parser = parse_time_or_none, default_value = "1m")]
    pub(crate) grace: Duration,

    /// Forget this workspace first; may be given several times
    #[arg(long, value_name = "PATH")]
    pub(crate) forget: Vec<PathBuf>,

    /// Forget first all workspaces whose folder is gone
    #[arg(long)]
    pub(crate) forget_gone: bool,

    /// Change nothing: tell what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    /// Where the copy is to be: an empty directory, or one that does not exist
    #[arg(value_name = "DIR")]
    pub(crate) dest: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// The copy
    #[arg(value_name = "DIR")]
    pub(crate) from: PathBuf,

    /// Replace the store that is there
    #[arg(long)]
    pub(crate) overwrite: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// Source files; their trees go to NAME.tree
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// Directory for the trees
    #[arg(long, short, value_name = "DIR", default_value = ".")]
    pub(crate) output: PathBuf,

    /// Replace files that are there
    #[arg(long)]
    pub(crate) overwrite: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// Exported trees
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,

    /// The source that the tree is of: refuse it if it is another's
    #[arg(long, value_name = "FILE")]
    pub(crate) source: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct MigrateArgs {
    /// Change nothing: tell what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Copy the store to this directory first
    #[arg(long, value_name = "DIR")]
    pub(crate) backup: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct LanguagesArgs {
    /// List those too that are known but not built in
    #[arg(long)]
    pub(crate) known: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    /// Show the settings: what this command does in any case
    #[arg(long)]
    pub(crate) show: bool,
}

#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL", value_enum)]
    pub(crate) shell: Shell,
}

#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Command whose page to print [default: the page of herbarium itself]
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
}
