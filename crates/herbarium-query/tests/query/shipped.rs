//! The queries that grammar packages ship, over the sample of each language.

use std::path::Path;

use herbarium_conformance::{Settings, Tally, package_folders, query_files};

use crate::common::{Bench, sample};

#[test]
fn shipped_queries_find_the_same_in_the_samples() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = package_folders(&workspace).expect("cargo knows the packages");
    let mut total = Tally::default();
    let mut queries = 0;
    for language in herbarium_languages::all() {
        let key = (language.crate_name().to_owned(), language.version().to_owned());
        let folder = folders.get(&key).unwrap_or_else(|| panic!("{key:?} is not built in"));
        let bench = Bench::new(language);
        let specimens = [bench.press(sample(language))];
        for file in query_files(folder).expect("readable") {
            let text = std::fs::read_to_string(&file).expect("readable");
            match bench.compare(&text, &specimens, &Settings::default()) {
                Ok(tally) => total += tally,
                Err(difference) => panic!("{} {}: {difference}", language.id(), file.display()),
            }
            queries += 1;
        }
    }
    assert!(queries > 30 && total.matches > 2000, "{queries} queries, {total:?}");
}
