// Gives the visible nodes of a tree in pre-order, straight from the parser's
// subtrees: what ts_tree_cursor_* finds one call at a time, in one loop.
//
// Only reads. Compiled against the headers of the tree-sitter package that is
// linked (see build.rs). Rules of visibility, aliases and fields as in that
// package's tree_cursor.c; the tests compare both on real code.

#include <stdlib.h>
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
} Record;

enum { EXTRA = 1, MISSING = 2, HAS_ERROR = 4, HIDDEN = 8, UNEXPECTED = 16, NAMED = 32 };

// A subtree whose children are being visited.
typedef struct {
  Subtree subtree;
  const TSSymbol *aliases;
  const TSFieldMapEntry *fields;
  const TSFieldMapEntry *fields_end;
  uint32_t child;
  uint32_t structural_child;
  uint32_t position;
  // Depth of the visible nodes among its children.
  uint32_t depth;
  // Field that children take over: that of a hidden subtree itself.
  TSFieldId field;
} Frame;

typedef struct {
  const TSTree *tree;
  Frame *frames;
  uint32_t size;
  uint32_t capacity;
  bool started;
} Walk;

static bool push(Walk *self, Subtree subtree, uint32_t position, uint32_t depth, TSFieldId field) {
  if (self->size == self->capacity) {
    uint32_t capacity = self->capacity ? self->capacity * 2 : 64;
    Frame *frames = realloc(self->frames, (size_t)capacity * sizeof(Frame));
    if (!frames) return false;
    self->frames = frames;
    self->capacity = capacity;
  }
  const TSLanguage *language = self->tree->language;
  uint32_t production = subtree.ptr->production_id;
  Frame *frame = &self->frames[self->size++];
  frame->subtree = subtree;
  frame->aliases = ts_language_alias_sequence(language, production);
  ts_language_field_map(language, production, &frame->fields, &frame->fields_end);
  frame->child = 0;
  frame->structural_child = 0;
  frame->position = position;
  frame->depth = depth;
  frame->field = field;
  return true;
}

static TSSymbol public_symbol(const TSLanguage *language, TSSymbol symbol) {
  return symbol == ts_builtin_sym_error ? symbol : language->public_symbol_map[symbol];
}

static void record(Record *out, const TSLanguage *language, Subtree subtree, TSSymbol alias,
                   uint32_t start, uint32_t depth, TSFieldId field) {
  TSSymbol symbol = alias ? alias : ts_subtree_symbol(subtree);
  bool missing = ts_subtree_missing(subtree);
  out->start = start;
  out->end = start + ts_subtree_size(subtree).bytes;
  out->depth = depth;
  out->kind = public_symbol(language, symbol);
  out->field = field;
  out->flags = (ts_subtree_extra(subtree) ? EXTRA : 0) | (missing ? MISSING : 0) |
               (ts_subtree_error_cost(subtree) > 0 ? HAS_ERROR : 0);
  bool error_token = ts_subtree_is_error(subtree) && ts_subtree_child_count(subtree) == 0;
  out->character = error_token ? subtree.ptr->lookahead_char : 0;
  if (error_token) out->flags |= UNEXPECTED;
  if (ts_subtree_named(subtree)) out->flags |= NAMED;
}

static TSFieldId field_of(const Frame *frame, uint32_t structural_child) {
  for (const TSFieldMapEntry *entry = frame->fields; entry < frame->fields_end; entry++) {
    if (!entry->inherited && entry->child_index == structural_child) return entry->field_id;
  }
  return frame->field;
}

void *herbarium_walk_new(void) {
  return calloc(1, sizeof(Walk));
}

void herbarium_walk_delete(void *walk) {
  Walk *self = walk;
  if (self) free(self->frames);
  free(self);
}

void herbarium_walk_start(void *walk, const void *tree) {
  Walk *self = walk;
  self->tree = tree;
  self->size = 0;
  self->started = false;
}

// Fills `out` with the next nodes, at most `capacity` (2 or more). Returns how
// many; 0 at the end; UINT32_MAX when memory ran out.
uint32_t herbarium_walk_next(void *walk, Record *out, uint32_t capacity) {
  Walk *self = walk;
  const TSLanguage *language = self->tree->language;
  uint32_t count = 0;
  if (!self->started) {
    self->started = true;
    Subtree root = self->tree->root;
    uint32_t start = ts_subtree_padding(root).bytes;
    record(&out[count++], language, root, 0, start, 0, 0);
    if (ts_subtree_child_count(root) && !push(self, root, start, 1, 0)) return UINT32_MAX;
  }
  while (self->size && count < capacity) {
    Frame *frame = &self->frames[self->size - 1];
    if (frame->child == frame->subtree.ptr->child_count) {
      self->size--;
      continue;
    }
    Subtree child = ts_subtree_children(frame->subtree)[frame->child];
    uint32_t start = frame->position;
    if (frame->child) start += ts_subtree_padding(child).bytes;
    frame->child++;
    frame->position = start + ts_subtree_size(child).bytes;

    TSSymbol alias = 0;
    TSFieldId field = 0;
    if (!ts_subtree_extra(child)) {
      uint32_t structural_child = frame->structural_child++;
      if (frame->aliases) alias = frame->aliases[structural_child];
      field = field_of(frame, structural_child);
    }
    uint32_t depth = frame->depth;
    bool visible = ts_subtree_visible(child) || alias;
    bool hidden_missing = !visible && ts_subtree_missing(child);
    if (visible || hidden_missing) {
      record(&out[count], language, child, alias, start, depth, field);
      if (hidden_missing) out[count].flags |= HIDDEN;
      count++;
    }
    if (ts_subtree_child_count(child)) {
      bool pushed = visible ? push(self, child, start, depth + 1, 0) : push(self, child, start, depth, field);
      if (!pushed) return UINT32_MAX;
    }
  }
  return count;
}
