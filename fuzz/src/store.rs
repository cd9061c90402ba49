//! Bytes as the files of a store.

use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use herbarium_codec::Fingerprint;
use herbarium_store::{
    Durability, ExportedTree, JobOptions, JobQueue, QueryParts, Store, StoreOptions, TreeKey,
};
use redb::{ConcurrencyMode, TableDefinition};
use tempfile::TempDir;
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// A name that segments may have; those of the golden files are found in them, too.
const SEGMENT: &str = "seg-3f90ad08538b7de60d26baea94e31ef1";
const ID: [u8; 16] = 0x3f90_ad08_538b_7de6_0d26_baea_94e3_1ef1_u128.to_be_bytes();
const ROOT: &[u8] = b"/w";
const QUERY: QueryParts<'_> =
    QueryParts { engine: "1", grammar: Fingerprint([3; 16]), text: "(_) @a" };

/// Puts the bytes where a store has such a file, as the first of them says, some of them
/// behind checksums that fit, and reads everything: an error or what is whole, never a
/// panic. Opened for writing, the store can be used as any other.
pub fn store(data: &[u8]) {
    herbarium_store::hush_caught_panics();
    let Some((&form, data)) = data.split_first() else { return };
    let ground = Ground::new();
    match form % 9 {
        0 => ground.write(&format!("segments/{SEGMENT}.open"), data),
        1 => ground.write(&format!("segments/{SEGMENT}.open"), &records(data)),
        2 => ground.write(&format!("segments/{SEGMENT}.pack"), data),
        3 => ground.write(&format!("segments/{SEGMENT}.pack"), &sealed(data)),
        4 => ground.write("catalogue.redb", data),
        5 => ground.rows(&[("manifests", ROOT, &head(data)), ("chunks", ROOT, &manifest(data))]),
        6 => ground.jobs(data),
        7 => {
            exported(data);
            return;
        }
        _ => {
            ground.write("HERBARIUM", data);
            ground.query(data);
        }
    }
    ground.look();
}

/// As it comes, and with the checksum that it ought to have.
fn exported(data: &[u8]) {
    for bytes in [data, &[data, &xxh3_64(data).to_le_bytes()[..]].concat()] {
        let Ok(tree) = ExportedTree::from_bytes(bytes) else { continue };
        let _ = (tree.key(), tree.provenance(), tree.is_of(b"x"));
        tree.tree().expect("what was read opens");
        let again = ExportedTree::from_bytes(&tree.to_bytes()).expect("what was read is written");
        assert_eq!(again.bytes(), tree.bytes());
    }
}

/// An open segment: two bytes of features and records, each 48 bytes of header behind the
/// checksum, then as many bytes as it says are stored.
fn records(data: &[u8]) -> Vec<u8> {
    let (features, mut rest) = data.split_first_chunk::<2>().unwrap_or((&[0; 2], &[]));
    let mut out = header(features[0] & 1);
    while let Some((fixed, behind)) = rest.split_first_chunk::<48>() {
        let stored = u32::from_le_bytes([fixed[12], fixed[13], fixed[14], fixed[15]]) as usize;
        let stored = stored % 4096;
        let (payload, behind) = behind.split_at(stored.min(behind.len()));
        let mut record = fixed.to_vec();
        record[..2].copy_from_slice(b"HR");
        record[12..16].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        record.extend_from_slice(payload);
        out.extend_from_slice(&xxh3_64(&record).to_le_bytes());
        out.extend_from_slice(&record);
        rest = behind;
    }
    out
}

fn header(features: u8) -> Vec<u8> {
    let mut out = b"HRBS\x01".to_vec();
    out.extend_from_slice(&[features, features, 0]);
    out.extend_from_slice(&ID);
    out.extend_from_slice(&[7; 16]);
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&xxh3_64(&out).to_le_bytes());
    out
}

/// A sealed segment: an open one's [`records`] behind two bytes that say how many there
/// are; then the key table, twelve bytes an entry behind two of their number; then
/// numbers of contexts and special records, and the rest of the index as it is.
fn sealed(data: &[u8]) -> Vec<u8> {
    let (part, data) = counted(data, 1);
    let mut out = records(part);
    let (table, data) = counted(data, 12);
    let (counts, index) = data.split_first_chunk::<2>().unwrap_or((&[0; 2], &[]));
    let from = out.len();
    out.extend_from_slice(table);
    out.extend_from_slice(index);
    let mut trailer = b"HRBP\x01\x01\x01\0".to_vec();
    trailer.extend_from_slice(&ID);
    trailer.extend_from_slice(&[7; 8]);
    trailer.extend_from_slice(&(out.len() as u64 + 112).to_le_bytes());
    trailer.extend_from_slice(&(from as u64).to_le_bytes());
    for count in [table.len() as u32 / 12, counts[0].into(), counts[1].into(), 0] {
        trailer.extend_from_slice(&count.to_le_bytes());
    }
    trailer.extend_from_slice(&xxh3_64(table).to_le_bytes());
    trailer.extend_from_slice(&xxh3_64(index).to_le_bytes());
    trailer.extend_from_slice(&[0; 24]);
    trailer.extend_from_slice(&xxh3_64(&trailer).to_le_bytes());
    [out, trailer].concat()
}

/// Two bytes that count things of `size` bytes, and those things.
fn counted(data: &[u8], size: usize) -> (&[u8], &[u8]) {
    let (count, rest) = data.split_first_chunk().unwrap_or((&[0; 2], &[]));
    let len = usize::from(u16::from_le_bytes(*count)) * size;
    rest.split_at(len.min(rest.len() / size * size))
}

/// A manifest: rows (4 bytes), keys (1 byte), columns, which are packed and put behind a
/// checksum that fits.
fn manifest(data: &[u8]) -> Vec<u8> {
    let (fixed, columns) = data.split_first_chunk::<5>().unwrap_or((&[0; 5], &[]));
    let keys = usize::from(fixed[4]);
    let packed = zstd::bulk::compress(columns, 1).expect("memory");
    let mut out = b"HRBM\x01\0\0\0".to_vec();
    out.extend_from_slice(&fixed[..4]);
    out.extend_from_slice(&(keys as u32).to_le_bytes());
    out.extend_from_slice(&(columns.len() as u64).to_le_bytes());
    out.extend_from_slice(&(packed.len() as u64).to_le_bytes());
    let mut hasher = Xxh3::new();
    hasher.update(&out);
    let rest = [packed, vec![5; keys * 32]].concat();
    hasher.update(&rest);
    out.extend_from_slice(&hasher.digest().to_le_bytes());
    [out, rest].concat()
}

/// What the catalogue says of [`manifest`].
fn head(data: &[u8]) -> Vec<u8> {
    let len = manifest(data).len() as u64;
    let rows = data.first().copied().unwrap_or_default();
    let mut out = u64::from(rows).to_le_bytes().to_vec();
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(&1u32.to_le_bytes());
    out.extend_from_slice(&[0; 8]);
    out
}

/// A folder that is an empty store.
struct Ground {
    dir: TempDir,
}

impl Ground {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        fs::create_dir(dir.path().join("segments")).expect("a folder in it");
        fs::create_dir(dir.path().join("queries")).expect("a folder in it");
        let ground = Self { dir };
        ground.write("HERBARIUM", b"herbarium store 1.1\n");
        ground
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path().join(name), bytes).expect("written");
    }

    /// A kept query of the right name.
    fn query(&self, bytes: &[u8]) {
        let name = QUERY_FILE.as_deref().unwrap_or("any.query");
        self.write(
            &format!("queries/{name}"),
            &[bytes, &xxh3_64(bytes).to_le_bytes()[..]].concat(),
        );
    }

    /// A catalogue with these values, behind checksums that fit.
    fn rows(&self, rows: &[(&str, &[u8], &[u8])]) {
        let mut builder = redb::Builder::new();
        builder.set_concurrency_mode(ConcurrencyMode::MultiWriter);
        let database = builder.create(self.path().join("catalogue.redb")).expect("a database");
        let change = database.begin_write().expect("nobody else");
        for (table, key, value) in rows {
            let value = [&xxh3_64(value).to_le_bytes()[..], value].concat();
            if *table == "chunks" {
                let chunks: TableDefinition<'_, (&[u8], u32), &[u8]> =
                    TableDefinition::new("manifest_chunks");
                let mut chunks = change.open_table(chunks).expect("a table");
                chunks.insert((*key, 0), &value[..]).expect("a row");
            } else {
                let rows: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new(table);
                change.open_table(rows).expect("a table").insert(*key, &value[..]).expect("a row");
            }
        }
        change.commit().expect("committed");
    }

    /// Tables of jobs: for each row a byte for the table, the lengths of key and value,
    /// and both.
    fn jobs(&self, mut data: &[u8]) {
        const TABLES: [&str; 5] =
            ["jobs", "jobs_ready", "jobs_leases", "jobs_keys", "jobs_sources"];
        let mut rows = Vec::new();
        while let Some((&[table, key, value], rest)) = data.split_first_chunk() {
            let (key, rest) = rest.split_at(usize::from(key).min(rest.len()));
            let (value, rest) = rest.split_at(usize::from(value).min(rest.len()));
            rows.push((TABLES[usize::from(table) % TABLES.len()], key, value));
            data = rest;
        }
        self.rows(&rows);
    }

    /// Reads everything, first for reading only, then as a store that goes on.
    fn look(&self) {
        let options = || StoreOptions::new().durability(Durability::None);
        if let Ok(store) = Store::open(self.path(), options().read_only(true)) {
            read_all(&store);
        }
        let Ok(store) = Store::open(self.path(), options()) else { return };
        read_all(&store);
        let key = TreeKey([0xab; 32]);
        store.put_tree(&key, Fingerprint([3; 16]), b"a tree", None).expect("it is put");
        let found = store.get_tree(&key).expect("no trouble").expect("it is there");
        assert_eq!(found.bytes, b"a tree");
        store.seal().expect("it is sealed");
        let store = Arc::new(store);
        work(&store);
        read_all(&store);
    }
}

fn read_all(store: &Store) {
    let trees: Vec<_> = store.iter_trees().take(1000).collect();
    for tree in &trees {
        let _ = (store.contains(&tree.key), store.stored_len(&tree.key));
        let _ = store.grammar(&tree.fingerprint).map(|it| it.map(|it| store.parse_table(&it)));
        if let Ok(Some(dictionary)) = store.dictionary_for(&tree.fingerprint) {
            assert!(store.dictionary(dictionary.id()).is_some());
        }
        let _ = store.get_tree(&tree.key);
    }
    let _ = (store.stats(), store.version(), store.kept_query(&QUERY));
    for info in store.manifests().into_iter().flatten() {
        let _ = store.manifest(&info.root);
    }
    let _ = store.verify();
}

/// Takes jobs, and gives them back, finishes and fails them.
fn work(store: &Arc<Store>) {
    let queue = JobQueue::new(Arc::clone(store), "q", JobOptions::default());
    let _ = (queue.counts(), queue.jobs());
    for claim in queue.claim(4).into_iter().flatten() {
        let _ = (queue.renew(&claim, (1, 2)), queue.fail(&claim, "on purpose"));
        let _ = queue.finish(&claim);
    }
    let _ = (queue.add(&herbarium_store::NewJob::new("k")), queue.counts());
}

/// The name of the file of [`QUERY`]: a hash of what it is of.
static QUERY_FILE: LazyLock<Option<String>> = LazyLock::new(|| {
    let dir = tempfile::tempdir().ok()?;
    let store = Store::open(dir.path().join("s"), StoreOptions::new()).ok()?;
    store.keep_query(&QUERY, b"x");
    let file = fs::read_dir(dir.path().join("s/queries")).ok()?.flatten().next()?;
    file.file_name().into_string().ok()
});
