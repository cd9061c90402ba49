//! `herbarium-load run`

use herbarium_loadgen::{Report, View, Watch, run as run_scenario};

use crate::args::RunArgs;
use crate::command::what;
use crate::exit::{Trouble, print, tell_line};
use crate::{draw, files, interrupt, show};

pub(crate) fn run(args: &RunArgs) -> Result<u8, Trouble> {
    let scenario = what::scenario(&args.what)?;
    if args.dry_run {
        print(draw::schedule(&scenario)?);
        return Ok(0);
    }
    let target = what::target(&args.what, &scenario)?;
    let stop = interrupt::stop_on_ctrl_c();
    let options = what::options(&args.what);
    let mut watch = Lines { quiet: args.quiet };
    let outcome = run_scenario(&scenario, &target, &options, &stop, &mut watch)?;
    let report = Report::new(&scenario, target.url(), &outcome);
    print(show::summary(&report));
    files::write(&args.files, &report)?;
    Ok(report.exit_code)
}

/// One line for each interval.
struct Lines {
    quiet: bool,
}

impl Watch for Lines {
    fn interval(&mut self, view: &View<'_>) {
        if !self.quiet {
            tell_line(show::line(view));
        }
    }

    fn note(&mut self, text: &str) {
        if !self.quiet {
            tell_line(format_args!("note: {text}"));
        }
    }
}
