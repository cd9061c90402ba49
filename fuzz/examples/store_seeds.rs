//! Writes where `store` starts from: `cargo run --example store_seeds`, in this folder.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use herbarium_store::{
    JobOptions, JobQueue, Manifest, ManifestRow, NewJob, NoTree, Outcome, Store, StoreOptions,
    TreeKey,
};
use redb::{ReadableDatabase, ReadableTable, TableDefinition};

/// Length of a segment's header, of a record's, and of the trailer.
const HEADER: usize = 64;
const RECORD: usize = 56;
const TRAILER: usize = 112;

fn main() -> Result<(), Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let golden = here.join("../crates/herbarium-store/tests/golden");
    let seeds = here.join("seeds/store");
    fs::create_dir_all(&seeds)?;
    let write =
        |name: &str, form: u8, bytes: &[u8]| fs::write(seeds.join(name), [&[form], bytes].concat());
    for version in ["v1", "v1.1"] {
        for path in files(&golden.join(version).join("segments"))? {
            let bytes = fs::read(&path)?;
            if path.extension().is_some_and(|it| it == "open") {
                write(&format!("open-{version}"), 0, &bytes)?;
                write(&format!("records-{version}"), 1, &records(&bytes[6..8], &bytes[HEADER..]))?;
            } else {
                write(&format!("pack-{version}"), 2, &bytes)?;
                write(&format!("sealed-{version}"), 3, &sealed(&bytes))?;
            }
        }
    }
    write("manifest", 5, &manifest())?;
    write("jobs", 6, &jobs()?)?;
    write("catalogue", 4, &catalogue()?)?;
    let exported = fs::read(golden.join("export-v1.0.tree"))?;
    write("exported", 7, &exported)?;
    write("exported-without-checksum", 7, &exported[..exported.len() - 8])?;
    write("marker", 8, b"herbarium store 1.1\n")?;
    Ok(())
}

fn files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files: Vec<_> = fs::read_dir(folder)?.flatten().map(|it| it.path()).collect();
    files.sort();
    Ok(files)
}

/// Features, and records without their checksums.
fn records(features: &[u8], mut rest: &[u8]) -> Vec<u8> {
    let mut out = features.to_vec();
    while rest.len() >= RECORD {
        let stored = number(&rest[20..24]);
        let (record, behind) = rest.split_at((RECORD + stored).min(rest.len()));
        out.extend_from_slice(&record[8..]);
        rest = behind;
    }
    out
}

/// A sealed segment as the target takes it apart.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let trailer = bytes.len() - TRAILER;
    let end = &bytes[trailer..];
    let (table, entries) = (number(&end[40..44]), number(&end[48..52]));
    let records = records(&bytes[6..8], &bytes[HEADER..table]);
    let mut out = (records.len() as u16).to_le_bytes().to_vec();
    out.extend_from_slice(&records);
    out.extend_from_slice(&(entries as u16).to_le_bytes());
    out.extend_from_slice(&bytes[table..table + entries * 12]);
    out.extend_from_slice(&[end[52], end[56]]);
    out.extend_from_slice(&bytes[table + entries * 12..trailer]);
    out
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// Rows, keys, and columns: no language, the root `/w`, one row `a` without a tree.
fn manifest() -> Vec<u8> {
    let columns: &[&[u8]] = &[&[0], &[2], b"/w", &[6], &[0, 1], b"a", &[0, 1, 9, 2, 4, 6, 0, 0, 0]];
    [&[1, 0, 0, 0, 0], &columns.concat()[..]].concat()
}

fn jobs() -> Result<Vec<u8>, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Arc::new(Store::open(dir.path(), StoreOptions::new())?);
    let queue = JobQueue::new(Arc::clone(&store), "q", JobOptions::default());
    for key in ["a", "b", "c"] {
        queue.add(&NewJob::new(key))?;
    }
    let claims = queue.claim(2)?;
    queue.fail(&claims[0], "on purpose")?;
    drop((queue, store));
    let database = redb::Database::open(dir.path().join("catalogue.redb"))?;
    let read = database.begin_read()?;
    let mut out = Vec::new();
    let tables = ["jobs", "jobs_ready", "jobs_leases", "jobs_keys", "jobs_sources"];
    for (number, name) in (0..).zip(tables) {
        let table: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(name);
        for row in read.open_table(table)?.iter()? {
            let (key, value) = row?;
            let (key, value) = (key.value(), &value.value()[8..]);
            out.extend_from_slice(&[number, key.len() as u8, value.len() as u8]);
            out.extend_from_slice(key);
            out.extend_from_slice(value);
        }
    }
    Ok(out)
}

fn catalogue() -> Result<Vec<u8>, Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::open(dir.path(), StoreOptions::new())?;
    let row = ManifestRow {
        path: b"a.rs".to_vec(),
        size: 3,
        mtime_ns: 1,
        ctime_ns: 2,
        inode: 3,
        language: Some("rust".into()),
        outcome: Outcome::Tree(TreeKey([5; 32])),
        nodes: 1,
        lines: 1,
        stored_bytes: 9,
        kinds: None,
    };
    let none = ManifestRow {
        path: b"b".to_vec(),
        outcome: Outcome::None(NoTree::TooLarge),
        ..row.clone()
    };
    store.put_manifest(&Manifest::new("/w", 4, vec![row, none]))?;
    store.close()?;
    Ok(fs::read(dir.path().join("catalogue.redb"))?)
}
