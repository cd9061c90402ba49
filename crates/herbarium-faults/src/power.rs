//! Power failures: a child's work is recorded, and power fails at every place in
//! the record, in many ways.

use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use crate::disk::{Disk, Fate, Image};
use crate::log::{self, Event};
use crate::{Bench, Ended, Faults, Loss, Random, Scratch, Told, Work, survey};

/// Work that was recorded.
#[derive(Debug)]
pub struct Record {
    work: Work,
    root: PathBuf,
    events: Vec<Event>,
}

/// Which ways there are for power to fail.
#[derive(Debug, Clone, Copy)]
pub struct Ways {
    /// Where no more changes than these are pending, every subset of them; where
    /// there are more, each alone lost and each alone kept. 0: neither.
    pub all_subsets_of: usize,
    /// Whether changes reach the disk in their order, up to any of them, too; else
    /// all that was not synced is lost, or, by what follows, some of it.
    pub in_order: bool,
    /// At random, how many for each place.
    pub at_random: u64,
    /// What the random ones follow from.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Places at which power failed.
    pub places: u64,
    /// Different disks that it left; each was opened, and healed.
    pub images: u64,
    /// Trees put and not flushed that were gone, over all disks.
    pub lost: u64,
    /// Of these, trees that were gone while later ones were there.
    pub holes: u64,
    /// Damaged places found, over all disks.
    pub damaged: u64,
}

impl Record {
    /// Has a child work undisturbed, on a store below a new folder, and records it.
    ///
    /// # Errors
    /// The child did not come to its end.
    pub fn of(bench: &Bench, work: &Work) -> Result<Self, String> {
        let (record, ended) = Self::with(bench, work, |faults| faults)?;
        let Ended { told, complaint, .. } = &ended;
        if !told.closed || !told.failed.is_empty() {
            return Err(format!("work without faults: {:?} {complaint}", told.failed));
        }
        Ok(record)
    }

    /// Has a child work with these faults, and records it.
    ///
    /// # Errors
    /// As [`Bench::run`].
    pub fn with(
        bench: &Bench,
        work: &Work,
        faults: impl FnOnce(Faults) -> Faults,
    ) -> Result<(Self, Ended), String> {
        Self::with_next(bench, work, faults, None)
    }

    /// As [`Record::with`], and records a second child that does other work on the
    /// same store afterwards, undisturbed.
    ///
    /// # Errors
    /// As [`Bench::run`].
    pub fn with_next(
        bench: &Bench,
        work: &Work,
        faults: impl FnOnce(Faults) -> Faults,
        next: Option<&Work>,
    ) -> Result<(Self, Ended), String> {
        let scratch = Scratch::new().map_err(|error| error.to_string())?;
        let root = scratch.root().map_err(|error| error.to_string())?;
        let work = Work { dir: root.join("store"), ..work.clone() };
        let log = scratch.path().join("log");
        let ended = bench.run(&work, &faults(Faults::below(&root).log(&log)))?;
        if let Some(next) = next {
            let next = Work { dir: work.dir.clone(), ..next.clone() };
            bench.run(&next, &Faults::below(&root).log(&log))?;
        }
        Ok((Self { events: log::read(&log)?, work, root }, ended))
    }

    /// How many changes there are.
    pub fn changes(&self) -> usize {
        self.events.iter().filter(|event| !matches!(event, Event::Say(_))).count()
    }

    /// Has power fail at every place in all ways. `check` is told the work, with
    /// the folder that the image is in, and what was said until then.
    ///
    /// # Errors
    /// What `check` has to say of an image, with the place and the way.
    pub fn fail(
        &self,
        ways: Ways,
        check: impl Fn(&Work, &Told, &Fates) -> Result<Outcome, String>,
    ) -> Result<Outcome, String> {
        let (mut disk, mut told, mut outcome) =
            (Disk::default(), Told::default(), Outcome::default());
        let mut seen = HashSet::new();
        for (place, event) in self.events.iter().enumerate() {
            if let Event::Say(line) = event {
                told.hear(line.trim_end().parse()?);
                continue;
            }
            // Before the next change, so that all was heard that was said.
            self.fail_here(&disk, &told, ways, place, &mut seen, &mut outcome, &check)?;
            disk.apply(event);
        }
        let place = self.events.len();
        self.fail_here(&disk, &told, ways, place, &mut seen, &mut outcome, &check)?;
        Ok(outcome)
    }

    #[expect(clippy::too_many_arguments, reason = "the state of one loop")]
    fn fail_here(
        &self,
        disk: &Disk,
        told: &Told,
        ways: Ways,
        place: usize,
        seen: &mut HashSet<u64>,
        outcome: &mut Outcome,
        check: &impl Fn(&Work, &Told, &Fates) -> Result<Outcome, String>,
    ) -> Result<(), String> {
        outcome.places += 1;
        let pending = disk.pending();
        for fates in all_fates(&pending, ways, place) {
            let image = disk.fail(|time| fates.of(time));
            if !seen.insert(mark(&image, told)) {
                continue;
            }
            outcome.images += 1;
            let found = self.check_image(&image, told, &fates, check);
            let found = found.map_err(|error| {
                format!(
                    "power failed before change {place} of {}, {fates:?}: {error}",
                    self.events.len()
                )
            })?;
            outcome.lost += found.lost;
            outcome.holes += found.holes;
            outcome.damaged += found.damaged;
        }
        Ok(())
    }

    fn check_image(
        &self,
        image: &Image,
        told: &Told,
        fates: &Fates,
        check: &impl Fn(&Work, &Told, &Fates) -> Result<Outcome, String>,
    ) -> Result<Outcome, String> {
        let scratch = Scratch::new().map_err(|error| error.to_string())?;
        let to = scratch.path().join("image");
        image.write(&self.root, &to).map_err(|error| error.to_string())?;
        let dir = to.join(self.work.dir.strip_prefix(&self.root).unwrap_or(Path::new("store")));
        let result = check(&Work { dir, ..self.work.clone() }, told, fates);
        if result.is_err()
            && let Some(keep) = std::env::var_os("HERBARIUM_FAULTS_KEEP")
        {
            // For whoever looks into it.
            let _ = fs::remove_dir_all(&keep);
            let _ = image.write(&self.root, Path::new(&keep));
        }
        result
    }
}

/// Surveys an image; where writes reached the disk in their order, no tree may be
/// gone while a later one is there.
///
/// # Errors
/// What the survey says.
pub fn check_store(work: &Work, told: &Told, fates: &Fates) -> Result<Outcome, String> {
    let survey = survey::survey(work, told, Loss::Power)?;
    if fates.in_order && survey.holes != 0 {
        return Err(format!("{} trees are gone while later ones are there", survey.holes));
    }
    let survey::Survey { lost, holes, damaged, .. } = survey;
    Ok(Outcome { lost, holes, damaged, ..Outcome::default() })
}

/// Two disks are the same if what is on them and what was promised are.
fn mark(image: &Image, told: &Told) -> u64 {
    let mut hasher = DefaultHasher::new();
    (image.hash(), &told.flushed, &told.put, told.manifest).hash(&mut hasher);
    hasher.finish()
}

/// What becomes of the changes that are pending.
#[derive(Debug, Clone)]
pub struct Fates {
    fates: Vec<(usize, Fate)>,
    /// Whether all that was written before what is lost is there.
    pub in_order: bool,
}

impl Fates {
    fn new(pending: &[usize], fate: impl Fn(usize) -> Fate) -> Self {
        let fates: Vec<_> =
            (0..).map(fate).zip(pending).map(|(fate, time)| (*time, fate)).collect();
        let lost = fates.iter().position(|(_, fate)| *fate != Fate::Kept).unwrap_or(fates.len());
        let rest = fates.iter().skip(lost + 1);
        let in_order = rest.into_iter().all(|(_, fate)| *fate == Fate::Lost);
        Self { fates, in_order }
    }

    fn of(&self, time: usize) -> Fate {
        let at = self.fates.binary_search_by_key(&time, |(time, _)| *time);
        at.ok().and_then(|at| self.fates.get(at)).map_or(Fate::Lost, |(_, fate)| *fate)
    }
}

fn all_fates(pending: &[usize], ways: Ways, place: usize) -> Vec<Fates> {
    let count = pending.len();
    let kept = |yes| if yes { Fate::Kept } else { Fate::Lost };
    let mut all = vec![Fates::new(pending, |_| Fate::Lost)];
    let seed = ways.seed.wrapping_add((place as u64) << 20);
    if ways.in_order {
        // So many are there, the next is torn or not there.
        all.extend((1..=count).map(|there| Fates::new(pending, |at| kept(at < there))));
        for there in 0..count {
            let torn = |at| if at == there { Fate::Torn(seed) } else { kept(at < there) };
            all.push(Fates::new(pending, torn));
        }
    }
    if count <= ways.all_subsets_of {
        all.extend(
            (0..1_usize << count).map(|set| Fates::new(pending, |at| kept(set >> at & 1 == 1))),
        );
    } else if ways.all_subsets_of > 0 {
        for one in 0..count {
            all.push(Fates::new(pending, |at| kept(at != one)));
            all.push(Fates::new(pending, |at| kept(at == one)));
        }
    }
    for way in 0..ways.at_random {
        let mut random = Random::new(seed.wrapping_add(way));
        let fates: Vec<Fate> = (0..count)
            .map(|_| match random.below(3) {
                0 => Fate::Kept,
                1 => Fate::Lost,
                _ => Fate::Torn(random.draw()),
            })
            .collect();
        all.push(Fates::new(pending, |at| fates.get(at).copied().unwrap_or(Fate::Lost)));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_subsets_of_a_few_changes_are_tried() {
        let ways = Ways { all_subsets_of: 4, in_order: true, at_random: 0, seed: 0 };
        let lost: HashSet<Vec<bool>> = all_fates(&[3, 5, 9], ways, 0)
            .iter()
            .map(|fates| [3, 5, 9].map(|time| fates.of(time) == Fate::Lost).to_vec())
            .collect();
        assert_eq!(lost.len(), 8);
    }

    #[test]
    fn what_is_in_order_is_known_to_be() {
        use Fate::{Kept, Lost, Torn};
        for (fates, in_order) in [
            ([Kept, Kept, Lost], true),
            ([Kept, Torn(1), Lost], true),
            ([Lost, Kept, Kept], false),
            ([Torn(1), Kept, Kept], false),
            ([Lost, Lost, Lost], true),
        ] {
            assert_eq!(Fates::new(&[1, 2, 3], |at| fates[at]).in_order, in_order, "{fates:?}");
        }
    }
}
