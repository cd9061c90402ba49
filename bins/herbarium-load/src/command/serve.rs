//! `herbarium-load serve`: a gate that rollout controllers call.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use herbarium_loadgen::{
    Options, Report, RunError, Scenario, Stop, Target, Verdict, run as run_scenario,
};
use serde_json::json;

use crate::args::ServeArgs;
use crate::command::what;
use crate::exit::{Trouble, tell_line};
use crate::interrupt;

/// A caller that says nothing is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// Web hooks carry a few names, no more.
const MOST_BODY: u64 = 1 << 20;
/// How often the server looks whether it is to end.
const LOOK: Duration = Duration::from_millis(100);

pub(crate) fn run(args: &ServeArgs) -> Result<u8, Trouble> {
    let scenario = what::scenario(&args.what)?;
    let target = what::target(&args.what, &scenario)?;
    what::can_be_judged(&scenario)?;
    let gate = Gate {
        scenario,
        target,
        options: what::options(&args.what),
        stop: interrupt::stop_on_ctrl_c(),
    };
    let listener =
        TcpListener::bind(args.listen).and_then(|it| it.set_nonblocking(true).map(|()| it));
    let listener = listener.map_err(|error| {
        Trouble::usage(format!(
            "cannot listen at {}: {error}; choose another --listen",
            args.listen
        ))
    })?;
    tell_line(format_args!("answering web hooks at http://{}", listener.local_addr()?));
    while !gate.stop.is_set() {
        match listener.accept() {
            // One at a time: two runs at once would measure each other.
            Ok((stream, _)) => drop(gate.answer(stream)),
            Err(_) => std::thread::sleep(LOOK),
        }
    }
    Ok(0)
}

struct Gate {
    scenario: Scenario,
    target: Target,
    options: Options,
    stop: Stop,
}

impl Gate {
    fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let (status, body) = match read_method(&stream)?.as_str() {
            "POST" => self.judge(),
            "GET" => ("200 OK", json!({ "ready": true })),
            _ => ("405 Method Not Allowed", json!({ "error": "POST runs the gate" })),
        };
        let body = body.to_string();
        write!(
            stream,
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{body}",
            body.len()
        )
    }

    /// 200 is go. Everything else stops a rollout: 412 says that a gate failed,
    /// 503 that nothing can be said.
    fn judge(&self) -> (&'static str, serde_json::Value) {
        let ended = run_scenario(&self.scenario, &self.target, &self.options, &self.stop, &mut ());
        let outcome = match ended {
            Ok(outcome) => outcome,
            Err(error) => {
                let code = match error {
                    RunError::Unreachable { .. } => Verdict::Unreachable.exit_code(),
                    _ => Verdict::Invalid.exit_code(),
                };
                let body = json!({ "error": error.to_string(), "exit_code": code });
                return ("503 Service Unavailable", body);
            }
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

/// Reads all of a request, so that closing does not reset the connection.
fn read_method(stream: &TcpStream) -> io::Result<String> {
    let mut input = BufReader::new(stream.take(MOST_BODY));
    let mut line = String::new();
    input.read_line(&mut line)?;
    let mut length = 0;
    loop {
        let mut header = String::new();
        input.read_line(&mut header)?;
        if header.trim().is_empty() {
            break;
        }
        let (name, value) = header.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    io::copy(&mut input.take(length), &mut io::sink())?;
    Ok(line.split(' ').next().unwrap_or_default().to_owned())
}
