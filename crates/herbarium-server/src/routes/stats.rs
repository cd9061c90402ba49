//! What there is, and whether it is whole.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use herbarium::Cancel;
use herbarium_http::Json;

use super::jobs::accepted;
use super::{Ours, State};
use crate::jobs::Teller;
use crate::problem::{self, Problem};
use crate::service::Shared;
use crate::types::{
    JobKind, JobReport, JobView, StatsAnswer, StoreView, TierView, VerifyRequest, VerifySummary,
};

/// What the tiers and the store hold and have done
#[utoipa::path(
    get, path = "/v1/stats", tag = "service", operation_id = "getStats",
    responses((status = 200, description = "The figures", body = StatsAnswer)),
)]
pub(crate) async fn stats(State(shared): Ours) -> Result<Response, Problem> {
    let of_worker = Arc::clone(&shared);
    let stats = shared.pool.run(move |_: &Cancel| of_worker.stats()).await??;
    Ok(Json(stats).into_response())
}

impl Shared {
    fn stats(&self) -> Result<StatsAnswer, Problem> {
        let (engine, tiers) = (self.engine(), self.engine().tiers());
        let stored = engine.stats().map_err(|error| problem::index(&error))?;
        let view = |tier: &herbarium::index::Tier| TierView {
            name: tier.name.to_string(),
            hits: tier.hits,
            entries: tier.entries,
            bytes: tier.bytes,
            failures: tier.failures,
        };
        Ok(StatsAnswer {
            tiers: tiers.tiers.iter().map(view).collect(),
            memory_bytes: tiers.memory(),
            memory_budget: tiers.budget,
            misses: tiers.misses,
            parses: engine.parses(),
            store: StoreView {
                trees: stored.trees,
                tree_bytes: stored.tree_bytes,
                file_bytes: stored.file_bytes,
                read_only: engine.store().is_read_only(),
                files: stored.total.files,
                lines: stored.total.lines,
            },
            workspaces: self.workspaces.all().len(),
        })
    }
}

/// Checks what is stored
///
/// As a job. `deep` also compares each tree with a fresh parse of its file.
#[utoipa::path(
    post, path = "/v1/verify", tag = "service", operation_id = "verify",
    request_body = VerifyRequest,
    responses((status = 202, description = "The job", body = JobView, headers(("Location" = String, description = "The job")))),
)]
pub(crate) async fn verify(
    State(shared): Ours,
    Json(request): Json<VerifyRequest>,
) -> Result<Response, Problem> {
    if shared.options.baseline {
        return Err(problem::not_in_baseline());
    }
    let of_job = Arc::clone(&shared);
    let work = move |teller: &Teller| {
        let report = of_job.engine().verify(request.deep, teller, teller.cancel());
        let report = report.map_err(|error| problem::index(&error))?;
        tracing::info!(trees = report.trees, sound = report.is_sound(), "the store was checked");
        Ok(JobReport::Verify(VerifySummary {
            sound: report.is_sound(),
            trees: report.trees,
            compared: report.compared,
            differing: report.differing,
            damaged: report.damaged.len() as u64,
            missing_trees: report.missing_tree,
            healed: report.healed,
        }))
    };
    let job = shared.jobs.start(JobKind::Verify, None, Box::new(work))?;
    Ok(accepted(&job.view()))
}
