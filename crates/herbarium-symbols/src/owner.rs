//! What a definition belongs to, where that does not stand around it.

use std::collections::HashMap;

use crate::kind::{Role, SymbolKind};
use crate::symbol::Symbol;

/// Finds the definitions that others name as their container.
pub(crate) fn resolve(source: &[u8], symbols: &mut [Symbol]) {
    let has_owner = |symbol: &Symbol| symbol.owner_name.0 < symbol.owner_name.1;
    if !symbols.iter().any(has_owner) {
        return;
    }
    let mut owners: HashMap<&[u8], (u8, usize)> = HashMap::new();
    for (number, symbol) in symbols.iter().enumerate() {
        let name = source.get(symbol.name_range.start_byte..symbol.name_range.end_byte);
        if let (Some(rank), Some(name)) = (rank(symbol), name) {
            let best = owners.entry(name).or_insert((rank, number));
            *best = (*best).min((rank, number));
        }
    }
    for number in 0..symbols.len() {
        let (start, end) = symbols[number].owner_name;
        let owner = source.get(start as usize..end as usize).and_then(|name| owners.get(name));
        // Each step leads to a smaller number, or to what names no owner itself and from there
        // outwards: no way leads round in a circle.
        let owner = owner.filter(|(_, it)| *it < number || !has_owner(&symbols[*it]));
        symbols[number].owner = owner.filter(|(_, it)| *it != number).map(|(_, it)| *it as u32);
    }
}

/// What can have members, what is likelier to first.
fn rank(symbol: &Symbol) -> Option<u8> {
    use SymbolKind as K;
    match symbol.kind {
        _ if symbol.role == Role::Reference => None,
        K::Impl => Some(1),
        kind if kind.is_type() => Some(0),
        K::Module | K::Namespace | K::Package => Some(2),
        K::Function | K::Constant | K::Variable => Some(3),
        _ => None,
    }
}
