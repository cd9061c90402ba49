//! Pages of rustdoc.

/// An item of the list of all items.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Item {
    /// With its modules.
    pub(super) name: String,
    /// Its page.
    pub(super) link: String,
}

/// What the page `all.html` lists.
pub(super) fn items(html: &str) -> Vec<Item> {
    let links = html.split("<li><a href=\"").skip(1);
    let item = |text: &str| {
        let (link, rest) = text.split_once("\">")?;
        let (name, _) = rest.split_once("</a>")?;
        // Those of the sidebar lead to places in this page.
        link.ends_with(".html").then(|| Item { name: plain(name), link: link.to_owned() })
    };
    links.filter_map(item).collect()
}

/// What a module's page says that it hands on from elsewhere.
pub(super) fn reexports(html: &str) -> Vec<String> {
    let Some((_, rest)) = html.split_once("<h2 id=\"reexports\"") else { return Vec::new() };
    let section = rest.split("<h2 id=").next().unwrap_or_default();
    let uses = section.split("<code>pub use ").skip(1);
    uses.filter_map(|text| text.split_once("</code>"))
        .map(|(text, _)| format!("pub use {}", one_line(&plain(text))))
        .collect()
}

/// Declaration of an item, what it has of its own, and the traits that it implements.
pub(super) fn lines(html: &str) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(declaration) =
        between(html, "<pre class=\"rust item-decl\"><code>", "</code></pre>")
    {
        // Attributes are blocks, without a line end of their own.
        let declaration = without(declaration, "<summary", "</summary>").replace("</div>", "\n");
        let text = plain(&declaration);
        lines
            .extend(text.lines().map(str::trim_end).filter(|it| !it.is_empty()).map(str::to_owned));
    }
    // What holds for every type of a kind, or follows from the fields, says nothing of this one.
    let end = ["<h2 id=\"synthetic-impl", "<h2 id=\"blanket-impl", "<h2 id=\"deref-methods"];
    let end = end.iter().filter_map(|it| html.find(it)).min().unwrap_or(html.len());
    let (own, traits) = match html[..end].split_once("<h2 id=\"trait-implementations\"") {
        Some((own, traits)) => (own, traits),
        None => (&html[..end], ""),
    };
    let own = own.split_once("<div id=\"implementations-list\"").map_or("", |(_, own)| own);
    lines.extend(headers(own, &["method", "associatedconstant"], "h4"));
    lines.extend(headers(traits, &["impl"], "h3"));
    lines
}

/// The code of sections of these classes, sorted: an item may move within its file.
fn headers(html: &str, classes: &[&str], tag: &str) -> Vec<String> {
    let (start, end) = (format!("<{tag} class=\"code-header\">"), format!("</{tag}>"));
    let sections = html.split("<section id=\"").skip(1).filter(|section| {
        let class = between(section, "class=\"", "\"").unwrap_or_default();
        classes.contains(&class)
    });
    let texts = sections.filter_map(|section| between(section, &start, &end));
    let mut lines: Vec<_> = texts.map(|text| one_line(&plain(text))).collect();
    lines.sort();
    lines.dedup();
    lines
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    text.split_once(start)?.1.split_once(end).map(|(inner, _)| inner)
}

fn without(text: &str, start: &str, end: &str) -> String {
    let mut parts = text.split(start);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    parts.for_each(|part| kept.push_str(part.split_once(end).map_or("", |(_, rest)| rest)));
    kept
}

/// Text without tags, and characters as they are.
fn plain(html: &str) -> String {
    let mut text = String::new();
    for (index, part) in html.split('<').enumerate() {
        let visible = if index == 0 { Some(part) } else { part.split_once('>').map(|it| it.1) };
        text.push_str(visible.unwrap_or_default());
    }
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#39;", "'"), ("&nbsp;", " ")];
    let text = named.iter().fold(text, |text, (name, character)| text.replace(name, character));
    text.replace('\u{a0}', " ").replace("&amp;", "&")
}

fn one_line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.replace("( ", "(").replace(", )", ")")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r##"
<pre class="rust item-decl"><code><div class="code-attribute">#[non_exhaustive]</div>pub struct Store { <details><summary class="hideme"><span>Show 2 fields</span></summary>
    pub dir: <a href="x">PathBuf</a>,
    <span class="comment">/* private fields */</span>
}</details></code></pre><h2 id="implementations">Implementations</h2>
<div id="implementations-list"><section id="impl-Store" class="impl"><h3 class="code-header">impl Store</h3></section>
<section id="method.open" class="method"><h4 class="code-header">pub fn <a>open</a>(
    dir: impl Into&lt;PathBuf&gt;,
) -&gt; Result&lt;Self&gt;</h4></section>
<section id="associatedconstant.MAX" class="associatedconstant"><h4 class="code-header">pub const MAX: u64</h4></section></div>
<h2 id="trait-implementations">Traits</h2><div id="trait-implementations-list">
<section id="impl-Clone-for-Store" class="impl"><h3 class="code-header">impl Clone for Store</h3></section>
<section id="method.clone" class="method trait-impl"><h4 class="code-header">fn clone(&amp;self)</h4></section></div>
<h2 id="synthetic-implementations">Auto</h2>
<section id="impl-Send-for-Store" class="impl"><h3 class="code-header">impl Send for Store</h3></section>"##;

    #[test]
    fn a_page_gives_declaration_methods_and_traits() {
        let expected = [
            "#[non_exhaustive]",
            "pub struct Store {",
            "    pub dir: PathBuf,",
            "    /* private fields */",
            "}",
            "pub const MAX: u64",
            "pub fn open(dir: impl Into<PathBuf>) -> Result<Self>",
            "impl Clone for Store",
        ];
        assert_eq!(lines(PAGE), expected);
    }

    #[test]
    fn the_list_of_all_items_is_read() {
        let html = r##"<ul><li><a href="#structs" title="Structs">Structs</a></li></ul><h3>Structs</h3><ul><li><a href="a/struct.B.html">a::B</a></li></ul>"##;
        let item = Item { name: "a::B".into(), link: "a/struct.B.html".into() };
        assert_eq!(items(html), [item]);
    }

    #[test]
    fn what_is_handed_on_is_read() {
        let html = r#"<h2 id="reexports">Re-exports</h2><dl><dt id="reexport.T"><code>pub use <a>codec</a>::<a>T</a>;</code></dt></dl><h2 id="structs">"#;
        assert_eq!(reexports(html), ["pub use codec::T;"]);
        assert!(reexports("<h2 id=\"structs\">").is_empty());
    }
}
