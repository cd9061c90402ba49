//! Prints what every built-in grammar looks like when loaded, as pins.tsv holds it.
#![expect(clippy::print_stdout, reason = "printing is what it is for")]

fn main() {
    println!("id\tabi\tstates\tkinds\tfields\tfingerprint");
    for language in herbarium_languages::all() {
        let pin = language.measure();
        println!(
            "{}\t{}\t{}\t{}\t{}\t{}",
            language.id(),
            pin.abi,
            pin.states,
            pin.kinds,
            pin.fields,
            pin.fingerprint,
        );
    }
}
