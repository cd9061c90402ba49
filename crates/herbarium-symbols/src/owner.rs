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
    // What stands further up is believed first, where two name each other.
    for is_above in [true, false] {
        for number in 0..symbols.len() {
            let (start, end) = symbols[number].owner_name;
            let named = source.get(start as usize..end as usize).and_then(|name| owners.get(name));
            let owner = named.map(|(_, it)| *it).filter(|it| (*it < number) == is_above);
            if let Some(owner) = owner.filter(|it| leads_out(symbols, *it, number)) {
                symbols[number].owner = Some(owner as u32);
            }
        }
    }
}

/// The longest way outwards that is followed.
const MOST_STEPS: usize = 256;

/// Whether the way from one symbol outwards ends and does not lead over another: a
/// definition may stand within what belongs to it, and no way may lead round in a
/// circle.
fn leads_out(symbols: &[Symbol], from: usize, over: usize) -> bool {
    let mut at = from;
    for _ in 0..MOST_STEPS {
        if at == over {
            return false;
        }
        let next = symbols.get(at).and_then(|symbol| symbol.owner.or(symbol.container));
        match next {
            Some(next) => at = next as usize,
            None => return true,
        }
    }
    false
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
