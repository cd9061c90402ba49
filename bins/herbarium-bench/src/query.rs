//! `query`: speed of queries on stored trees against tree-sitter's own engine on
//! live ones, on the same files in one run.

mod measure;
mod texts;

use std::collections::BTreeMap;

use herbarium_languages::{Language, by_id};
use serde::Serialize;

use crate::args::{CodecArgs, QueryArgs};
use crate::bar::{self, Bar};
use crate::codec::choose::choose;
use crate::codec::learn::learn;
use crate::corpus::{self, Files};
use crate::error::BenchError;
use crate::queries::{self, QueryFile};
use crate::report::{self, Report};
use crate::table::{Table, grouped};

use measure::{Bench, Cursors, Item, Pair};
use texts::{CALLS, HARD, MATCH_LIMIT, calls, calls_of};

/// Hard queries run over files of this length at most: without a match limit,
/// the time of some of them grows with the square of it, or worse.
const HARD_BYTES: usize = 8 << 10;
const HARD_FILES: usize = 6;

/// Measures the files under the paths, language by language.
pub(crate) fn run(args: &QueryArgs) -> Result<QueryReport, BenchError> {
    let args = &args.files;
    let workspace = queries::workspace().ok_or(BenchError::NoWorkspace)?;
    let mut shipped = queries::shipped(&workspace)?;
    let asked = match &args.languages[..] {
        [] => CALLS.iter().map(|(id, _)| (*id).to_owned()).collect(),
        asked => asked.to_vec(),
    };
    let mut languages = Vec::new();
    for files in corpus::gather(&args.paths, &asked)? {
        let id = files.language.id();
        let Some((_, pattern)) = CALLS.iter().find(|(of, _)| *of == id) else {
            return Err(BenchError::NoPattern(id));
        };
        eprintln!("measuring {}", files.language.name());
        let texts = shipped.remove(id).unwrap_or_default();
        languages.extend(measure_language(&files, pattern, &texts, args)?);
    }
    if languages.is_empty() {
        let &CodecArgs { min_files, min_bytes, max_bytes, .. } = args;
        return Err(BenchError::TooFewFiles { min_files, min_bytes, max_bytes });
    }
    let bars = bars(&languages);
    Ok(QueryReport { figures: QueryFigures { languages }, bars })
}

/// What was measured.
pub(crate) struct QueryReport {
    figures: QueryFigures,
    bars: Vec<Bar>,
}

#[derive(Serialize)]
struct QueryFigures {
    languages: Vec<LanguageFigures>,
}

/// The figures of one language. Times are sums over all files of the best time
/// of each.
#[derive(Serialize)]
struct LanguageFigures {
    language: &'static str,
    files: u64,
    bytes: u64,
    nodes: u64,
    /// The full highlights query on trees that are there already.
    highlights: Modes,
    /// Calls of one function, which each file has: another one in each.
    selective: Modes,
    /// Calls of one function in all files.
    selective_one: Modes,
    /// Calls of one function, from bytes at rest against from the source.
    from_zstd: Versus,
    from_book_and_dictionary: Versus,
    /// The same with the highlights query.
    highlights_from_zstd: Versus,
    shipped: Vec<QueryTimes>,
    hard: Vec<QueryTimes>,
    hard_with_limit: Vec<QueryTimes>,
    loading: Vec<Loading>,
}

/// A time of both engines.
#[derive(Serialize, Default, Clone, Copy)]
struct Versus {
    /// tree-sitter, on live trees.
    live_ns: f64,
    /// Ours, on stored ones.
    stored_ns: f64,
    /// Files in which they found something else.
    differences: u64,
}

/// Matches, and captures in the order of the text.
#[derive(Serialize, Default, Clone, Copy)]
struct Modes {
    matches: Versus,
    captures: Versus,
}

#[derive(Serialize)]
struct QueryTimes {
    query: String,
    #[serde(flatten)]
    modes: Modes,
}

#[derive(Serialize)]
struct Loading {
    query: String,
    /// `tree_sitter::Query::new`.
    live_compile_ns: f64,
    compile_ns: f64,
    load_ns: f64,
    bytes: u64,
}

impl std::ops::AddAssign for Versus {
    fn add_assign(&mut self, other: Self) {
        self.live_ns += other.live_ns;
        self.stored_ns += other.stored_ns;
        self.differences += other.differences;
    }
}

impl std::ops::AddAssign for Modes {
    fn add_assign(&mut self, other: Self) {
        self.matches += other.matches;
        self.captures += other.captures;
    }
}

impl Versus {
    /// Our time as a share of tree-sitter's.
    fn share(self) -> f64 {
        self.stored_ns / self.live_ns
    }
}

impl Modes {
    fn worse(self) -> f64 {
        self.matches.share().max(self.captures.share())
    }

    fn differences(self) -> u64 {
        self.matches.differences + self.captures.differences
    }
}

fn measure_language(
    files: &Files,
    pattern: &str,
    texts: &[QueryFile],
    args: &CodecArgs,
) -> Result<Option<LanguageFigures>, BenchError> {
    let chosen = choose(files, args);
    if chosen.measured.len() < args.min_files {
        return Ok(None);
    }
    let language: &'static Language = by_id(files.language.id()).unwrap_or(files.language);
    let learnt = learn(&mut crate::codec::measure::Bench::new(language)?, &chosen.learn)?;
    let mut bench = Bench::new(language, &learnt, args.passes.get())?;
    let sources = chosen.measured.into_iter();
    let items = sources.map(|source| bench.item(source)).collect::<Result<Vec<_>, _>>()?;
    let mut run = Run { bench, items };
    let name = |query: &QueryFile| {
        let name = query.path.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let shipped: Vec<(&QueryFile, Pair)> =
        texts.iter().filter_map(|query| Some((query, run.bench.pair(&query.text)?))).collect();
    let highlights = shipped.iter().find(|(query, _)| name(query) == "highlights.scm");
    let (_, highlights) = highlights.ok_or(BenchError::NoHighlights(run.bench.id()))?;
    let calls = run.bench.pair(&calls(pattern)).ok_or(BenchError::NoPattern(run.bench.id()))?;
    let (common, own) = run.names(&calls, pattern);
    let one = common.and_then(|text| run.bench.pair(&text)).unwrap_or(calls);
    let own: Vec<(usize, Pair)> = own
        .into_iter()
        .filter_map(|(at, text)| run.bench.pair(&text).map(|pair| (at, pair)))
        .collect();
    Ok(Some(LanguageFigures {
        language: run.bench.id(),
        files: run.items.len() as u64,
        bytes: run.items.iter().map(|item| item.source.bytes.len() as u64).sum(),
        nodes: run.items.iter().map(Item::nodes).sum(),
        highlights: run.modes(highlights),
        selective: run.selective(&own),
        selective_one: run.modes(&one),
        from_zstd: run.at_rest(&own, false),
        from_book_and_dictionary: run.at_rest(&own, true),
        highlights_from_zstd: run.highlights_from_rest(highlights),
        shipped: shipped
            .iter()
            .map(|(query, pair)| QueryTimes { query: name(query), modes: run.modes(pair) })
            .collect(),
        hard: run.hard(None),
        hard_with_limit: run.hard(Some(MATCH_LIMIT)),
        loading: shipped
            .iter()
            .map(|(query, pair)| {
                let [live_compile_ns, compile_ns, load_ns] = run.bench.loading(&query.text, pair);
                let bytes = pair.stored.to_bytes().len() as u64;
                Loading { query: name(query), live_compile_ns, compile_ns, load_ns, bytes }
            })
            .collect(),
    }))
}

/// The files of one language with the tools to measure them.
struct Run {
    bench: Bench,
    items: Vec<Item>,
}

impl Run {
    fn modes(&self, pair: &Pair) -> Modes {
        let mut cursors = Cursors::new(None);
        let mut sum = Modes::default();
        for item in &self.items {
            sum += self.of_one(pair, item, &mut cursors);
        }
        sum
    }

    fn of_one(&self, pair: &Pair, item: &Item, cursors: &mut Cursors) -> Modes {
        Modes {
            matches: self.bench.matches(pair, item, cursors),
            captures: self.bench.captures(pair, item, cursors),
        }
    }

    fn selective(&self, own: &[(usize, Pair)]) -> Modes {
        let mut cursors = Cursors::new(None);
        let mut sum = Modes::default();
        for (at, pair) in own {
            sum += self.of_one(pair, &self.items[*at], &mut cursors);
        }
        sum
    }

    fn at_rest(&mut self, own: &[(usize, Pair)], learnt: bool) -> Versus {
        let mut cursors = Cursors::new(None);
        let mut sum = Versus::default();
        for (at, pair) in own {
            sum += self.bench.at_rest(pair, &self.items[*at], &mut cursors, learnt);
        }
        sum
    }

    fn highlights_from_rest(&mut self, pair: &Pair) -> Versus {
        let mut cursors = Cursors::new(None);
        let mut sum = Versus::default();
        for item in &self.items {
            sum += self.bench.at_rest(pair, item, &mut cursors, false);
        }
        sum
    }

    fn hard(&self, match_limit: Option<u32>) -> Vec<QueryTimes> {
        let mut cursors = Cursors::new(match_limit);
        let short = self.items.iter().filter(|item| item.source.bytes.len() <= HARD_BYTES);
        let short: Vec<&Item> = short.take(HARD_FILES).collect();
        let mut all = Vec::new();
        for text in HARD {
            let Some(pair) = self.bench.pair(text) else { continue };
            let mut modes = Modes::default();
            short.iter().for_each(|item| modes += self.of_one(&pair, item, &mut cursors));
            all.push(QueryTimes { query: (*text).to_owned(), modes });
        }
        all
    }

    /// The query for the function that most files call; and for each file with
    /// calls the query for the function that its middle call calls.
    fn names(&self, calls: &Pair, pattern: &str) -> (Option<String>, Vec<(usize, String)>) {
        let mut files: BTreeMap<&[u8], usize> = BTreeMap::new();
        let mut own = Vec::new();
        for (at, item) in self.items.iter().enumerate() {
            let mut names = self.bench.called(calls, item);
            if let Some(name) = names.get(names.len() / 2) {
                own.push((at, calls_of(pattern, &String::from_utf8_lossy(name))));
            }
            names.sort_unstable();
            names.dedup();
            names.into_iter().for_each(|name| *files.entry(name).or_default() += 1);
        }
        let most = files.into_iter().max_by_key(|(_, files)| *files);
        (most.map(|(name, _)| calls_of(pattern, &String::from_utf8_lossy(name))), own)
    }
}

fn bars(languages: &[LanguageFigures]) -> Vec<Bar> {
    let each = |name, limit, figure: fn(&LanguageFigures) -> f64| {
        Bar::each(name, limit, languages.iter().map(|of| (of.language, figure(of))))
    };
    let labelled = |list: fn(&LanguageFigures) -> &[QueryTimes]| -> Vec<(String, f64)> {
        let of_one = |of: &LanguageFigures| {
            let times = list(of).iter();
            let named =
                |it: &QueryTimes| (format!("{} {}", of.language, it.query), it.modes.worse());
            times.map(named).collect::<Vec<_>>()
        };
        languages.iter().flat_map(of_one).collect()
    };
    let every = |name, limit, figures: &[(String, f64)]| {
        Bar::each(name, limit, figures.iter().map(|(of, figure)| (&**of, *figure)))
    };
    let loading: Vec<(String, f64)> = languages
        .iter()
        .flat_map(|of| {
            of.loading.iter().map(|it| {
                (format!("{} {}", of.language, it.query), it.load_ns / it.live_compile_ns)
            })
        })
        .collect();
    vec![
        each("highlights, matches, share of QueryCursor", 0.5, |of| of.highlights.matches.share()),
        each("highlights, captures, share of QueryCursor", 0.5, |of| {
            of.highlights.captures.share()
        }),
        each("selective, matches, share of QueryCursor", 0.01, |of| of.selective.matches.share()),
        each("selective, captures, share of QueryCursor", 0.01, |of| of.selective.captures.share()),
        each("selective from zstd -3, share of parse and QueryCursor", 0.025, |of| {
            of.from_zstd.share()
        }),
        each("selective from book and dictionary, the same", 0.025, |of| {
            of.from_book_and_dictionary.share()
        }),
        every("any shipped query, share of QueryCursor", 1.1, &labelled(|of| &of.shipped)),
        every("any hard query, share of QueryCursor", 1.1, &labelled(|of| &of.hard)),
        every(
            "any hard query with a match limit, the same",
            1.1,
            &labelled(|of| &of.hard_with_limit),
        ),
        every("loading a query, share of tree-sitter's compiler", 0.02, &loading),
        each("files with differences", 0.0, |of| of.differences() as f64),
    ]
}

impl LanguageFigures {
    fn differences(&self) -> u64 {
        let lists = [&self.shipped, &self.hard, &self.hard_with_limit];
        let modes = [self.highlights, self.selective, self.selective_one];
        let in_lists = lists.into_iter().flatten().map(|it| it.modes);
        let rest = [self.from_zstd, self.from_book_and_dictionary, self.highlights_from_zstd];
        in_lists.chain(modes).map(Modes::differences).sum::<u64>()
            + rest.iter().map(|it| it.differences).sum::<u64>()
    }
}

impl Report for QueryReport {
    fn bars(&self) -> &[Bar] {
        &self.bars
    }

    fn text(&self) -> String {
        let languages = &self.figures.languages;
        let mut text = String::from(
            "How many times as fast as tree-sitter's QueryCursor on live trees; m for matches, c for\n\
             captures in the order of the text. `selective` is calls of one function that the file\n\
             has, `one` the same function in all files, `rest` from bytes to the last match against\n\
             parse and QueryCursor: zstd -3, and with shape book and dictionary.\n\n",
        );
        text.push_str(&speeds(languages));
        text.push_str("\nWorst queries: our time as a share of tree-sitter's.\n\n");
        text.push_str(&worst(languages));
        text.push_str("\nMicroseconds to compile a shipped query, and to load it.\n\n");
        text.push_str(&loading(languages));
        text.push('\n');
        text.push_str(&bar::show(&self.bars));
        text
    }

    fn json(&self) -> Result<String, BenchError> {
        report::json("query", &self.figures, &self.bars)
    }
}

fn speeds(languages: &[LanguageFigures]) -> String {
    let mut table = Table::new(
        1,
        [
            "language",
            "files",
            "nodes",
            "highlights m",
            "c",
            "selective m",
            "c",
            "one m",
            "c",
            "rest",
            "book",
            "highlights",
        ],
    );
    let times = |versus: Versus| match 1.0 / versus.share() {
        times if times < 20.0 => format!("{times:.1}"),
        times => format!("{times:.0}"),
    };
    for of in languages {
        table.row([
            of.language.to_owned(),
            grouped(of.files),
            grouped(of.nodes),
            times(of.highlights.matches),
            times(of.highlights.captures),
            times(of.selective.matches),
            times(of.selective.captures),
            times(of.selective_one.matches),
            times(of.selective_one.captures),
            times(of.from_zstd),
            times(of.from_book_and_dictionary),
            times(of.highlights_from_zstd),
        ]);
    }
    table.text()
}

fn worst(languages: &[LanguageFigures]) -> String {
    let mut table = Table::new(2, ["language", "query", "matches", "captures"]);
    for of in languages {
        for (list, with) in
            [(&of.shipped, ""), (&of.hard, ""), (&of.hard_with_limit, ", match limit")]
        {
            let mut sorted: Vec<&QueryTimes> = list.iter().collect();
            sorted.sort_by(|a, b| b.modes.worse().total_cmp(&a.modes.worse()));
            for it in sorted.into_iter().take(2) {
                table.row([
                    of.language.to_owned(),
                    format!("{}{with}", it.query),
                    format!("{:.3}", it.modes.matches.share()),
                    format!("{:.3}", it.modes.captures.share()),
                ]);
            }
        }
    }
    table.text()
}

fn loading(languages: &[LanguageFigures]) -> String {
    let mut table = Table::new(
        2,
        ["language", "query", "bytes", "tree-sitter", "compile", "load", "times as fast"],
    );
    for of in languages {
        for it in &of.loading {
            table.row([
                of.language.to_owned(),
                it.query.clone(),
                grouped(it.bytes),
                format!("{:.0}", it.live_compile_ns / 1e3),
                format!("{:.0}", it.compile_ns / 1e3),
                format!("{:.1}", it.load_ns / 1e3),
                format!("{:.0}", it.live_compile_ns / it.load_ns),
            ]);
        }
    }
    table.text()
}
