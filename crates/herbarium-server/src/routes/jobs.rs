//! Jobs.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use herbarium_http::{Json, Path, StatusCode};
use http::header::HeaderMap;
use tokio::sync::watch;

use super::{Ours, State, located};
use crate::jobs::{self, Job};
use crate::pool::Turn;
use crate::problem::Problem;
use crate::types::{JobView, JobsAnswer};

/// The jobs
#[utoipa::path(
    get, path = "/v1/jobs", tag = "jobs", operation_id = "listJobs",
    responses((status = 200, description = "All that can be asked about, the newest first", body = JobsAnswer)),
)]
pub(crate) async fn list(State(shared): Ours) -> Response {
    Json(JobsAnswer { jobs: shared.jobs.all() }).into_response()
}

/// A job
#[utoipa::path(
    get, path = "/v1/jobs/{id}", tag = "jobs", operation_id = "getJob",
    params(("id" = String, Path, description = "Id of the job")),
    responses((status = 200, description = "The job", body = JobView)),
)]
pub(crate) async fn one(State(shared): Ours, Path(id): Path<String>) -> Result<Response, Problem> {
    Ok(Json(shared.jobs.get(&id)?.view()).into_response())
}

/// Cancels a job
///
/// It ends soon after. What was done until then stays. One that is over is left as it is.
#[utoipa::path(
    delete, path = "/v1/jobs/{id}", tag = "jobs", operation_id = "cancelJob",
    params(("id" = String, Path, description = "Id of the job")),
    responses((status = 202, description = "The job", body = JobView)),
)]
pub(crate) async fn cancel(
    State(shared): Ours,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let job = shared.jobs.get(&id)?;
    job.cancel();
    Ok(accepted(&job.view()))
}

/// Accepted: a job.
pub(crate) fn accepted(view: &JobView) -> Response {
    let response = (StatusCode::ACCEPTED, Json(view)).into_response();
    located(response, &format!("/v1/jobs/{}", view.id))
}

/// Follows a job
///
/// As server-sent events: `job`, with the job as data, whenever something changes; the
/// last one is the job at its end. Who was cut off goes on with `Last-Event-ID`.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/events", tag = "jobs", operation_id = "followJob",
    params(
        ("id" = String, Path, description = "Id of the job"),
        ("Last-Event-ID" = Option<String>, Header, description = "Id of the last event that was received"),
    ),
    responses((status = 200, description = "The events", body = String, content_type = "text/event-stream")),
)]
pub(crate) async fn events(
    State(shared): Ours,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job = shared.jobs.get(&id)?;
    let turn = shared.followers.turn().await?;
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok()?.trim().parse().ok());
    let news = job.listen();
    let (last, waiting) = (last.unwrap_or(0), VecDeque::new());
    let follower = Follower { job, news, last, waiting, _turn: turn };
    let events = stream::unfold(follower, |mut follower| async {
        let event = follower.next().await?;
        Some((Ok::<_, Infallible>(event), follower))
    });
    let alive = KeepAlive::new().interval(shared.options.keep_alive).text("alive");
    Ok(Sse::new(events).keep_alive(alive).into_response())
}

/// Who follows a job.
struct Follower {
    job: Arc<Job>,
    news: watch::Receiver<u64>,
    last: u64,
    waiting: VecDeque<jobs::Event>,
    _turn: Turn,
}

impl Follower {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                self.last = event.number;
                let data = serde_json::to_string(&*event.view).unwrap_or_default();
                let number = event.number.to_string();
                return Some(Event::default().event("job").id(number).data(data));
            }
            let (events, is_over) = self.job.events_after(self.last);
            self.waiting.extend(events);
            if self.waiting.is_empty() {
                if is_over {
                    return None;
                }
                self.news.changed().await.ok()?;
            }
        }
    }
}
