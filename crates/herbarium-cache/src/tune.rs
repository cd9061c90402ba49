//! Budgets and worker counts that suit the machine, with the reason for each figure.
//!
//! ```
//! # #[cfg(feature = "tune")] {
//! use herbarium_cache::{Bytes, Cache, CacheBuilder, tune::{Resources, Tuning}};
//!
//! let tuning = Tuning::of(&Resources::detect());
//! let cache: Cache<u64, _> = CacheBuilder::new(Bytes).budget(tuning.budget.value).build()?;
//! for row in tuning.rows() {
//!     println!("{:<20} {:>12}  {}", row.name, row.value, row.origin);
//! }
//! # }
//! # Ok::<(), herbarium_cache::BuildError>(())
//! ```

use std::fmt;
use std::path::{Path, PathBuf};

/// A number, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure<T> {
    /// The number.
    pub value: T,
    /// Why it is this one.
    pub origin: Origin,
}

/// Where a [`Figure`] comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// What the machine has.
    Machine,
    /// A limit of a control group of Linux, read from this file.
    Cgroup {
        /// The file that holds the limit.
        file: PathBuf,
    },
    /// Computed from another figure by this rule.
    Rule(&'static str),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine => f.write_str("what the machine has"),
            Self::Cgroup { file } => write!(f, "limit of the control group, {}", file.display()),
            Self::Rule(rule) => f.write_str(rule),
        }
    }
}

/// What this process may use. Plain data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resources {
    /// Processors: at least 1.
    pub processors: Figure<usize>,
    /// Bytes of memory.
    pub memory: Figure<u64>,
}

impl Resources {
    /// What the machine has, less what control groups (version 1 or 2) allow, in the group
    /// of this process and those above it. Reads a few small files; what cannot be read
    /// limits nothing.
    #[cfg(feature = "tune")]
    pub fn detect() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let mut found = Self::of_machine(processors, 0);
        found.memory = memory();
        found.limited_by(Path::new("/"))
    }

    /// A machine without limits.
    pub fn of_machine(processors: usize, memory: u64) -> Self {
        Self {
            processors: Figure { value: processors.max(1), origin: Origin::Machine },
            memory: Figure { value: memory, origin: Origin::Machine },
        }
    }

    /// The same within the control groups that are found in `proc` and `sys` below this
    /// root, which is `/` but for tests.
    #[must_use]
    pub fn limited_by(mut self, root: &Path) -> Self {
        let groups = Groups::of_process(root);
        for (file, bytes) in groups.memory_limits() {
            lower(&mut self.memory, bytes, file);
        }
        for (file, processors) in groups.processor_limits() {
            lower(&mut self.processors, processors, file);
        }
        self
    }
}

#[cfg(feature = "tune")]
fn memory() -> Figure<u64> {
    match sysinfo::System::new() {
        Ok(mut system) => {
            system.refresh_memory();
            Figure { value: system.total_memory(), origin: Origin::Machine }
        }
        Err(_) => {
            let why = "assumed: this system does not tell how much memory it has";
            Figure { value: 1 << 30, origin: Origin::Rule(why) }
        }
    }
}

fn lower<T: Ord>(figure: &mut Figure<T>, value: T, file: PathBuf) {
    if value < figure.value {
        *figure = Figure { value, origin: Origin::Cgroup { file } };
    }
}

/// Settings that suit [`Resources`]. Plain data: print it, change it, pass it on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tuning {
    /// Processors that were found.
    pub processors: Figure<usize>,
    /// Bytes of memory that were found.
    pub memory: Figure<u64>,
    /// Bytes for [`CacheBuilder::budget`](crate::CacheBuilder::budget).
    pub budget: Figure<u64>,
    /// Threads for work that computes, such as parsing.
    pub workers: Figure<usize>,
    /// Threads for work behind the scenes, such as writing and compacting.
    pub background_workers: Figure<usize>,
}

const LEAST_BUDGET: u64 = 16 << 20;
const MOST_BUDGET: u64 = 8 << 30;

impl Tuning {
    /// A quarter of the memory for the cache, within 16 MiB and 8 GiB; a worker for each processor; one
    /// in the background for each four.
    pub fn of(resources: &Resources) -> Self {
        let processors = resources.processors.value.max(1);
        let quarter = resources.memory.value / 4;
        let budget = match quarter {
            0..LEAST_BUDGET => (LEAST_BUDGET, "16 MiB, the least: a quarter of memory is less"),
            LEAST_BUDGET..=MOST_BUDGET => (quarter, "a quarter of memory"),
            _ => (MOST_BUDGET, "8 GiB, the most: a quarter of memory is more"),
        };
        let rule = |value, rule| Figure { value, origin: Origin::Rule(rule) };
        Self {
            processors: resources.processors.clone(),
            memory: resources.memory.clone(),
            budget: Figure { value: budget.0, origin: Origin::Rule(budget.1) },
            workers: rule(processors, "one for each processor"),
            background_workers: rule(processors.div_ceil(4), "one for each four processors"),
        }
    }

    /// All figures as text, for a table.
    pub fn rows(&self) -> Vec<Row> {
        fn row<T: fmt::Display>(name: &'static str, figure: &Figure<T>) -> Row {
            Row { name, value: figure.value.to_string(), origin: figure.origin.to_string() }
        }
        vec![
            row("processors", &self.processors),
            row("memory", &self.memory),
            row("budget", &self.budget),
            row("workers", &self.workers),
            row("background_workers", &self.background_workers),
        ]
    }
}

/// One line of [`Tuning::rows`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The field of [`Tuning`].
    pub name: &'static str,
    /// Its value; bytes where it is memory.
    pub value: String,
    /// Where it comes from, as a phrase.
    pub origin: String,
}

/// Folders of the control groups that hold this process, the innermost first.
struct Groups {
    /// Version 2: one tree for all controllers.
    unified: Vec<PathBuf>,
    /// Version 1.
    memory: Vec<PathBuf>,
    processors: Vec<PathBuf>,
}

impl Groups {
    fn of_process(root: &Path) -> Self {
        let list = std::fs::read_to_string(root.join("proc/self/cgroup")).unwrap_or_default();
        let mount = root.join("sys/fs/cgroup");
        let mut groups = Self { unified: Vec::new(), memory: Vec::new(), processors: Vec::new() };
        // Lines such as `4:cpu,cpuacct:/inner/group`; version 2 has `0::/inner/group`.
        for line in list.lines() {
            let mut parts = line.splitn(3, ':').skip(1);
            let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
            if controllers.is_empty() {
                groups.unified = folders(&mount, path);
            }
            for controller in controllers.split(',') {
                match controller {
                    "memory" => groups.memory = folders(&mount.join("memory"), path),
                    "cpu" => groups.processors = folders(&cpu_mount(&mount, controllers), path),
                    _ => {}
                }
            }
        }
        groups
    }

    fn memory_limits(&self) -> Vec<(PathBuf, u64)> {
        let unified = self
            .unified
            .iter()
            .flat_map(|folder| ["memory.max", "memory.high"].map(|name| folder.join(name)));
        let first = self.memory.iter().map(|folder| folder.join("memory.limit_in_bytes"));
        let limit = |file: PathBuf| number(&file).map(|bytes| (file, bytes));
        unified.chain(first).filter_map(limit).collect()
    }

    fn processor_limits(&self) -> Vec<(PathBuf, usize)> {
        let unified = self.unified.iter().filter_map(|folder| {
            let file = folder.join("cpu.max");
            let text = std::fs::read_to_string(&file).ok()?;
            let (quota, period) = text.trim().split_once(' ')?;
            Some((file, whole(quota.parse().ok()?, period.parse().ok()?)?))
        });
        let first = self.processors.iter().filter_map(|folder| {
            let file = folder.join("cpu.cfs_quota_us");
            let period = number(&folder.join("cpu.cfs_period_us"))?;
            Some((file.clone(), whole(number(&file)?, period)?))
        });
        unified.chain(first).collect()
    }
}

/// The group's folder and those above it, up to the mount point. A process in a container
/// may see a path that is not mounted there: then its own group is the mount point.
fn folders(mount: &Path, path: &str) -> Vec<PathBuf> {
    let own = mount.join(path.trim_start_matches('/'));
    own.ancestors().take_while(|it| it.starts_with(mount)).map(Path::to_path_buf).collect()
}

/// Controllers that share a tree are mounted under both names, or under their list.
fn cpu_mount(mount: &Path, controllers: &str) -> PathBuf {
    let joint = mount.join(controllers);
    if joint.is_dir() { joint } else { mount.join("cpu") }
}

/// The number in a file; `None` for `max`, `-1` and whatever is no number.
fn number(file: &Path) -> Option<u64> {
    std::fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Whole processors: work beyond the quota is stopped and waits for the next period.
fn whole(quota: u64, period: u64) -> Option<usize> {
    Some((quota.checked_div(period)? as usize).max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine of 8 processors and 1,000,000,000 bytes, with these files.
    fn check(files: &[(&str, &str)], processors: (usize, &str), memory: (u64, &str)) {
        let root = tempfile::tempdir().expect("a folder");
        for (path, text) in files {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(path, text).expect("written");
        }
        let found = Resources::of_machine(8, 1_000_000_000).limited_by(root.path());
        let named = |origin: &Origin| match origin {
            Origin::Cgroup { file } => {
                let file = file.strip_prefix(root.path()).expect("below the root");
                file.to_string_lossy().replace('\\', "/")
            }
            other => other.to_string(),
        };
        let heard = (found.processors.value, named(&found.processors.origin));
        assert_eq!((heard.0, &*heard.1), processors);
        let heard = (found.memory.value, named(&found.memory.origin));
        assert_eq!((heard.0, &*heard.1), memory);
    }

    const MACHINE: &str = "what the machine has";

    #[test]
    fn without_control_groups_the_machine_decides() {
        check(&[], (8, MACHINE), (1_000_000_000, MACHINE));
        check(&[("proc/self/cgroup", "junk\n:::\n")], (8, MACHINE), (1_000_000_000, MACHINE));
    }

    #[test]
    fn version_2_limits_the_group_and_those_above_it() {
        check(
            &[
                ("proc/self/cgroup", "0::/outer/inner\n"),
                ("sys/fs/cgroup/outer/inner/memory.max", "max\n"),
                ("sys/fs/cgroup/outer/memory.max", "500000000\n"),
                ("sys/fs/cgroup/outer/memory.high", "400000000\n"),
                ("sys/fs/cgroup/outer/inner/cpu.max", "250000 100000\n"),
                ("sys/fs/cgroup/outer/cpu.max", "max 100000\n"),
            ],
            (2, "sys/fs/cgroup/outer/inner/cpu.max"),
            (400_000_000, "sys/fs/cgroup/outer/memory.high"),
        );
    }

    #[test]
    fn a_container_that_sees_its_path_from_outside_reads_the_mount_point() {
        check(
            &[
                ("proc/self/cgroup", "0::/docker/0123\n"),
                ("sys/fs/cgroup/memory.max", "300000000\n"),
                ("sys/fs/cgroup/cpu.max", "50000 100000\n"),
            ],
            (1, "sys/fs/cgroup/cpu.max"),
            (300_000_000, "sys/fs/cgroup/memory.max"),
        );
    }

    #[test]
    fn version_1_has_a_tree_for_each_controller() {
        check(
            &[
                ("proc/self/cgroup", "5:cpu,cpuacct:/job\n4:memory:/job\n"),
                ("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "200000000\n"),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
                ("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "300000\n"),
                ("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n"),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
                ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ],
            (3, "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us"),
            (200_000_000, "sys/fs/cgroup/memory/job/memory.limit_in_bytes"),
        );
    }

    #[test]
    fn a_period_of_zero_limits_nothing() {
        check(
            &[("proc/self/cgroup", "0::/\n"), ("sys/fs/cgroup/cpu.max", "1 0\n")],
            (8, MACHINE),
            (1_000_000_000, MACHINE),
        );
    }

    #[test]
    fn the_budget_is_a_quarter_within_bounds() {
        let budget = |memory: u64| Tuning::of(&Resources::of_machine(1, memory)).budget.value;
        assert_eq!(budget(4 << 30), 1 << 30);
        assert_eq!(budget(0), LEAST_BUDGET);
        assert_eq!(budget(u64::MAX), MOST_BUDGET);
    }

    #[test]
    fn every_figure_has_a_row_with_its_origin() {
        let tuning = Tuning::of(&Resources::of_machine(6, 1 << 30));
        let rows = tuning.rows();
        let shown: Vec<_> = rows.iter().map(|row| (row.name, &*row.value, &*row.origin)).collect();
        assert_eq!(
            shown,
            [
                ("processors", "6", MACHINE),
                ("memory", "1073741824", MACHINE),
                ("budget", "268435456", "a quarter of memory"),
                ("workers", "6", "one for each processor"),
                ("background_workers", "2", "one for each four processors"),
            ]
        );
    }
}
