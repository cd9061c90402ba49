//! Reading a grammar table off a linked grammar.

use herbarium_codec::{Grammar, GrammarError, GrammarParts, Kind, Supertype};

/// The grammar table of a linked grammar. `name` is what the registry calls
/// the language, `version` that of the package it comes from: both are part of
/// the fingerprint.
///
/// # Errors
/// More kinds or fields than the format numbers; no known grammar has them.
pub fn grammar_of(
    language: &tree_sitter::Language,
    name: &str,
    version: &str,
) -> Result<Grammar, GrammarError> {
    let grammar = Grammar::new(GrammarParts {
        name: name.to_owned(),
        version: version.to_owned(),
        abi: language.abi_version() as u32,
        states: language.parse_state_count() as u32,
        kinds: (0..language.node_kind_count() as u16).map(|id| kind(language, id)).collect(),
        fields: (1..=language.field_count() as u16)
            .map(|id| language.field_name_for_id(id).unwrap_or_default().to_owned())
            .collect(),
        supertypes: language
            .supertypes()
            .iter()
            .map(|&kind| Supertype {
                kind,
                subtypes: language.subtypes_for_supertype(kind).to_vec(),
            })
            .collect(),
    })?;
    grammar.with_public_kinds(public_kinds(language))
}

/// The kinds that count as one of another name.
fn public_kinds(language: &tree_sitter::Language) -> Vec<(u16, u16)> {
    let name = |id| (language.node_kind_for_id(id), language.node_kind_is_named(id));
    let mut pairs = Vec::new();
    for id in (0..language.node_kind_count() as u16).filter(|&id| language.node_kind_is_visible(id))
    {
        // By its name, the kind that nodes of that name count as.
        let public = language.id_for_node_kind(name(id).0.unwrap_or_default(), name(id).1);
        // 0: found by no name, such as the empty one.
        if public != 0 && name(public) != name(id) {
            pairs.push((id, public));
        }
    }
    pairs
}

fn kind(language: &tree_sitter::Language, id: u16) -> Kind {
    Kind {
        name: language.node_kind_for_id(id).unwrap_or_default().to_owned(),
        named: language.node_kind_is_named(id),
        visible: language.node_kind_is_visible(id),
        supertype: language.node_kind_is_supertype(id),
    }
}
