//! Parse tables as bytes: `docs/format/parse-table-v1.md` says what lies where.
#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects
)]

use xxhash_rust::xxh3::xxh3_64;

use super::{Action, ChildField, ParseTable, Symbol};
use crate::wire::{Reader, put_varint};
use crate::{DecodeError, Fingerprint, Grammar};

const MAGIC: [u8; 4] = *b"HRBR";
const MAJOR: u8 = 1;
const MINOR: u8 = 0;
const CHECKSUM: usize = 8;

/// What a list of actions is made of.
mod code {
    pub(super) const SHIFT: u8 = 0;
    pub(super) const EXTRA: u8 = 1;
    pub(super) const REDUCE: u8 = 2;
    pub(super) const OTHER: u8 = 3;
}

impl ParseTable {
    /// The table as bytes, for the grammar whose table it is: what a store keeps
    /// beside the grammar table, so that queries compile where the grammar is
    /// not linked. Compresses well; the layout is in
    /// `docs/format/parse-table-v1.md`.
    pub fn to_bytes(&self, grammar: Fingerprint) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[MAJOR, MINOR]);
        out.extend_from_slice(&grammar.0);
        put_symbols(&mut out, self);
        put_productions(&mut out, self);
        put_actions(&mut out, &self.actions);
        put_states(&mut out, self);
        let checksum = xxh3_64(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        out
    }

    /// Reads what [`ParseTable::to_bytes`] wrote for this grammar.
    ///
    /// Takes at most 32 bytes of memory for each byte of input.
    ///
    /// # Errors
    /// Wrong magic, another major version, damage, the table of another grammar,
    /// or numbers of symbols, states, fields or actions that there are none of.
    pub fn from_bytes(bytes: &[u8], grammar: &Grammar) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(open(bytes, grammar)?, HEADER);
        let limits = Limits {
            symbols: grammar.kind_count(),
            fields: grammar.field_count().saturating_add(1),
            states: grammar.parts().states as usize,
        };
        let mut table = Self::default();
        read_symbols(&mut reader, &mut table, &limits)?;
        read_productions(&mut reader, &mut table, &limits)?;
        table.actions = read_list(&mut reader, "action lists", |reader| {
            read_list(reader, "actions", |reader| read_action(reader, &limits))
        })?;
        read_states(&mut reader, &mut table, &limits)?;
        if reader.left() != 0 {
            let found = format!("{} bytes behind it", reader.left());
            return Err(invalid("end of the parse table", reader.offset(), "the end", found));
        }
        Ok(table)
    }
}

const HEADER: usize = 22;

/// What numbers must be below.
struct Limits {
    symbols: usize,
    fields: usize,
    states: usize,
}

fn put_symbols(out: &mut Vec<u8>, table: &ParseTable) {
    put_varint(out, u32::from(table.tokens));
    put_varint(out, u32::from(table.symbol_count));
    put_count(out, table.symbols.len());
    out.extend_from_slice(&table.symbols);
    let mut own = 0_i32;
    for public in &table.public {
        // Nearly always itself.
        put_varint(out, zigzag(i32::from(*public).wrapping_sub(own)));
        own = own.wrapping_add(1);
    }
    put_count(out, table.aliases.len());
    for (symbol, aliases) in &table.aliases {
        put_varint(out, u32::from(*symbol));
        put_numbers(out, aliases);
    }
}

fn put_productions(out: &mut Vec<u8>, table: &ParseTable) {
    put_count(out, table.alias_sequences.len());
    table.alias_sequences.iter().for_each(|sequence| put_numbers(out, sequence));
    put_count(out, table.fields.len());
    for fields in &table.fields {
        put_count(out, fields.len());
        for ChildField { field, child, inherited } in fields {
            put_varint(out, u32::from(*field));
            out.extend_from_slice(&[*child, u8::from(*inherited)]);
        }
    }
}

fn put_actions(out: &mut Vec<u8>, lists: &[Vec<Action>]) {
    put_count(out, lists.len());
    for list in lists {
        put_count(out, list.len());
        for action in list {
            match *action {
                Action::Shift { state } => {
                    out.push(code::SHIFT);
                    put_varint(out, u32::from(state));
                }
                Action::Extra => out.push(code::EXTRA),
                Action::Reduce { symbol, children, production } => {
                    out.extend_from_slice(&[code::REDUCE, children]);
                    put_varint(out, u32::from(symbol));
                    put_varint(out, u32::from(production));
                }
                Action::Other => out.push(code::OTHER),
            }
        }
    }
}

/// A state that takes many tokens mostly does the same on all of them.
fn put_states(out: &mut Vec<u8>, table: &ParseTable) {
    put_count(out, table.states.len());
    for row in &table.states {
        let runs = row.chunk_by(|one, next| one.1 == next.1);
        put_count(out, runs.clone().count());
        let mut before = 0;
        for run in runs {
            let value = run.first().map_or(0, |first| first.1);
            put_varint(out, u32::from(value));
            put_count(out, run.len());
            for (symbol, _) in run {
                let symbol = i32::from(*symbol);
                put_varint(out, zigzag(symbol.wrapping_sub(before)));
                before = symbol;
            }
        }
    }
    let mut own = 0_i32;
    for primary in &table.primary {
        put_varint(out, zigzag(i32::from(*primary).wrapping_sub(own)));
        own = own.wrapping_add(1);
    }
}

fn put_count(out: &mut Vec<u8>, count: usize) {
    put_varint(out, count as u32);
}

fn put_numbers(out: &mut Vec<u8>, numbers: &[u16]) {
    put_count(out, numbers.len());
    numbers.iter().for_each(|number| put_varint(out, u32::from(*number)));
}

fn zigzag(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)).cast_unsigned()
}

/// Checks all around the body, and gives that.
fn open<'a>(bytes: &'a [u8], grammar: &Grammar) -> Result<&'a [u8], DecodeError> {
    let mut reader = Reader::new(bytes, 0);
    let found = reader.array("magic of a parse table")?;
    if found != MAGIC {
        return Err(DecodeError::Magic { what: "a parse table", expected: MAGIC, found });
    }
    let [found_major, found_minor] = reader.array("version of a parse table")?;
    if found_major != MAJOR {
        return Err(DecodeError::Version {
            what: "parse table",
            found_major,
            found_minor,
            supported: MAJOR,
        });
    }
    let of = Fingerprint(reader.array("fingerprint of a parse table")?);
    let len = reader.left().saturating_sub(CHECKSUM);
    let body = reader.take(len, "parse table")?;
    let expected = u64::from_le_bytes(reader.array("checksum of a parse table")?);
    let checked = bytes.get(..HEADER.saturating_add(len)).unwrap_or_default();
    let found = xxh3_64(checked);
    if found != expected {
        return Err(DecodeError::Checksum { what: "parse table", offset: 0, expected, found });
    }
    if of != grammar.fingerprint() {
        return Err(DecodeError::Grammar { expected: of, found: grammar.fingerprint() });
    }
    Ok(body)
}

fn read_symbols(
    reader: &mut Reader<'_>,
    table: &mut ParseTable,
    limits: &Limits,
) -> Result<(), DecodeError> {
    let at_most = limits.symbols.saturating_add(1);
    table.tokens = read_below(reader, "number of tokens", at_most)?;
    table.symbol_count = read_below(reader, "number of symbols", at_most)?;
    let offset = reader.offset();
    let count = reader.count("symbols")?;
    if count != limits.symbols {
        let expected = format!("{} as in the grammar table", limits.symbols);
        return Err(invalid("number of symbols", offset, expected, count));
    }
    const ALL: u8 = Symbol::VISIBLE | Symbol::NAMED | Symbol::SUPERTYPE;
    let offset = reader.offset();
    table.symbols = reader.take(count, "symbols")?.to_vec();
    if let Some(bits) = table.symbols.iter().find(|bits| **bits & !ALL != 0) {
        return Err(invalid("bits of a symbol", offset, format!("at most {ALL}"), bits));
    }
    table.public = read_near(reader, count, limits.symbols, "public kind")?;
    table.aliases = read_list(reader, "aliased symbols", |reader| {
        let symbol = read_below(reader, "aliased symbol", limits.symbols)?;
        Ok((symbol, read_numbers(reader, "alias", limits.symbols)?))
    })?;
    if !table.aliases.is_sorted_by(|one, next| one.0 < next.0) {
        let (expected, found) = ("ascending symbols", "others");
        return Err(invalid("aliased symbols", reader.offset(), expected, found));
    }
    Ok(())
}

fn read_productions(
    reader: &mut Reader<'_>,
    table: &mut ParseTable,
    limits: &Limits,
) -> Result<(), DecodeError> {
    table.alias_sequences = read_list(reader, "alias sequences", |reader| {
        read_numbers(reader, "alias of a child", limits.symbols)
    })?;
    table.fields = read_list(reader, "productions", |reader| {
        read_list(reader, "fields of a production", |reader| {
            let field = read_below(reader, "field", limits.fields)?;
            let child = reader.u8("child with a field")?;
            let inherited = read_bit(reader)?;
            Ok(ChildField { field, child, inherited })
        })
    })?;
    Ok(())
}

fn read_bit(reader: &mut Reader<'_>) -> Result<bool, DecodeError> {
    let offset = reader.offset();
    match reader.u8("whether a field is inherited")? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(invalid("whether a field is inherited", offset, "0 or 1", other)),
    }
}

fn read_action(reader: &mut Reader<'_>, limits: &Limits) -> Result<Action, DecodeError> {
    let offset = reader.offset();
    Ok(match reader.u8("action")? {
        code::SHIFT => Action::Shift { state: read_below(reader, "state", limits.states)? },
        code::EXTRA => Action::Extra,
        code::REDUCE => {
            let children = reader.u8("number of children")?;
            let symbol = read_below(reader, "symbol to reduce to", limits.symbols)?;
            let production = read_below(reader, "production", u16::MAX.into())?;
            Action::Reduce { symbol, children, production }
        }
        code::OTHER => Action::Other,
        other => return Err(invalid("action", offset, "0 to 3", other)),
    })
}

fn read_states(
    reader: &mut Reader<'_>,
    table: &mut ParseTable,
    limits: &Limits,
) -> Result<(), DecodeError> {
    let offset = reader.offset();
    let mut row = Vec::new();
    let (tokens, actions) = (table.tokens, table.actions.len());
    table.states = read_list(reader, "states", |reader| {
        read_row(reader, &mut row, limits, (tokens, actions))?;
        Ok(row.clone())
    })?;
    let count = table.states.len();
    if count != limits.states {
        let expected = format!("{} as in the grammar table", limits.states);
        return Err(invalid("number of states", offset, expected, count));
    }
    table.primary = read_near(reader, count, limits.states, "primary state")?;
    Ok(())
}

fn read_row(
    reader: &mut Reader<'_>,
    row: &mut Vec<(u16, u16)>,
    limits: &Limits,
    (tokens, actions): (u16, usize),
) -> Result<(), DecodeError> {
    row.clear();
    let mut before = 0_i32;
    for _ in 0..reader.count("what may come next")? {
        let offset = reader.offset();
        let value = read_below(reader, "what follows", limits.states.max(actions))?;
        let count = reader.count("symbols with one value")?;
        for _ in 0..count {
            before = read_step(reader, before, "symbol", limits.symbols)?;
            let symbol = before as u16;
            let below = if symbol < tokens { actions } else { limits.states };
            if usize::from(value) >= below {
                return Err(invalid("what follows", offset, format!("less than {below}"), value));
            }
            row.push((symbol, value));
        }
    }
    Ok(())
}

/// A list of things that take at least one byte each.
fn read_list<T>(
    reader: &mut Reader<'_>,
    what: &'static str,
    mut item: impl FnMut(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let count = reader.count(what)?;
    let mut list = Vec::with_capacity(count);
    for _ in 0..count {
        list.push(item(reader)?);
    }
    Ok(list)
}

fn read_numbers(
    reader: &mut Reader<'_>,
    what: &'static str,
    limit: usize,
) -> Result<Vec<u16>, DecodeError> {
    read_list(reader, what, |reader| read_below(reader, what, limit))
}

/// Numbers that are nearly always their own place.
fn read_near(
    reader: &mut Reader<'_>,
    count: usize,
    limit: usize,
    what: &'static str,
) -> Result<Vec<u16>, DecodeError> {
    let mut numbers = Vec::with_capacity(count.min(reader.left()));
    for place in 0..count {
        let place = i32::try_from(place).unwrap_or(i32::MAX);
        numbers.push(read_step(reader, place, what, limit)? as u16);
    }
    Ok(numbers)
}

/// A number by its zigzag difference from another one.
fn read_step(
    reader: &mut Reader<'_>,
    from: i32,
    what: &'static str,
    limit: usize,
) -> Result<i32, DecodeError> {
    let offset = reader.offset();
    let step = reader.varint(what)?;
    let step = (step >> 1).cast_signed() ^ (step & 1).cast_signed().wrapping_neg();
    let number = from.wrapping_add(step);
    match usize::try_from(number) {
        Ok(found) if found < limit => Ok(number),
        _ => Err(invalid(what, offset, format!("less than {limit}"), number)),
    }
}

fn read_below(
    reader: &mut Reader<'_>,
    what: &'static str,
    limit: usize,
) -> Result<u16, DecodeError> {
    let offset = reader.offset();
    let number = reader.varint(what)?;
    match u16::try_from(number) {
        Ok(small) if usize::from(small) < limit => Ok(small),
        _ => Err(invalid(what, offset, format!("less than {limit}"), number)),
    }
}

fn invalid(
    what: &'static str,
    offset: usize,
    expected: impl Into<String>,
    found: impl ToString,
) -> DecodeError {
    DecodeError::Invalid { what, offset, expected: expected.into(), found: found.to_string() }
}
