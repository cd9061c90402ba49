//! `herbarium-load run`

use std::io::IsTerminal as _;

use herbarium_loadgen::cluster::coordinate;
use herbarium_loadgen::output::Live;
use herbarium_loadgen::{Report, Scenario, Stop, View, Watch, run as run_scenario};

use crate::args::RunArgs;
use crate::command::what;
use crate::exit::{Trouble, print, tell_line};
use crate::view::Screen;
use crate::{draw, exit, files, interrupt, show};

pub(crate) fn run(args: &RunArgs) -> Result<u8, Trouble> {
    let scenario = what::scenario(&args.what)?;
    if args.dry_run {
        print(draw::schedule(&scenario)?);
        return Ok(0);
    }
    let target = what::target(&args.what, &scenario)?;
    what::can_be_judged(&scenario)?;
    files::check(&args.files)?;
    let options = what::options(&args.what);
    let stop = interrupt::stop_on_ctrl_c();
    let mut watch = Watching { live: live(args)?, shown: shown(args, &scenario, &stop) };
    let outcome = match args.with.as_slice() {
        [] => run_scenario(&scenario, &target, &options, &stop, &mut watch),
        workers => {
            coordinate(&scenario, target.url(), workers, &args.token, &options, &stop, &mut watch)
        }
    };
    // The screen is given back before anything is printed, also after an error.
    drop(watch);
    let report = Report::new(&scenario, target.url(), &outcome?);
    print(show::summary(&report));
    match files::write(&args.files, &report) {
        Err(trouble) if report.exit_code == 0 => Err(trouble),
        Err(trouble) => {
            // What the run has to say weighs more.
            let _ = exit::tell(&trouble);
            Ok(report.exit_code)
        }
        Ok(()) => Ok(report.exit_code),
    }
}

fn live(args: &RunArgs) -> Result<Option<Live>, Trouble> {
    let Some(address) = args.prometheus else { return Ok(None) };
    let live = Live::listen(address).map_err(|error| {
        Trouble::usage(format!(
            "cannot serve metrics at {address}: {error}; choose another address"
        ))
    })?;
    if !args.quiet {
        tell_line(format_args!("metrics: http://{}/metrics", live.address()));
    }
    Ok(Some(live))
}

fn shown(args: &RunArgs, scenario: &Scenario, stop: &Stop) -> Shown {
    let is_terminal = std::io::stdout().is_terminal() && std::io::stderr().is_terminal();
    match (args.quiet, args.plain || !is_terminal) {
        (true, _) => Shown::Nothing,
        (false, true) => Shown::Lines,
        (false, false) => {
            Screen::open(scenario, stop).map_or(Shown::Lines, |it| Shown::Screen(Box::new(it)))
        }
    }
}

/// How a run is watched.
struct Watching {
    live: Option<Live>,
    shown: Shown,
}

enum Shown {
    Nothing,
    Lines,
    Screen(Box<Screen>),
}

impl Watch for Watching {
    fn interval(&mut self, view: &View<'_>) {
        if let Some(live) = &self.live {
            live.update(view);
        }
        match &mut self.shown {
            Shown::Nothing => {}
            Shown::Lines => tell_line(show::line(view)),
            Shown::Screen(screen) => screen.draw(view),
        }
    }

    fn note(&mut self, text: &str) {
        // Notes are in the report as well, which follows the screen.
        if let Shown::Lines = self.shown {
            tell_line(format_args!("note: {text}"));
        }
    }
}

/// One line for each interval, unless it is to be quiet.
pub(crate) struct Lines {
    pub(crate) quiet: bool,
}

impl Watch for Lines {
    fn interval(&mut self, view: &View<'_>) {
        if !self.quiet {
            tell_line(show::line(view));
        }
    }
}
