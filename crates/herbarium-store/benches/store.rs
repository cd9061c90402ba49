//! Puts, gets and lookups, on trees of about the size that source files give.

use std::hint::black_box;
use std::sync::Arc;

use criterion::measurement::WallTime;
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main,
};
use herbarium_codec::Fingerprint;
use herbarium_store::{
    Compression, Dictionary, Durability, KeyParts, Manifest, ManifestRow, Outcome, Store,
    StoreOptions, TreeKey, train_zstd,
};

const GRAMMAR: Fingerprint = Fingerprint([3; 16]);
const TREES: u64 = 5_000;
const TREE_LEN: usize = 8_000;

fn key(n: u64) -> TreeKey {
    TreeKey(*blake3::hash(&n.to_le_bytes()).as_bytes())
}

/// Bytes with about the redundancy of bytecode: phrases of a small vocabulary,
/// and noise between them.
fn tree(n: u64) -> Vec<u8> {
    let mut state = n.wrapping_mul(0x2545_f491_4f6c_dd1d) | 1;
    let mut out = Vec::with_capacity(TREE_LEN + 16);
    while out.len() < TREE_LEN {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let phrase = blake3::hash(&((state % 64) * (state >> 32) % 997).to_le_bytes());
        out.extend_from_slice(&phrase.as_bytes()[..12]);
        out.push(state as u8 & 15);
    }
    out
}

fn options() -> StoreOptions {
    StoreOptions::new().durability(Durability::None)
}

fn store(c: &mut Criterion) {
    let trees: Vec<Vec<u8>> = (0..TREES).map(tree).collect();
    let dictionary = train_zstd(&trees[..200], 64 << 10)
        .map(|zstd| Arc::new(Dictionary::new(GRAMMAR, b"book".to_vec(), zstd)));
    let mut group = c.benchmark_group("store");
    group.throughput(Throughput::Bytes(TREE_LEN as u64));

    for (name, options, dictionary) in [
        ("put, not compressed", options().compression(Compression::None), None),
        ("put", options(), None),
        ("put with dictionary", options(), dictionary.as_ref()),
    ] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let store = Store::open(dir.path().join("store"), options).expect("a new store");
        let mut writer = store.writer();
        let mut n = 0u64;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                n += 1;
                let tree = &trees[(n % TREES) as usize];
                writer.put_tree(&key(n), GRAMMAR, tree, dictionary).expect("a put")
            });
        });
    }

    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(dir.path().join("store"), options()).expect("a new store");
    for (n, tree) in (0..).zip(&trees) {
        store.put_tree(&key(n), GRAMMAR, tree, dictionary.as_ref()).expect("a put");
    }
    store.seal().expect("a seal");
    let mut buffer = Vec::new();
    let mut n = 0u64;
    group.bench_function("get, sealed, with dictionary", |bencher| {
        bencher.iter(|| {
            n = (n + 7_919) % TREES;
            store.get_tree_into(&key(n), &mut buffer).expect("a get").expect("a tree");
            black_box(buffer.len())
        });
    });
    revisions(&mut group);
    group.bench_function("blake3 key of 8,000 bytes of source", |bencher| {
        bencher.iter(|| {
            KeyParts {
                runtime: "0.27.1",
                language: "rust",
                grammar: GRAMMAR,
                options: 0,
                included_ranges: &[],
                source: black_box(&trees[0]),
            }
            .key()
        });
    });
    group.bench_function("contains, sealed", |bencher| {
        let keys: Vec<TreeKey> = (0..TREES).map(key).collect();
        bencher.iter(|| {
            n = (n + 7_919) % TREES;
            store.contains(&keys[n as usize]).expect("a lookup")
        });
    });
    group.bench_function("open, sealed", |bencher| {
        let path = dir.path().join("store");
        bencher.iter_batched(
            || (),
            |()| Store::open(&path, options().read_only(true)).expect("a store"),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// A tree and the same one edited, stored whole and as a difference.
fn revisions(group: &mut BenchmarkGroup<'_, WallTime>) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(dir.path().join("store"), options()).expect("a new store");
    let old = tree(1);
    let edited = |n: u64| {
        let mut bytes = old.clone();
        let at = (n * 61 % (TREE_LEN as u64 - 64)) as usize;
        bytes.splice(at..at + 5, n.to_le_bytes());
        bytes
    };
    store.put_tree(&key(0), GRAMMAR, &old, None).expect("a put");
    let mut n = 0u64;
    group.bench_function("put, the difference to another", |bencher| {
        bencher.iter(|| {
            n += 1;
            let bytes = edited(n);
            store.put_revision(&key(n), GRAMMAR, &bytes, None, &key(0)).expect("a put")
        });
    });
    store.put_revision(&key(u64::MAX), GRAMMAR, &edited(7), None, &key(0)).expect("a put");
    store.seal().expect("a seal");
    let mut buffer = Vec::new();
    for (name, n) in [("get, whole", 0), ("get, a difference", u64::MAX)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                store.get_tree_into(&key(n), &mut buffer).expect("a get").expect("a tree");
                black_box(buffer.len())
            });
        });
    }
}

fn manifest(c: &mut Criterion) {
    let row = |n: u64| ManifestRow {
        path: format!("src/part{}/module{}/file{n}.rs", n / 1_000, n / 30).into_bytes(),
        size: n * 31 % 50_000,
        mtime_ns: 1_700_000_000_000_000_000 + (n * 7_919 % 1_000_003) as i64 * 1_000,
        ctime_ns: 1_700_000_000_000_000_000 + n as i64 * 1_001,
        inode: 1_000_000 + n,
        language: Some(Arc::from("rust")),
        outcome: Outcome::Tree(key(n)),
        nodes: (n * 17 % 90_000) as u32,
        lines: (n * 3 % 3_000) as u32,
        stored_bytes: (n * 5 % 9_000) as u32,
        kinds: Some((0..30).map(|at| (n * 31 >> at) as u8).collect()),
    };
    let manifest = Manifest::new("/workspace", 0, (0..100_000).map(row).collect());
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(dir.path().join("store"), options()).expect("a new store");
    let mut group = c.benchmark_group("manifest of 100,000 rows");
    group.sample_size(20);
    group.bench_function("put", |bencher| {
        bencher.iter(|| store.put_manifest(&manifest).expect("a put"));
    });
    group.bench_function("load", |bencher| {
        bencher.iter(|| store.manifest(manifest.root()).expect("a load").expect("a manifest"));
    });
    group.finish();
}

criterion_group!(benches, store, manifest);
criterion_main!(benches);
