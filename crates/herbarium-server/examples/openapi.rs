//! Writes the OpenAPI document, as it is committed in `docs/openapi.json`.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(herbarium_server::openapi().as_bytes())
}
