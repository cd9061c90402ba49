//! `herbarium-load worker`

use std::net::TcpListener;

use herbarium_loadgen::Caps;
use herbarium_loadgen::cluster::{WorkerOptions, serve_worker};

use crate::args::WorkerArgs;
use crate::exit::{Trouble, tell_line};
use crate::interrupt;

pub(crate) fn run(args: WorkerArgs) -> Result<u8, Trouble> {
    let WorkerArgs { listen, i_own_this_target, token, data, workers } = args;
    if !listen.ip().is_loopback() && token.is_empty() {
        let why = "a worker that others can reach needs a --token, or anybody can start runs on it";
        return Err(Trouble::usage(why));
    }
    let listener = TcpListener::bind(listen).map_err(|error| {
        Trouble::usage(format!("cannot listen at {listen}: {error}; choose another --listen"))
    })?;
    // Before anybody can know that it is there.
    let stop = interrupt::stop_on_ctrl_c();
    tell_line(format_args!("working for coordinators at {}", listener.local_addr()?));
    let (is_mine, folder, caps) = (i_own_this_target, data, Caps::default());
    let options = WorkerOptions { workers, is_mine, token, folder, caps };
    serve_worker(&listener, &options, &stop)?;
    Ok(0)
}
