//! Files go bad: whatever becomes of whichever file, the store opens, nothing is
//! wrong, and it is as good as new once all was put again.

use std::fs;
use std::path::{Path, PathBuf};

use herbarium_faults::{
    Faults, Line, Loss, Random, Scratch, Survey, Told, Work, survey, survey_range,
};
use herbarium_store::{Store, StoreOptions};

use crate::bench::{bench, endless, scripted};

/// Something bad that happens to the content of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Harm {
    /// One bit is another.
    Flip(u64),
    /// A range is zero.
    Zeroes(u64),
    /// A range is garbage.
    Garbage(u64),
    /// It is cut off.
    Cut(u64),
    /// There is more of it.
    Extended,
    /// There is nothing in it.
    Empty,
    /// All of it is garbage.
    Replaced,
    /// It is gone.
    Removed,
}

impl Harm {
    /// All that happen once, and of each that has a place so many.
    pub(crate) fn several(seed: u64, places: u64) -> Vec<Self> {
        let mut random = Random::new(seed);
        let mut harms = vec![Self::Extended, Self::Empty, Self::Replaced, Self::Removed];
        for _ in 0..places {
            harms.extend([
                Self::Flip(random.draw()),
                Self::Zeroes(random.draw()),
                Self::Garbage(random.draw()),
                Self::Cut(random.draw()),
            ]);
        }
        harms
    }

    /// Does it to a file.
    pub(crate) fn to(self, path: &Path) {
        let mut content = fs::read(path).unwrap();
        let len = content.len().max(1);
        let place = |seed: u64| (seed as usize >> 8) % len;
        // A range of up to 700 bytes: more than a sector.
        let range = |seed: u64| place(seed)..(place(seed) + (seed % 700) as usize + 1).min(len);
        let mut random = Random::new(len as u64);
        match self {
            _ if content.is_empty() => content = vec![0x5a; 100],
            Self::Flip(seed) => content[place(seed)] ^= 1 << (seed % 8),
            Self::Zeroes(seed) => content[range(seed)].fill(0),
            Self::Garbage(seed) => content[range(seed)].fill_with(|| random.draw() as u8),
            Self::Cut(seed) => content.truncate(place(seed)),
            Self::Extended => content.extend((0..3_000).map(|_| random.draw() as u8)),
            Self::Empty => content.clear(),
            Self::Replaced => content.fill_with(|| random.draw() as u8),
            Self::Removed => return fs::remove_file(path).unwrap(),
        }
        fs::write(path, content).unwrap();
    }
}

/// All files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, to).unwrap();
        }
    }
}

/// Harms a copy of a store, and surveys it.
fn check(work: &Work, told: &Told, harm: impl Fn(&Path)) -> Result<Survey, String> {
    let scratch = Scratch::new().unwrap();
    let dir = scratch.path().join("store");
    copy(&work.dir, &dir);
    harm(&dir);
    survey(&Work { dir, ..work.clone() }, told, Loss::Damage)
}

/// A store with a file of each kind, some of its damage noted.
fn with_all_kinds() -> Option<(Scratch, Work, Told)> {
    let (scratch, work, told) = scripted(&bench()?);
    let packs =
        files(&work.dir).into_iter().filter(|path| path.extension().is_some_and(|it| it == "pack"));
    let pack = packs.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let mut content = fs::read(&pack).unwrap();
    content[200] ^= 1;
    fs::write(&pack, content).unwrap();
    let store = Store::open(&work.dir, StoreOptions::new()).unwrap();
    assert!(!store.verify().unwrap().findings.is_empty());
    drop(store);
    let extensions: Vec<_> = files(&work.dir)
        .iter()
        .filter_map(|it| Some(it.extension()?.to_str()?.to_owned()))
        .collect();
    for kind in ["pack", "open", "lock", "bad", "redb", "query"] {
        assert!(extensions.iter().any(|it| it == kind), "no .{kind} in {extensions:?}");
    }
    Some((scratch, work, told))
}

#[test]
fn any_harm_to_any_file_is_healed() {
    let Some((_scratch, work, told)) = with_all_kinds() else { return };
    for (number, file) in (0..).zip(files(&work.dir)) {
        let name = file.strip_prefix(&work.dir).unwrap();
        for harm in Harm::several(number, 4) {
            check(&work, &told, |dir| harm.to(&dir.join(name)))
                .unwrap_or_else(|wrong| panic!("{harm:?} to {}: {wrong}", name.display()));
        }
    }
}

#[test]
fn harm_to_several_files_at_once_is_healed() {
    let Some((_scratch, work, told)) = with_all_kinds() else { return };
    for round in 0..30 {
        let harm = |dir: &Path| {
            let mut random = Random::new(round);
            for file in files(dir) {
                let harms = Harm::several(random.draw(), 1);
                let harm = harms[random.below(harms.len() as u64) as usize];
                // Without the file that says what it is, nor a whole segment, nothing
                // tells a store from other things.
                if !file.ends_with("HERBARIUM") && random.once_in(2) {
                    harm.to(&file);
                }
            }
        };
        check(&work, &told, harm).unwrap_or_else(|wrong| panic!("round {round}: {wrong}"));
    }
}

#[test]
fn a_small_segment_and_a_catalogue_cut_anywhere_are_healed() {
    let Some((_scratch, work, told)) = with_all_kinds() else { return };
    for file in files(&work.dir) {
        let name = file.strip_prefix(&work.dir).unwrap();
        let len = fs::metadata(&file).unwrap().len();
        // Every byte of what is short; of the catalogue, the edges of its pages.
        let lengths: Vec<u64> = match file.extension().and_then(|it| it.to_str()) {
            Some("redb") => (0..len).step_by(4096).flat_map(|at| [at, at + 1, at + 4095]).collect(),
            Some("open") => (0..len).step_by(23).collect(),
            Some("bad" | "query") | None => (0..len).collect(),
            _ => continue,
        };
        for len in lengths {
            let cut = |dir: &Path| {
                let file = fs::File::options().write(true).open(dir.join(name)).unwrap();
                file.set_len(len).unwrap();
            };
            check(&work, &told, cut)
                .unwrap_or_else(|wrong| panic!("{} cut to {len}: {wrong}", name.display()));
        }
    }
}

#[test]
fn a_file_that_is_a_folder_is_survived_or_said_to_be_in_the_way() {
    let Some((_scratch, work, told)) = with_all_kinds() else { return };
    for file in files(&work.dir) {
        let name = file.strip_prefix(&work.dir).unwrap();
        let replace = |dir: &Path| {
            fs::remove_file(dir.join(name)).unwrap();
            fs::create_dir(dir.join(name)).unwrap();
        };
        let result = check(&work, &told, replace);
        if let Err(wrong) = result {
            // The lock of the catalogue stands for it.
            let name = name.with_extension("");
            let named = wrong.contains(name.file_name().unwrap().to_str().unwrap());
            assert!(named && wrong.contains("delete"), "{}: {wrong}", name.display());
        }
    }
}

/// A process that has a segment mapped cannot be kept from ending when another
/// cuts it: the system ends it at the next look. What it put besides is there.
#[test]
fn a_sealed_segment_cut_while_it_is_in_use_costs_what_was_in_it() {
    let Some(bench) = bench() else { return };
    let scratch = Scratch::new().unwrap();
    let root = scratch.root().unwrap();
    let work = endless(root.join("store"), 0, 6);
    let mut child = bench.start(&work, &Faults::below(&root)).unwrap();
    child.hear_until(|line| matches!(line, Line::Put(200))).unwrap();
    for file in files(&work.dir).iter().filter(|it| it.extension().is_some_and(|it| it == "pack")) {
        // Its owner may have collected it meanwhile.
        let file = fs::File::options().write(true).open(file);
        file.and_then(|file| file.set_len(70)).unwrap_or_default();
    }
    let told = child.kill().unwrap().told;
    let trees = 0..told.put.last().unwrap() + 1;
    survey_range(&work, &told, Loss::Damage, trees).unwrap();
}
