// Writes out the part of a parse table that says which nodes can stand where.
//
// Only reads. Compiled against the headers of the tree-sitter package that is
// linked (see build.rs). Read by src/table.rs, which says what the numbers are.

#include <stdlib.h>
#include "language.h"

typedef struct {
  uint16_t *out;
  size_t size;
  size_t capacity;
} Words;

static void word(Words *self, uint32_t value) {
  if (self->size < self->capacity) self->out[self->size] = (uint16_t)value;
  self->size++;
}

static void symbols(Words *out, const TSLanguage *language) {
  uint32_t count = language->symbol_count + language->alias_count;
  word(out, count);
  for (uint32_t symbol = 0; symbol < count; symbol++) {
    TSSymbolMetadata metadata = language->symbol_metadata[symbol];
    word(out, metadata.visible | metadata.named << 1 | metadata.supertype << 2);
    word(out, language->public_symbol_map[symbol]);
  }
  for (const TSSymbol *entry = language->alias_map; *entry;) {
    word(out, *entry++);
    uint32_t aliases = *entry++;
    word(out, aliases);
    while (aliases--) word(out, *entry++);
  }
  word(out, 0);
}

static void productions(Words *out, const TSLanguage *language) {
  word(out, language->production_id_count);
  word(out, language->max_alias_sequence_length);
  for (uint32_t production = 0; production < language->production_id_count; production++) {
    for (uint32_t child = 0; child < language->max_alias_sequence_length; child++) {
      word(out, ts_language_alias_at(language, production, child));
    }
    const TSFieldMapEntry *field, *end;
    ts_language_field_map(language, production, &field, &end);
    word(out, end - field);
    for (; field < end; field++) {
      word(out, field->field_id);
      word(out, field->child_index | field->inherited << 8);
    }
  }
}

static void action(Words *out, const TSParseAction *action) {
  switch (action->type) {
    case TSParseActionTypeShift:
      word(out, action->shift.extra ? 1 : 0);
      word(out, action->shift.state);
      break;
    case TSParseActionTypeReduce:
      word(out, 2);
      word(out, action->reduce.symbol);
      word(out, action->reduce.child_count);
      word(out, action->reduce.production_id);
      break;
    default:
      word(out, 3);
  }
}

static void states(Words *out, const TSLanguage *language) {
  word(out, language->state_count);
  for (uint32_t state = 0; state < language->state_count; state++) {
    word(out, ts_language_state_is_primary(language, state) ? state : language->primary_state_ids[state]);
    LookaheadIterator next = ts_language_lookaheads(language, state);
    while (ts_lookahead_iterator__next(&next)) {
      // No symbol has this number: 0xffff is ERROR, and ends the list below.
      word(out, next.symbol);
      if (next.symbol < language->token_count) {
        word(out, next.action_count);
        for (uint32_t i = 0; i < next.action_count; i++) action(out, &next.actions[i]);
      } else {
        word(out, next.next_state);
      }
    }
    word(out, 0xffff);
  }
}

// Writes at most `capacity` words to `out`, and says how many there are.
size_t herbarium_parse_table(const void *raw, uint16_t *out, size_t capacity) {
  const TSLanguage *language = raw;
  Words words = {out, 0, capacity};
  word(&words, language->token_count);
  word(&words, language->symbol_count);
  symbols(&words, language);
  productions(&words, language);
  states(&words, language);
  return words.size;
}
