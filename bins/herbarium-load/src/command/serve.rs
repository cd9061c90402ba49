//! `herbarium-load serve`: a gate that rollout controllers call.

mod caller;
mod state;

use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use herbarium_loadgen::{
    Options, Report, RunError, Scenario, Stop, Target, Verdict, run as run_scenario,
};
use serde_json::{Value, json};

use crate::args::ServeArgs;
use crate::command::what;
use crate::exit::{Trouble, tell_line};
use crate::interrupt;
use caller::Caller;
use state::State;

/// How often the server looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);
/// Callers at once, each with a thread: those that wait for their run, and those
/// that ask how it goes.
const MOST_CALLERS: usize = 64;

pub(crate) fn run(args: &ServeArgs) -> Result<u8, Trouble> {
    let scenario = what::scenario(&args.what)?;
    let target = what::target(&args.what, &scenario)?;
    what::can_be_judged(&scenario)?;
    let listener =
        TcpListener::bind(args.listen).and_then(|it| it.set_nonblocking(true).map(|()| it));
    let listener = listener.map_err(|error| {
        Trouble::usage(format!(
            "cannot listen at {}: {error}; choose another --listen",
            args.listen
        ))
    })?;
    let gate = Gate {
        scenario,
        target,
        options: what::options(&args.what),
        stop: interrupt::stop_on_ctrl_c(),
        turn: Mutex::default(),
        state: State::default(),
        callers: AtomicUsize::new(0),
    };
    tell_line(format_args!("answering web hooks at http://{}", listener.local_addr()?));
    // Callers that are there when it ends still get their answer.
    std::thread::scope(|scope| {
        while !gate.stop.is_set() {
            match listener.accept() {
                Ok((stream, _)) => {
                    let gate = &gate;
                    // A caller without a thread finds its connection closed.
                    let _ = std::thread::Builder::new().spawn_scoped(scope, || gate.answer(stream));
                }
                Err(_) => std::thread::sleep(LOOK),
            }
        }
    });
    Ok(0)
}

struct Gate {
    scenario: Scenario,
    target: Target,
    options: Options,
    stop: Stop,
    /// Whose turn it is to run: two runs at once would measure each other.
    turn: Mutex<()>,
    state: State,
    callers: AtomicUsize,
}

type Answer = (&'static str, Value);

impl Gate {
    fn answer(&self, stream: TcpStream) {
        let before = self.callers.fetch_add(1, Ordering::SeqCst);
        // A caller that cannot be spoken to has nothing to be told.
        let _ = Caller::new(stream).and_then(|caller| {
            let (status, body) = match caller.method(&self.stop)?.as_str() {
                _ if before >= MOST_CALLERS => busy(),
                "POST" => match self.judge_in_turn(&caller) {
                    Some(answer) => answer,
                    None => return Ok(()),
                },
                "GET" => ("200 OK", self.state.told()),
                _ => ("405 Method Not Allowed", json!({ "error": "POST runs the gate" })),
            };
            caller.tell(status, &body)
        });
        self.callers.fetch_sub(1, Ordering::SeqCst);
    }

    /// One run after the other; none for a caller who has gone meanwhile.
    fn judge_in_turn(&self, caller: &Caller) -> Option<Answer> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if caller.is_gone() {
            return None;
        }
        let answer = self.judge();
        self.state.end(answer.1.clone());
        Some(answer)
    }

    /// 200 is go. Everything else stops a rollout: 412 says that a gate failed,
    /// 503 that nothing can be said.
    fn judge(&self) -> Answer {
        let mut watch = self.state.begin();
        let ended =
            run_scenario(&self.scenario, &self.target, &self.options, &self.stop, &mut watch);
        let outcome = match ended {
            Ok(outcome) => outcome,
            Err(error) => return unsaid(&error),
        };
        let report = Report::new(&self.scenario, self.target.url(), &outcome);
        let status = match report.verdict {
            Verdict::Pass => "200 OK",
            Verdict::Fail => "412 Precondition Failed",
            _ => "503 Service Unavailable",
        };
        let body = json!({
            "verdict": report.verdict,
            "exit_code": report.exit_code,
            "gates": report.gates,
            "honesty": report.honesty,
        });
        (status, body)
    }
}

fn busy() -> Answer {
    let error = format!("{MOST_CALLERS} callers wait already; call again later");
    ("503 Service Unavailable", json!({ "error": error }))
}

/// What is told when there was no run.
fn unsaid(error: &RunError) -> Answer {
    let verdict = match error {
        RunError::Unreachable { .. } => Verdict::Unreachable,
        RunError::Stopped => Verdict::Interrupted,
        _ => Verdict::Invalid,
    };
    let body = json!({
        "verdict": verdict,
        "exit_code": verdict.exit_code(),
        "error": error.to_string(),
    });
    ("503 Service Unavailable", body)
}
