//! Languages.

use axum::response::{IntoResponse, Response};
use herbarium::languages::{Row, by_id, known};
use herbarium::symbols::SymbolQuery;
use herbarium_http::{Json, Path};

use crate::problem::{self, Problem};
use crate::types::{LanguageView, LanguagesAnswer};

/// The languages
#[utoipa::path(
    get, path = "/v1/languages", tag = "languages", operation_id = "listLanguages",
    responses((status = 200, description = "All that are known", body = LanguagesAnswer)),
)]
pub(crate) async fn list() -> Response {
    let languages = known().iter().map(LanguageView::of).collect();
    Json(LanguagesAnswer { languages }).into_response()
}

/// A language
#[utoipa::path(
    get, path = "/v1/languages/{id}", tag = "languages", operation_id = "getLanguage",
    params(("id" = String, Path, description = "Id of the language")),
    responses((status = 200, description = "The language", body = LanguageView)),
)]
pub(crate) async fn one(Path(id): Path<String>) -> Result<Response, Problem> {
    let row = known().iter().find(|row| row.id == id);
    let row = row.ok_or_else(|| problem::no_language(&id))?;
    Ok(Json(LanguageView::of(row)).into_response())
}

impl LanguageView {
    fn of(row: &'static Row) -> Self {
        Self {
            id: row.id,
            name: row.name,
            extensions: row.extensions,
            file_names: row.file_names,
            built_in: by_id(row.id).is_some(),
            symbols: SymbolQuery::text_for_language(row.id).is_some(),
            injection_only: row.injection_only,
            grammar_version: row.version,
            licence: row.licence,
            kinds: row.pin.kinds,
        }
    }
}
