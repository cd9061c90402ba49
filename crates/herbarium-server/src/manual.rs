//! The page that shows the OpenAPI document to people: one file, nothing loaded from
//! elsewhere, nothing that runs.

use std::fmt::Write;

use serde_json::Value;

use crate::openapi::all_kinds;

/// The page for a document.
pub(crate) fn page(document: &str) -> String {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let mut out = String::from(HEAD);
    let info = &document["info"];
    let _ = write!(out, "<header><h1>{} <small>/v1</small></h1>", text(&info["title"]));
    let _ = write!(
        out,
        "<p>{}</p><p><a href=\"/v1/openapi.json\">openapi.json</a></p></header>",
        prose(&info["description"])
    );
    contents(&document, &mut out);
    for tag in list(&document["tags"]) {
        let name = text(&tag["name"]);
        let _ = write!(out, "<h2 id=\"{name}\">{}</h2>", text(&tag["description"]));
        for (method, path, operation) in operations(&document, &name) {
            self::operation(&document, method, path, operation, &mut out);
        }
    }
    schemas(&document, &mut out);
    problems(&mut out);
    out.push_str("</main></body></html>\n");
    out
}

const HEAD: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
<title>Herbarium API</title><style>\
:root{color-scheme:light dark;--line:#8884;--soft:#8881}\
body{font:16px/1.5 system-ui,sans-serif;margin:0}\
main{max-width:60rem;margin:0 auto;padding:1rem}\
h2{margin-top:3rem;border-bottom:1px solid var(--line)}\
code,pre{font:14px/1.45 ui-monospace,monospace}\
pre{background:var(--soft);padding:.6rem;overflow-x:auto}\
details{border:1px solid var(--line);border-radius:6px;margin:.5rem 0;padding:.2rem .8rem}\
summary{cursor:pointer;padding:.3rem 0}\
.method{display:inline-block;min-width:4.5em;font-weight:600}\
table{border-collapse:collapse;width:100%}\
td,th{text-align:left;vertical-align:top;padding:.25rem .6rem .25rem 0;border-top:1px solid var(--line)}\
nav{columns:14rem}nav p{margin:0 0 .2rem}\
</style></head><body><main>";

fn contents(document: &Value, out: &mut String) {
    out.push_str("<nav>");
    for tag in list(&document["tags"]) {
        let (name, about) = (text(&tag["name"]), text(&tag["description"]));
        let _ = write!(out, "<p><a href=\"#{name}\">{about}</a></p>");
    }
    out.push_str(
        "<p><a href=\"#schemas\">Shapes</a></p><p><a href=\"#problems\">Problems</a></p></nav>",
    );
}

fn operations<'a>(document: &'a Value, tag: &str) -> Vec<(&'a str, &'a str, &'a Value)> {
    let mut found = Vec::new();
    for (path, methods) in members(&document["paths"]) {
        for (method, operation) in members(methods) {
            if list(&operation["tags"]).any(|it| it == tag) {
                found.push((method, path, operation));
            }
        }
    }
    found
}

fn operation(document: &Value, method: &str, path: &str, operation: &Value, out: &mut String) {
    let id = text(&operation["operationId"]);
    let method = method.to_uppercase();
    let _ = write!(
        out,
        "<details id=\"{id}\"><summary><code><span class=\"method\">{method}</span> {}</code> {}</summary>",
        escape(path),
        prose(&operation["summary"])
    );
    if operation["description"].is_string() {
        let _ = write!(out, "<p>{}</p>", prose(&operation["description"]));
    }
    parameters(operation, out);
    for (content_type, media) in members(&operation["requestBody"]["content"]) {
        let shape = shape(&media["schema"]);
        let _ = write!(out, "<p>Body: {shape} <code>{}</code></p>", escape(content_type));
    }
    out.push_str("<table>");
    for (status, response) in members(&operation["responses"]) {
        let response = resolve(document, response);
        let of_type = |(content_type, media): (&str, &Value)| {
            format!("{} <code>{}</code>", shape(&media["schema"]), escape(content_type))
        };
        let content: Vec<_> = members(&response["content"]).map(of_type).collect();
        let _ = write!(
            out,
            "<tr><td><code>{}</code><td>{}<td>{}</tr>",
            escape(status),
            prose(&response["description"]),
            content.join("<br>")
        );
    }
    out.push_str("</table></details>");
}

fn parameters(operation: &Value, out: &mut String) {
    let mut parameters = list(&operation["parameters"]).peekable();
    if parameters.peek().is_none() {
        return;
    }
    out.push_str("<table>");
    for parameter in parameters {
        let needed = if parameter["required"] == true { "" } else { ", optional" };
        let _ = write!(
            out,
            "<tr><td><code>{}</code><td>{}{needed}<td>{}<td>{}</tr>",
            text(&parameter["name"]),
            text(&parameter["in"]),
            shape(&parameter["schema"]),
            prose(&parameter["description"])
        );
    }
    out.push_str("</table>");
}

fn schemas(document: &Value, out: &mut String) {
    out.push_str("<h2 id=\"schemas\">Shapes</h2>");
    for (name, schema) in members(&document["components"]["schemas"]) {
        let name = escape(name);
        let _ = write!(out, "<details id=\"shape-{name}\"><summary><code>{name}</code></summary>");
        let _ = write!(out, "<p>{}</p>", prose(&schema["description"]));
        let required: Vec<&str> = list(&schema["required"]).filter_map(Value::as_str).collect();
        out.push_str("<table>");
        for (name, property) in members(&schema["properties"]) {
            let needed = if required.contains(&name) { "" } else { "optional" };
            let _ = write!(
                out,
                "<tr><td><code>{}</code><td>{}<td>{needed}<td>{}</tr>",
                escape(name),
                shape(property),
                prose(&property["description"])
            );
        }
        out.push_str("</table>");
        let one_of: Vec<_> = list(&schema["oneOf"]).map(shape).collect();
        if !one_of.is_empty() {
            let _ = write!(out, "<p>One of: {}</p>", one_of.join(", "));
        }
        out.push_str("</details>");
    }
}

fn problems(out: &mut String) {
    out.push_str(
        "<h2 id=\"problems\">Problems</h2><p>Every error is <code>application/problem+json</code>. \
         The <code>type</code> is <code>/v1/problems#</code> and one of these.</p><table>",
    );
    let mut kinds: Vec<_> = all_kinds().collect();
    kinds.sort_by_key(|kind| (kind.status().as_u16(), kind.slug()));
    for kind in kinds {
        let _ = write!(
            out,
            "<tr><td>{}<td><code>{}</code><td>{}. {}</tr>",
            kind.status().as_u16(),
            escape(kind.slug()),
            escape(kind.title()),
            escape(kind.about())
        );
    }
    out.push_str("</table>");
}

/// What a schema is, in a few words.
fn shape(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|it| it.rsplit('/').next()) {
        let name = escape(name);
        return format!("<a href=\"#shape-{name}\">{name}</a>");
    }
    let any_of = list(&schema["oneOf"]).chain(list(&schema["anyOf"]));
    let mut any_of = any_of.chain(list(&schema["allOf"])).map(shape).peekable();
    if any_of.peek().is_some() {
        return any_of.collect::<Vec<_>>().join(" or ");
    }
    let words = list(&schema["enum"]).filter_map(Value::as_str);
    let words: Vec<_> = words.map(|it| format!("<code>{}</code>", escape(it))).collect();
    if !words.is_empty() && words.len() < 8 {
        return words.join(", ");
    }
    let kinds: Vec<_> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    match kinds.first() {
        Some(&"array") => format!("list of {}", shape(&schema["items"])),
        _ => escape(&kinds.join(" or ")),
    }
}

fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|it| it.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

fn text(value: &Value) -> String {
    escape(value.as_str().unwrap_or_default())
}

/// Text with `code` in it.
fn prose(value: &Value) -> String {
    let mut out = String::new();
    for (number, piece) in text(value).split('`').enumerate() {
        match number % 2 {
            0 => out.push_str(piece),
            _ => {
                let _ = write!(out, "<code>{piece}</code>");
            }
        }
    }
    out
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
