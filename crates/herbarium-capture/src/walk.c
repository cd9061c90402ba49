// Gives the visible nodes of a tree in pre-order, straight from the parser's
// subtrees: what ts_tree_cursor_* finds one call at a time, in one loop.
//
// Only reads. Compiled against the headers of the tree-sitter package that is
// linked (see build.rs). Rules of visibility, aliases and fields as in that
// package's tree_cursor.c; the tests compare both on real code.

#include <stdlib.h>
#include <string.h>
#include "subtree.h"
#include "tree.h"
#include "language.h"

// As `Record` in src/direct.rs.
typedef struct {
  uint32_t start;
  uint32_t end;
  uint32_t depth;
  int32_t character;
  uint16_t kind;
  uint16_t field;
  uint32_t flags;
  uint32_t supertypes;
} Record;

enum { EXTRA = 1, MISSING = 2, HAS_ERROR = 4, HIDDEN = 8, UNEXPECTED = 16, NAMED = 32, QUIRK = 64 };

// In `character` of a record with QUIRK.
enum { LAST_OF_FIELD = 0, FIELD = 1, ALIAS = 2, NOT_LAST_OF_FIELD = 3, FIELD_WITHIN = 4 };

// What the field map of a production says: fields are taken over from children;
// a child has several fields.
enum { INHERITS = 1, DOUBLES = 2 };

// Fields of one node that are told of beside the one that it shows: grammars nest
// two at most.
enum { MOST_ASKED = 16 };
// Records of one node: itself, what it is to its siblings or as an extra, and the above.
enum { MOST_OF_NODE = 1 + 3 + MOST_ASKED };

// A subtree whose children are being visited.
typedef struct {
  Subtree subtree;
  const Subtree *children;
  const TSSymbol *aliases;
  const TSFieldMapEntry *fields;
  const TSFieldMapEntry *fields_end;
  uint32_t child;
  uint32_t child_count;
  uint32_t structural_child;
  uint32_t position;
  // Depth of the visible nodes among its children.
  uint32_t depth;
  // Field that children take over: that of a hidden subtree itself.
  TSFieldId field;
  // The frame of the hidden subtree that has it.
  uint32_t field_frame;
  // Supertypes that children stand for: those of hidden subtrees, by number.
  uint32_t supertypes;
  // Place of the subtree among its parent's children, extras not counted.
  uint32_t place;
  bool visible;
  bool extra;
  // Whether its nodes are children of an ERROR.
  bool in_error;
  // It is hidden and has a field.
  bool owns;
  // No visible node was under it yet, and it or a hidden subtree above it, for
  // which the same holds, has a field.
  bool fresh;
  // What the field map of its rule says.
  uint8_t traits;
} Frame;

// The last child of a node so far that has a field.
typedef struct {
  uint32_t depth;
  uint32_t node;
  TSFieldId field;
  // Whether the rules let the field come again.
  bool comes_again;
} Holder;

typedef struct {
  const TSTree *tree;
  Frame *frames;
  uint32_t size;
  uint32_t capacity;
  // Visible nodes so far.
  uint32_t visible;
  bool started;
  // By symbol, the bit of a supertype; for `language`.
  const TSLanguage *language;
  uint32_t *supertypes;
  uint32_t symbols;
  // By symbol, the kind that nodes of it are kept under.
  TSSymbol *kinds;
  // By production, what its field map says.
  uint8_t *traits;
  // Those of the innermost node last.
  Holder *holders;
  uint32_t holders_size;
  uint32_t holders_capacity;
  // What is left of the field map of the rule that has the last node in that
  // place, where it may say that fields within the node are those of one above.
  const TSFieldMapEntry *within;
  const TSFieldMapEntry *within_end;
  uint32_t within_place;
  uint32_t within_node;
  // The frame that the node is in.
  uint32_t within_frame;
} Walk;

static Frame *push(Walk *self, Subtree subtree, uint32_t position, uint32_t depth) {
  if (self->size == self->capacity) {
    uint32_t capacity = self->capacity ? self->capacity * 2 : 64;
    Frame *frames = realloc(self->frames, (size_t)capacity * sizeof(Frame));
    if (!frames) return NULL;
    self->frames = frames;
    self->capacity = capacity;
  }
  const TSLanguage *language = self->tree->language;
  uint32_t production = subtree.ptr->production_id;
  Frame *frame = &self->frames[self->size++];
  frame->subtree = subtree;
  frame->children = ts_subtree_children(subtree);
  frame->child_count = subtree.ptr->child_count;
  frame->aliases = ts_language_alias_sequence(language, production);
  ts_language_field_map(language, production, &frame->fields, &frame->fields_end);
  frame->child = 0;
  frame->structural_child = 0;
  frame->position = position;
  frame->depth = depth;
  frame->field = 0;
  frame->supertypes = 0;
  frame->place = 0;
  frame->visible = true;
  frame->extra = false;
  frame->in_error = ts_subtree_is_error(subtree);
  frame->owns = false;
  frame->fresh = false;
  frame->traits = self->traits[production];
  return frame;
}

// Goes into a hidden subtree: what is under it belongs to the node above.
static bool push_hidden(Walk *self, Subtree subtree, uint32_t position, TSSymbol symbol,
                        TSFieldId field, bool own_field, uint32_t place) {
  uint32_t above = self->size - 1;
  Frame *frame = push(self, subtree, position, self->frames[above].depth);
  if (!frame) return false;
  const Frame *parent = &self->frames[above];
  frame->field = field;
  frame->field_frame = own_field ? above + 1 : parent->field_frame;
  frame->supertypes = parent->supertypes | (symbol < self->symbols ? self->supertypes[symbol] : 0);
  frame->place = place;
  frame->visible = false;
  frame->extra = ts_subtree_extra(subtree);
  frame->in_error = parent->in_error;
  frame->owns = own_field;
  frame->fresh = own_field || parent->fresh;
  return true;
}

// Whether the rule of a subtree names the field for a child behind a place.
static bool names_later(const Frame *frame, uint32_t place, TSFieldId field) {
  for (const TSFieldMapEntry *entry = frame->fields; entry < frame->fields_end; entry++) {
    if (entry->field_id == field && entry->child_index > place) return true;
  }
  return false;
}

// Whether the rules of the node above a hidden subtree let the field come again
// after it: what tree-sitter looks at in the place of the siblings themselves.
static bool comes_again_after(const Walk *self, uint32_t hidden, TSFieldId field) {
  for (uint32_t i = hidden; i > 0 && !self->frames[i].visible; i--) {
    if (self->frames[i].extra) continue;
    if (names_later(&self->frames[i - 1], self->frames[i].place, field)) return true;
  }
  return false;
}

static void quirk(Record *out, uint32_t node, int32_t what, uint16_t field, uint16_t kind) {
  out->start = node;
  out->character = what;
  out->field = field;
  out->kind = kind;
  out->flags = QUIRK;
}

// A node has a field. Gives 1 and writes a quirk where a sibling before it has
// the same and the rules say nothing of two: several nodes share the field of a
// hidden subtree, the rules between do not take it over, or the node above is an
// ERROR, which follows no rule. Gives UINT32_MAX when memory ran out.
static uint32_t hold_field(Walk *self, const Frame *frame, TSFieldId field, bool own_field,
                           uint32_t place, Record *out) {
  uint32_t top = self->size - 1;
  Holder now = {.depth = frame->depth, .node = self->visible, .field = field};
  now.comes_again = own_field
    ? names_later(frame, place, field) || comes_again_after(self, top, field)
    : comes_again_after(self, frame->field_frame, field);
  for (uint32_t i = self->holders_size; i > 0 && self->holders[i - 1].depth == now.depth; i--) {
    Holder *holder = &self->holders[i - 1];
    if (holder->field != field) continue;
    Holder before = *holder;
    *holder = now;
    if (before.comes_again) return 0;
    quirk(out, before.node, LAST_OF_FIELD, 0, 0);
    return 1;
  }
  if (self->holders_size == self->holders_capacity) {
    uint32_t capacity = self->holders_capacity ? self->holders_capacity * 2 : 16;
    Holder *holders = realloc(self->holders, (size_t)capacity * sizeof(Holder));
    if (!holders) return UINT32_MAX;
    self->holders = holders;
    self->holders_capacity = capacity;
  }
  self->holders[self->holders_size++] = now;
  return 0;
}

// Whether a child of the innermost node, all of which were visited, has a field.
static bool has_holder(const Walk *self, const Frame *frame) {
  return frame->visible && self->holders_size &&
         self->holders[self->holders_size - 1].depth == frame->depth;
}

// Forgets the last of these. Gives 1 and writes a quirk where its field did not
// come again though the rules let it.
static uint32_t drop_holder(Walk *self, Record *out) {
  Holder holder = self->holders[--self->holders_size];
  if (!holder.comes_again) return 0;
  quirk(out, holder.node, NOT_LAST_OF_FIELD, 0, 0);
  return 1;
}

// An extra counts as having the field of the hidden subtree that it is in. Gives
// 2 and writes as many quirks.
static uint32_t lend_field(const Walk *self, const Frame *frame, Record *out) {
  bool comes_again = comes_again_after(self, frame->field_frame, frame->field);
  quirk(&out[0], self->visible, FIELD, frame->field, 0);
  quirk(&out[1], self->visible, comes_again ? NOT_LAST_OF_FIELD : LAST_OF_FIELD, 0, 0);
  return 2;
}

// Where an alias shows a node that the grammar hides, fields within it are, by the
// rule above, those of the node above.
static void look_within(Walk *self, const Frame *frame, uint32_t place) {
  self->within = frame->fields;
  self->within_end = frame->fields_end;
  self->within_place = place;
  self->within_node = self->visible;
  self->within_frame = self->size - 1;
}

// Whether the rule of a subtree takes a field over from a child.
static bool takes_over(const Frame *frame, uint32_t place, TSFieldId field) {
  for (const TSFieldMapEntry *entry = frame->fields; entry < frame->fields_end; entry++) {
    if (entry->inherited && entry->field_id == field && entry->child_index == place) return true;
  }
  return false;
}

// Whether the rules between a frame and the visible node above take a field over.
static bool reaches_node(const Walk *self, uint32_t hidden, TSFieldId field) {
  for (uint32_t i = hidden; i > 0 && !self->frames[i].visible; i--) {
    if (self->frames[i].extra) return false;
    if (!takes_over(&self->frames[i - 1], self->frames[i].place, field)) return false;
  }
  return true;
}

// Looks at one more entry. Gives 1 and writes a quirk where it is of the node.
static uint32_t next_within(Walk *self, Record *out) {
  const TSFieldMapEntry *entry = self->within++;
  if (!entry->inherited || entry->child_index != self->within_place) return 0;
  if (!reaches_node(self, self->within_frame, entry->field_id)) return 0;
  quirk(out, self->within_node, FIELD_WITHIN, entry->field_id, 0);
  return 1;
}

// Goes on with `differs_when_asked`: the fields that a rule gives to the child
// in a place, which is the node or a hidden subtree that begins with it.
static uint32_t fields_when_asked(const Walk *self, uint32_t holder, uint32_t place, bool extra,
                                  TSFieldId shown, bool *finds_shown, Record *out, uint32_t room) {
  const Frame *frame = &self->frames[holder];
  uint32_t count = 0;
  for (const TSFieldMapEntry *entry = frame->fields; entry < frame->fields_end; entry++) {
    if (entry->inherited || entry->child_index != place) continue;
    bool settled = entry->field_id == shown ? *finds_shown : count == room;
    if (settled || !reaches_node(self, holder, entry->field_id)) continue;
    if (entry->field_id == shown) {
      *finds_shown = true;
    } else {
      quirk(&out[count++], self->visible, extra ? FIELD_WITHIN : FIELD, entry->field_id, 0);
    }
  }
  return count;
}

// Whether a node needs a look by the function below: most do not, since a rule
// finds the one child that it names a field for.
static inline bool may_differ(const Walk *self, const Frame *frame, TSFieldId field,
                              bool own_field) {
  if (frame->fresh || frame->traits & DOUBLES) return true;
  return field && !frame->visible && (own_field || !self->frames[frame->field_frame - 1].visible);
}

// Asked for a child by its field, tree-sitter goes down the field maps and takes
// the first visible node of a hidden subtree: not always what shows that field.
// Writes a quirk for every field by which the node is found beside the one that
// it shows, and one if it is not found by that one.
static uint32_t differs_when_asked(Walk *self, uint32_t place, bool extra, TSFieldId shown,
                                   bool own_field, Record *out) {
  uint32_t top = self->size - 1;
  const Frame *frame = &self->frames[top];
  // An ERROR is never asked, see `Node::child_by_field_id`.
  if (frame->in_error) return 0;
  uint32_t count = 0;
  bool finds_shown = !shown || reaches_node(self, own_field ? top : frame->field_frame - 1, shown);
  if (!extra && frame->traits & DOUBLES) {
    count += fields_when_asked(self, top, place, extra, shown, &finds_shown, out, MOST_ASKED - 1);
  }
  for (uint32_t i = top; i > 0 && self->frames[i].fresh; i--) {
    Frame *hidden = &self->frames[i];
    hidden->fresh = false;
    if (hidden->extra || !hidden->owns) continue;
    // It has that field alone, and the node shows it.
    bool has_doubles = self->frames[i - 1].traits & DOUBLES;
    if (finds_shown && hidden->field == shown && !has_doubles) continue;
    count += fields_when_asked(self, i - 1, hidden->place, extra, shown, &finds_shown, &out[count],
                               MOST_ASKED - 1 - count);
  }
  if (!finds_shown) quirk(&out[count++], self->visible, FIELD, shown, 0);
  return count;
}

// The alias of the child in whose place an extra stands: what tree-sitter takes
// the extra for when it looks at it from its children.
static TSSymbol alias_of_extra(const TSLanguage *language, const Frame *frame) {
  uint32_t production = frame->subtree.ptr->production_id;
  uint32_t width = language->max_alias_sequence_length;
  uint32_t at = production * width + frame->structural_child;
  if (!production || at >= language->production_id_count * width) return 0;
  return language->alias_sequences[at];
}

static uint8_t traits_of(const TSLanguage *language, uint32_t production) {
  const TSFieldMapEntry *first, *end;
  ts_language_field_map(language, production, &first, &end);
  uint8_t traits = 0;
  for (const TSFieldMapEntry *entry = first; entry < end; entry++) {
    if (entry->inherited) {
      traits |= INHERITS;
      continue;
    }
    for (const TSFieldMapEntry *other = first; other < entry; other++) {
      if (!other->inherited && other->child_index == entry->child_index) traits |= DOUBLES;
    }
  }
  return traits;
}

// The public symbol, unless it has another name: then nodes of the symbol do not
// show it, only count as it, and keep their own.
static TSSymbol kind_of(const TSLanguage *language, TSSymbol symbol) {
  TSSymbol public = language->public_symbol_map[symbol];
  if (public == symbol) return symbol;
  bool same_named =
    language->symbol_metadata[public].named == language->symbol_metadata[symbol].named;
  const char *name = language->symbol_names[symbol];
  return same_named && !strcmp(language->symbol_names[public], name) ? public : symbol;
}

// Prepares the tables of supertypes, kinds and productions. False when memory ran out.
static bool use_language(Walk *self, const TSLanguage *language) {
  if (self->language == language) return true;
  uint32_t count = language->symbol_count + language->alias_count;
  uint32_t *supertypes = realloc(self->supertypes, (size_t)(count + 1) * sizeof(uint32_t));
  if (!supertypes) return false;
  self->supertypes = supertypes;
  uint32_t productions = language->production_id_count;
  uint8_t *traits = realloc(self->traits, (size_t)productions + 1);
  if (!traits) return false;
  self->traits = traits;
  TSSymbol *kinds = realloc(self->kinds, (size_t)(count + 1) * sizeof(TSSymbol));
  if (!kinds) return false;
  self->kinds = kinds;
  for (uint32_t symbol = 0; symbol < count; symbol++) kinds[symbol] = kind_of(language, symbol);
  for (uint32_t production = 0; production < productions; production++) {
    traits[production] = traits_of(language, production);
  }
  traits[productions] = 0;
  uint32_t number = 0;
  for (uint32_t symbol = 0; symbol < count; symbol++) {
    TSSymbolMetadata metadata = language->symbol_metadata[symbol];
    bool counts = metadata.supertype && !metadata.visible && number < 32;
    supertypes[symbol] = counts ? (uint32_t)1 << number++ : 0;
  }
  self->language = language;
  self->symbols = count;
  return true;
}

static TSSymbol public_symbol(const TSLanguage *language, TSSymbol symbol) {
  return symbol == ts_builtin_sym_error ? symbol : language->public_symbol_map[symbol];
}

static inline void record(Record *restrict out, const TSSymbol *kinds, Subtree subtree,
                          TSSymbol alias, uint32_t start, uint32_t depth, TSFieldId field,
                          uint32_t supertypes) {
  TSSymbol symbol = alias ? alias : ts_subtree_symbol(subtree);
  bool missing = ts_subtree_missing(subtree);
  out->start = start;
  out->end = start + ts_subtree_size(subtree).bytes;
  out->depth = depth;
  out->kind = symbol == ts_builtin_sym_error ? symbol : kinds[symbol];
  out->field = field;
  out->supertypes = supertypes;
  out->flags = (ts_subtree_extra(subtree) ? EXTRA : 0) | (missing ? MISSING : 0) |
               (ts_subtree_error_cost(subtree) > 0 ? HAS_ERROR : 0);
  bool error_token = ts_subtree_is_error(subtree) && ts_subtree_child_count(subtree) == 0;
  out->character = error_token ? subtree.ptr->lookahead_char : 0;
  if (error_token) out->flags |= UNEXPECTED;
  if (ts_subtree_named(subtree)) out->flags |= NAMED;
}

static TSFieldId own_field_of(const Frame *frame, uint32_t structural_child) {
  for (const TSFieldMapEntry *entry = frame->fields; entry < frame->fields_end; entry++) {
    if (!entry->inherited && entry->child_index == structural_child) return entry->field_id;
  }
  return 0;
}

void *herbarium_walk_new(void) {
  return calloc(1, sizeof(Walk));
}

void herbarium_walk_delete(void *walk) {
  Walk *self = walk;
  if (self) {
    free(self->frames);
    free(self->supertypes);
    free(self->traits);
    free(self->kinds);
    free(self->holders);
  }
  free(self);
}

void herbarium_walk_start(void *walk, const void *tree) {
  Walk *self = walk;
  self->tree = tree;
  self->size = 0;
  self->visible = 0;
  self->holders_size = 0;
  self->within = self->within_end = NULL;
  self->started = false;
}

// Fills `out` with the next nodes, at most `capacity` (more than MOST_OF_NODE). Returns how
// many; 0 at the end; UINT32_MAX when memory ran out.
uint32_t herbarium_walk_next(void *walk, Record *restrict out, uint32_t capacity) {
  Walk *self = walk;
  const TSLanguage *language = self->tree->language;
  uint32_t count = 0;
  if (!self->started) {
    self->started = true;
    if (!use_language(self, language)) return UINT32_MAX;
    Subtree root = self->tree->root;
    uint32_t start = ts_subtree_padding(root).bytes;
    record(&out[count++], self->kinds, root, 0, start, 0, 0, 0);
    self->visible++;
    if (ts_subtree_child_count(root) && !push(self, root, start, 1)) return UINT32_MAX;
  }
  while (self->size && count + MOST_OF_NODE <= capacity) {
    if (self->within != self->within_end) {
      count += next_within(self, &out[count]);
      continue;
    }
    Frame *frame = &self->frames[self->size - 1];
    if (frame->child == frame->child_count) {
      if (has_holder(self, frame)) {
        count += drop_holder(self, &out[count]);
      } else {
        self->size--;
      }
      continue;
    }
    Subtree child = frame->children[frame->child];
    uint32_t start = frame->position;
    if (frame->child) start += ts_subtree_padding(child).bytes;
    frame->child++;
    frame->position = start + ts_subtree_size(child).bytes;

    TSSymbol alias = 0;
    TSFieldId field = 0, own_field = 0;
    uint32_t place = frame->structural_child;
    bool extra = ts_subtree_extra(child);
    if (!extra) {
      frame->structural_child++;
      if (frame->aliases) alias = frame->aliases[place];
      own_field = own_field_of(frame, place);
      field = own_field ? own_field : frame->field;
    }
    uint32_t depth = frame->depth;
    bool visible = ts_subtree_visible(child) || alias;
    bool hidden_missing = !visible && ts_subtree_missing(child);
    if (visible || hidden_missing) {
      record(&out[count], self->kinds, child, alias, start, depth, field, frame->supertypes);
      if (hidden_missing) out[count].flags |= HIDDEN;
      count++;
    }
    if (visible) {
      if (field) {
        uint32_t quirks = hold_field(self, frame, field, own_field != 0, place, &out[count]);
        if (quirks == UINT32_MAX) return UINT32_MAX;
        count += quirks;
      }
      if (extra) {
        if (frame->field) count += lend_field(self, frame, &out[count]);
        TSSymbol shown = ts_subtree_child_count(child) ? alias_of_extra(language, frame) : 0;
        if (shown) quirk(&out[count++], self->visible, ALIAS, 0, public_symbol(language, shown));
      }
      if (frame->traits & INHERITS && !extra && ts_subtree_child_count(child)) {
        look_within(self, frame, place);
      }
      if (may_differ(self, frame, field, own_field != 0)) {
        count += differs_when_asked(self, place, extra, field, own_field != 0, &out[count]);
      }
      self->visible++;
    }
    if (!child.data.is_inline && child.ptr->child_count) {
      TSSymbol symbol = alias ? alias : child.ptr->symbol;
      bool pushed = visible ? push(self, child, start, depth + 1) != NULL
                            : push_hidden(self, child, start, symbol, field, own_field, place);
      if (!pushed) return UINT32_MAX;
    }
  }
  return count;
}
