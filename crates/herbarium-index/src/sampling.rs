//! Which files are pressed first, so that the others find a dictionary.

use std::collections::HashMap;
use std::path::Path;

use herbarium_languages::{Detection, detect, needs_head};
use herbarium_store::heuristics::SAMPLE_FILES;
use herbarium_store::path_from_bytes;

use crate::walk::Found;

/// With fewer new files a dictionary costs more than it saves.
const MIN_FILES: usize = 48;
/// More source, likewise; it is also what bounds the memory of trees held.
const MAX_BYTES: u64 = 4 << 20;
/// Of all languages together.
const MAX_TOTAL_BYTES: u64 = 32 << 20;
/// Longer files are no good samples: one of them is as many bytes as ten others.
const MAX_SAMPLE: u64 = 64 << 10;

/// Files that are told apart before they are read: those of one language by
/// name, or of one extension that several languages use.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Kin {
    Language(&'static str),
    Extension(Vec<u8>),
}

/// Samples that are parsed together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Round {
    /// The language that has all its samples after this round; `None` for files
    /// whose language shows only when they are read.
    pub(crate) language: Option<&'static str>,
    /// In the order of the files.
    pub(crate) files: Vec<u32>,
}

/// A sample of the files to press, spread over each kind of files: a round for
/// each language, so that its trees are stored before those of the next are
/// made. Before them go files that may belong to any of them.
///
/// `wants` says whether a language lacks a dictionary.
pub(crate) fn choose(
    files: &[Found],
    to_press: &[u32],
    wants: impl Fn(&Detection) -> bool,
) -> Vec<Round> {
    let (mut of_any, mut rounds) = (Vec::new(), Vec::new());
    let mut total = 0;
    for (kin, members) in kins(files, to_press, wants) {
        let size = |file: &u32| files.get(*file as usize).map_or(0, |found| found.stat.size);
        let fit: Vec<u32> =
            members.into_iter().filter(|file| (1..=MAX_SAMPLE).contains(&size(file))).collect();
        let step = fit.len().div_ceil(SAMPLE_FILES).max(1);
        let (mut bytes, mut sample) = (0, Vec::new());
        for file in fit.into_iter().step_by(step) {
            bytes += size(&file);
            if bytes > MAX_BYTES || total + bytes > MAX_TOTAL_BYTES {
                break;
            }
            sample.push(file);
        }
        total += bytes.min(MAX_BYTES);
        match kin {
            Kin::Language(id) => rounds.push(Round { language: Some(id), files: sample }),
            Kin::Extension(_) => of_any.extend(sample),
        }
    }
    of_any.sort_unstable();
    rounds.insert(0, Round { language: None, files: of_any });
    rounds.retain(|round| !round.files.is_empty());
    rounds
}

fn kins(
    files: &[Found],
    to_press: &[u32],
    wants: impl Fn(&Detection) -> bool,
) -> Vec<(Kin, Vec<u32>)> {
    let mut kins: HashMap<Kin, Vec<u32>> = HashMap::new();
    for &file in to_press {
        let Some(found) = files.get(file as usize) else { continue };
        if let Some(kin) = kin(&path_from_bytes(&found.path), &wants) {
            kins.entry(kin).or_default().push(file);
        }
    }
    let mut kins: Vec<(Kin, Vec<u32>)> =
        kins.into_iter().filter(|(_, members)| members.len() >= MIN_FILES).collect();
    // Most files first: theirs is the gain when the total is used up.
    kins.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.0.cmp(&b.0)));
    kins
}

fn kin(path: &Path, wants: &impl Fn(&Detection) -> bool) -> Option<Kin> {
    if needs_head(path) {
        let extension = path.extension()?.as_encoded_bytes();
        return Some(Kin::Extension(extension.to_ascii_lowercase()));
    }
    detect(path, &[]).filter(wants).map(|detection| Kin::Language(detection.row().id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stat::Stat;

    fn check(files: &[(&str, usize, u64)], expected: &[(usize, usize)]) {
        let mut all = Vec::new();
        for (name, count, size) in files {
            for index in 0..*count {
                let path = format!("{index:05}{name}").into_bytes();
                all.push(Found { path, stat: Stat { size: *size, ..Stat::default() } });
            }
        }
        let to_press: Vec<u32> = (0..all.len() as u32).collect();
        let rounds = choose(&all, &to_press, |_| true);
        let sample: Vec<u32> = rounds.into_iter().flat_map(|round| round.files).collect();
        let mut begin = 0;
        for ((name, count, _), (least, most)) in files.iter().zip(expected) {
            let range = begin..begin + *count as u32;
            let chosen: Vec<&u32> = sample.iter().filter(|file| range.contains(file)).collect();
            assert!((*least..=*most).contains(&chosen.len()), "{name}: {}", chosen.len());
            if let (Some(first), Some(last)) = (chosen.first(), chosen.last()) {
                assert!(*last - *first >= *count as u32 / 2, "{name}: not spread out");
            }
            begin = range.end;
        }
    }

    #[test]
    fn few_files_are_not_worth_a_dictionary() {
        check(&[(".rs", 47, 5000), (".py", 48, 5000)], &[(0, 0), (48, 48)]);
    }

    #[test]
    fn a_sample_is_bounded_and_spread_out() {
        check(&[(".rs", 50_000, 5000)], &[(150, 200)]);
        check(&[(".h", 10_000, 2000), (".c", 1000, 2000)], &[(150, 200), (150, 200)]);
    }

    #[test]
    fn each_language_has_a_round_after_those_that_may_be_of_any() {
        let stat = Stat { size: 100, ..Stat::default() };
        let names = |name: &str, count: usize| {
            (0..count).map(|index| format!("{index:05}{name}")).collect::<Vec<_>>()
        };
        let all = [names(".py", 60), names(".h", 60), names(".rs", 90)].concat();
        let found = |path: &String| Found { path: path.clone().into_bytes(), stat };
        let files: Vec<Found> = all.iter().map(found).collect();
        let to_press: Vec<u32> = (0..files.len() as u32).collect();
        let rounds = choose(&files, &to_press, |_| true);
        let languages: Vec<_> = rounds.iter().map(|round| round.language).collect();
        assert_eq!(languages, [None, Some("rust"), Some("python")]);
    }

    #[test]
    fn long_and_empty_files_are_no_samples() {
        check(&[(".rs", 100, 1 << 20), (".py", 100, 0)], &[(0, 0), (0, 0)]);
    }

    #[test]
    fn a_language_that_has_a_dictionary_needs_no_sample() {
        let stat = Stat { size: 100, ..Stat::default() };
        let found = |index| Found { path: format!("{index}.rs").into_bytes(), stat };
        let files: Vec<Found> = (0..100).map(found).collect();
        let to_press: Vec<u32> = (0..100).collect();
        assert!(choose(&files, &to_press, |detection| detection.row().id != "rust").is_empty());
    }
}
