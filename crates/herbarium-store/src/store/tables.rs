//! What trees need to be opened: grammar tables and dictionaries. What queries
//! need to be compiled: parse tables.

use std::sync::Arc;

use herbarium_codec::{Fingerprint, Grammar, ParseTable};

use crate::key;
use crate::record::{Kind, RecordKey};
use crate::segment::Context;
use crate::{Dictionary, DictionaryId, Put, Store, StoreError};

use super::read::{Fault, unpacked};

/// A grammar table or a dictionary, read by its place.
pub(crate) enum Special {
    Grammar(Fingerprint, Vec<u8>),
    Dictionary(Dictionary),
}

impl Store {
    /// Stores a grammar table, unless it is there.
    ///
    /// # Errors
    /// [`StoreError::Io`] if it cannot be written.
    pub fn put_grammar(&self, grammar: &Grammar) -> Result<Put, StoreError> {
        let fingerprint = grammar.fingerprint();
        let key = grammar_key(&fingerprint);
        if let Some(put) = self.found(&key)? {
            // The record may be damaged: only what can be read counts as there.
            if self.grammar(&fingerprint)?.is_some() {
                return Ok(put);
            }
        }
        let bytes = grammar.to_bytes();
        let put = self.put_special(key, fingerprint, &bytes)?;
        self.copy_to_catalogue(|| {
            self.catalogue.put_grammar(&|| self.contents(), &fingerprint, &bytes)
        });
        self.grammars.insert(fingerprint, Arc::new(grammar.clone()));
        Ok(put)
    }

    /// The grammar table with this fingerprint; decoded once in a process.
    ///
    /// # Errors
    /// As [`Store::get_tree`].
    pub fn grammar(&self, fingerprint: &Fingerprint) -> Result<Option<Arc<Grammar>>, StoreError> {
        if let Some(grammar) = self.grammars.get(fingerprint) {
            return Ok(Some(grammar));
        }
        let key = grammar_key(fingerprint);
        let mut found = self.read(&key, |record, scratch| {
            let bytes = unpacked(scratch, record)?;
            decode_grammar(&bytes, fingerprint).ok_or(Fault::Damaged("not that grammar's table"))
        })?;
        if found.is_none() {
            let copy = self.catalogue.grammar(&|| self.contents(), fingerprint);
            found = copy.and_then(|bytes| decode_grammar(&bytes, fingerprint));
        }
        Ok(found.map(|grammar| self.grammars.insert(*fingerprint, Arc::new(grammar))))
    }

    /// Stores the parse table of a grammar, unless it is there. Unlike grammar
    /// tables it is nothing that trees rest on: no copy of it is kept.
    ///
    /// # Errors
    /// [`StoreError::Io`] if it cannot be written.
    pub fn put_parse_table(
        &self,
        grammar: &Grammar,
        table: &ParseTable,
    ) -> Result<Put, StoreError> {
        let fingerprint = grammar.fingerprint();
        let key = parse_table_key(&fingerprint);
        match self.found(&key)? {
            Some(put) if self.parse_table(grammar)?.is_some() => Ok(put),
            _ => {
                self.may_write("store a parse table")?;
                let bytes = table.to_bytes(fingerprint);
                self.writer().put(key, (fingerprint, None), &bytes, None, None)
            }
        }
    }

    /// Whether there is a parse table for the grammar with this fingerprint, by
    /// the index alone: the record is not read.
    ///
    /// # Errors
    /// As [`Store::get_tree`].
    pub fn has_parse_table(&self, fingerprint: &Fingerprint) -> Result<bool, StoreError> {
        Ok(self.found(&parse_table_key(fingerprint))?.is_some())
    }

    /// The parse table of a grammar, decoded each time; `None` in stores that
    /// were filled before there were any.
    ///
    /// # Errors
    /// As [`Store::get_tree`].
    pub fn parse_table(&self, grammar: &Grammar) -> Result<Option<ParseTable>, StoreError> {
        self.read(&parse_table_key(&grammar.fingerprint()), |record, scratch| {
            let bytes = unpacked(scratch, record)?;
            let table = ParseTable::from_bytes(&bytes, grammar);
            table.map_err(|_| Fault::Damaged("not that grammar's parse table"))
        })
    }

    /// Stores a dictionary, unless it is there, and makes it the one that
    /// [`Store::dictionary_for`] gives.
    ///
    /// # Errors
    /// [`StoreError::Io`] if it cannot be written, [`StoreError::TooLarge`]
    /// beyond 1 GiB.
    pub fn put_dictionary(&self, dictionary: &Arc<Dictionary>) -> Result<Put, StoreError> {
        let put = self.store_dictionary(dictionary)?;
        let fingerprint = dictionary.fingerprint();
        let bytes = dictionary.to_bytes();
        self.copy_to_catalogue(|| {
            let id = dictionary.id();
            self.catalogue.put_dictionary(&|| self.contents(), id, &fingerprint, &bytes)
        });
        self.current.replace(fingerprint, Arc::clone(dictionary));
        Ok(put)
    }

    /// The dictionary that new trees of a grammar should use: the one that was
    /// put last.
    ///
    /// # Errors
    /// As [`Store::get_tree`].
    pub fn dictionary_for(
        &self,
        fingerprint: &Fingerprint,
    ) -> Result<Option<Arc<Dictionary>>, StoreError> {
        if let Some(dictionary) = self.current.get(fingerprint) {
            return Ok(Some(dictionary));
        }
        self.look_again()?;
        let noted = self.catalogue.current(&|| self.contents(), fingerprint);
        let found = noted.and_then(|id| self.dictionary(id)).or_else(|| {
            let contents = self.contents();
            let mut of_grammar =
                contents.dictionaries.iter().rev().filter(|(_, of, _)| of == fingerprint);
            of_grammar.find_map(|(id, _, _)| self.dictionary(*id))
        });
        Ok(found.map(|dictionary| self.current.insert(*fingerprint, dictionary)))
    }

    /// Stores again the grammar tables and dictionaries that trees need and of which no
    /// good record is left, but a copy in the catalogue. Gives how many.
    ///
    /// Nothing is read where there is nothing to do: a damaged record counts as missing
    /// once it was met, by [`Store::verify`] for one.
    ///
    /// # Errors
    /// [`StoreError::Io`] if one cannot be written.
    pub fn restore_tables(&self) -> Result<u64, StoreError> {
        self.look_again()?;
        let segments = self.shelf.segments();
        let mut missing: Vec<(Fingerprint, Option<DictionaryId>)> = Vec::new();
        let contexts = segments.iter().flat_map(|segment| segment.contexts());
        for context in contexts.filter(|context| context.is_known() && context.trees > 0) {
            missing.push((context.fingerprint, None));
            missing.extend(context.dictionary.map(|id| (context.fingerprint, Some(id))));
        }
        for segment in segments.iter() {
            for offset in segment.specials() {
                let Some(header) = segment.header_at(offset) else { continue };
                if self.shelf.quarantine.has(segment.id(), offset) {
                    continue;
                }
                let RecordKey { kind, key } = header.key;
                let prefix = header.key.prefix();
                missing.retain(|(grammar, dictionary)| match dictionary {
                    None => kind != Kind::GRAMMAR || key != grammar_key(grammar).key,
                    Some(id) => kind != Kind::DICTIONARY || prefix != id.0.to_le_bytes(),
                });
            }
        }
        missing.sort_unstable_by_key(|(grammar, id)| (grammar.0, id.map(|id| id.0)));
        missing.dedup();
        let mut restored = 0;
        for (grammar, id) in missing {
            let put = match id.map(|id| self.dictionary(id)) {
                None => match self.grammar(&grammar)? {
                    Some(it) => self.put_special(grammar_key(&grammar), grammar, &it.to_bytes())?,
                    None => continue,
                },
                Some(Some(it)) => self.store_dictionary(&it)?,
                Some(None) => continue,
            };
            restored += u64::from(put.new);
        }
        Ok(restored)
    }

    /// Trees that were put with what a damaged record holds, and whether the catalogue has
    /// a copy of it; `None` if it holds nothing that trees need.
    pub(crate) fn table_lost(&self, record: &RecordKey) -> Option<(u64, bool)> {
        let id = DictionaryId(u64::from_le_bytes(record.prefix()));
        let fingerprint = Fingerprint(*record.key.first_chunk()?);
        let needs = |context: &Context| match record.kind {
            Kind::DICTIONARY => context.dictionary == Some(id),
            _ => context.fingerprint == fingerprint,
        };
        let copied = match record.kind {
            Kind::DICTIONARY => self.catalogue.dictionary(&|| self.contents(), id).is_some(),
            Kind::GRAMMAR => self.catalogue.grammar(&|| self.contents(), &fingerprint).is_some(),
            _ => return None,
        };
        let contexts = self.shelf.segments();
        let contexts = contexts.iter().flat_map(|segment| segment.contexts());
        let trees = contexts.filter(needs).map(|context| u64::from(context.trees)).sum();
        Some((trees, copied)).filter(|(trees, _)| *trees > 0)
    }

    fn put_special(
        &self,
        key: RecordKey,
        fingerprint: Fingerprint,
        bytes: &[u8],
    ) -> Result<Put, StoreError> {
        self.may_write("store a table or dictionary")?;
        let put = self.writer().put(key, (fingerprint, None), bytes, None, None)?;
        // Trees will rest on it.
        self.flush()?;
        Ok(put)
    }

    pub(super) fn store_dictionary(&self, dictionary: &Arc<Dictionary>) -> Result<Put, StoreError> {
        let key = dictionary_key(dictionary);
        let put = match self.found(&key)? {
            Some(put) if self.dictionary(dictionary.id()).is_some() => put,
            _ => self.put_special(key, dictionary.fingerprint(), &dictionary.to_bytes())?,
        };
        self.dictionaries.insert(dictionary.id(), Arc::clone(dictionary));
        Ok(put)
    }

    /// Whether its record is in a segment that this process knows: it may have
    /// been collected since it was read.
    pub(super) fn has_dictionary(&self, dictionary: &Dictionary) -> bool {
        self.dictionaries.get(&dictionary.id()).is_some()
            && self.shelf.contains(&dictionary_key(dictionary))
    }

    /// Which dictionary new trees of a grammar use, as far as the catalogue knows.
    pub(crate) fn current_dictionary(&self, fingerprint: &Fingerprint) -> Option<DictionaryId> {
        self.catalogue.current(&|| self.contents(), fingerprint)
    }

    /// The dictionary that the trees of a context need.
    pub(crate) fn dictionary_of(
        &self,
        context: &Context,
    ) -> Result<Option<Arc<Dictionary>>, Fault> {
        let Some(id) = context.dictionary else { return Ok(None) };
        let found = self.dictionary(id);
        found.map(Some).ok_or(Fault::Unavailable("its dictionary is missing"))
    }

    /// A dictionary by its id; read once in a process. `None` if it is missing or
    /// damaged.
    pub fn dictionary(&self, id: DictionaryId) -> Option<Arc<Dictionary>> {
        if let Some(dictionary) = self.dictionaries.get(&id) {
            return Some(dictionary);
        }
        let found = self.dictionary_in_segments(id).or_else(|| {
            let bytes = self.catalogue.dictionary(&|| self.contents(), id)?;
            Dictionary::from_bytes(&bytes)
        });
        let found = found.filter(|dictionary| dictionary.id() == id)?;
        Some(self.dictionaries.insert(id, Arc::new(found)))
    }

    fn dictionary_in_segments(&self, id: DictionaryId) -> Option<Dictionary> {
        let wanted =
            |key: &RecordKey| key.kind == Kind::DICTIONARY && key.prefix() == id.0.to_le_bytes();
        self.specials(wanted).into_iter().find_map(|(_, special)| match special {
            Special::Dictionary(dictionary) if dictionary.id() == id => Some(dictionary),
            _ => None,
        })
    }

    /// Grammar tables and dictionaries in all segments, with their age.
    pub(super) fn specials(
        &self,
        wanted: impl Fn(&RecordKey) -> bool,
    ) -> Vec<((u64, u32), Special)> {
        let mut scratch = self.pool.take();
        let mut specials = Vec::new();
        for segment in self.shelf.segments().iter() {
            for offset in segment.specials() {
                let special = segment.special(offset, &mut scratch, &wanted);
                specials.extend(special.map(|special| ((segment.sequence(), offset), special)));
            }
        }
        self.pool.put_back(scratch);
        specials
    }
}

pub(crate) fn grammar_key(fingerprint: &Fingerprint) -> RecordKey {
    let mut key = [0; 32];
    key.iter_mut().zip(fingerprint.0).for_each(|(place, byte)| *place = byte);
    RecordKey { kind: Kind::GRAMMAR, key }
}

/// Not the fingerprint itself, under which the key table would find the grammar
/// table, too.
pub(crate) fn parse_table_key(fingerprint: &Fingerprint) -> RecordKey {
    let mut hasher = blake3::Hasher::new();
    key::put(&mut hasher, b"herbarium parse table");
    key::put(&mut hasher, &fingerprint.0);
    RecordKey { kind: Kind::PARSE_TABLE, key: *hasher.finalize().as_bytes() }
}

pub(crate) fn dictionary_key(dictionary: &Dictionary) -> RecordKey {
    RecordKey { kind: Kind::DICTIONARY, key: dictionary.key() }
}

pub(crate) fn decode_grammar(bytes: &[u8], fingerprint: &Fingerprint) -> Option<Grammar> {
    Grammar::from_bytes(bytes).ok().filter(|grammar| grammar.fingerprint() == *fingerprint)
}
