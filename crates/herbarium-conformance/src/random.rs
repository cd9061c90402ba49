//! Made-up queries, close to a tree so that they find something in it.

use std::fmt::Write;

use herbarium_codec::{Node, Tree};

/// Makes queries that look like parts of a tree. The same seed gives the same
/// queries.
pub struct Generator {
    state: u64,
    captures: u32,
}

impl Generator {
    /// A generator.
    pub fn new(seed: u64) -> Self {
        Self {
            state: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d,
            captures: 0,
        }
    }

    /// A number below `limit`, or 0.
    pub fn below(&mut self, limit: usize) -> usize {
        // SplitMix64.
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit.max(1) as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// A source with something broken: bytes taken out, doubled or moved.
    pub fn broken(&mut self, source: &[u8]) -> Vec<u8> {
        let mut broken = source.to_vec();
        for _ in 0..=self.below(4) {
            if broken.len() < 8 {
                break;
            }
            let at = self.below(broken.len() - 4);
            let end = (at + 1 + self.below(12)).min(broken.len());
            match self.below(3) {
                0 => drop(broken.drain(at..end)),
                1 => {
                    let part: Vec<u8> = broken[at..end].to_vec();
                    broken.splice(at..at, part);
                }
                _ => {
                    let part: Vec<u8> = broken.drain(at..end).collect();
                    let to = self.below(broken.len());
                    broken.splice(to..to, part);
                }
            }
        }
        broken
    }

    /// A query of one to three patterns, some with predicates on texts that are in the
    /// source, or are not.
    pub fn query(&mut self, tree: &Tree, source: &[u8]) -> String {
        self.captures = 0;
        let mut text = String::new();
        for _ in 0..=self.below(3) {
            let count = tree.descendant_count();
            let Some(node) = tree.node(self.below(count)) else { continue };
            let (from, captures) = (text.len(), self.captures);
            match self.below(100) {
                0..20 => self.siblings(node, &mut text),
                20..32 if node.is_named() => self.row(node, 0, &mut text),
                _ => self.pattern(node, 0, &mut text),
            }
            let is_bracketed = text[from..].starts_with(['(', '[']);
            if is_bracketed && self.captures > captures && self.chance(40) {
                let predicate = self.predicate(node, source, captures);
                text.insert(from, '(');
                let _ = write!(text, " {predicate})");
            }
            text.push('\n');
        }
        text
    }

    /// A predicate on one of the captures made since there were so many.
    fn predicate(&mut self, node: Node<'_>, source: &[u8], captures: u32) -> String {
        let made = (self.captures - captures) as usize;
        let capture = (captures as usize + self.below(made)) % 5;
        let mut word = || match self.below(4) {
            0 => "zzz".to_owned(),
            1 => String::new(),
            _ => self.word(node, source),
        };
        let (one, other) = (word(), word());
        match self.below(8) {
            0 => format!("(#not-eq? @c{capture} {one:?})"),
            1 => format!("(#any-eq? @c{capture} {one:?})"),
            2 => format!("(#any-of? @c{capture} {one:?} {other:?})"),
            3 => format!("(#eq? @c{capture} @c{})", captures as usize % 5),
            4 => format!("(#match? @c{capture} \"^[a-m]\")"),
            _ => format!("(#eq? @c{capture} {one:?})"),
        }
    }

    /// The text of some short node without what a string would have to escape.
    fn word(&mut self, near: Node<'_>, source: &[u8]) -> String {
        let tree = near.tree();
        let chosen = match self.chance(50) {
            true => near.child(self.below(near.child_count() as usize) as u32).unwrap_or(near),
            false => tree.node(self.below(tree.descendant_count())).unwrap_or(near),
        };
        let text = source.get(chosen.byte_range()).map(String::from_utf8_lossy);
        let is_plain = |text: &str| {
            text.len() < 30 && !text.contains(['"', '\\']) && !text.contains(char::is_control)
        };
        text.filter(|text| is_plain(text)).map_or_else(|| "x".to_owned(), |text| text.into_owned())
    }

    /// A group of a node and those after it.
    fn siblings(&mut self, node: Node<'_>, text: &mut String) {
        text.push('(');
        let mut next = Some(node);
        for number in 0..=self.below(3) {
            let Some(node) = next else { break };
            if number > 0 && self.chance(30) {
                text.push_str(" . ");
            }
            // A group starts with a bracket, not with a word.
            if number == 0 {
                self.bracketed(node, 1, text);
            } else {
                self.pattern(node, 1, text);
            }
            text.push(' ');
            for _ in 0..=self.below(2) {
                next = next.and_then(|node| node.next_sibling());
            }
        }
        text.push(')');
        self.suffix(text);
    }

    /// A node as a pattern that begins with a bracket.
    fn bracketed(&mut self, node: Node<'_>, depth: usize, text: &mut String) {
        if node.is_named() {
            self.node(node, depth, text);
            self.suffix(text);
        } else {
            text.push('[');
            self.leaf(node, text);
            text.push(']');
            self.suffix(text);
        }
    }

    fn pattern(&mut self, node: Node<'_>, depth: usize, text: &mut String) {
        if depth > 0
            && self.chance(60)
            && let Some(field) = node.field_name()
        {
            let _ = write!(text, "{field}: ");
        }
        if self.chance(8) {
            self.alternation(node, depth, text);
        } else if self.chance(4) {
            text.push('(');
            self.bracketed(node, depth, text);
            text.push(')');
        } else if node.is_named() && !self.chance(10) {
            self.node(node, depth, text);
        } else {
            self.leaf(node, text);
        }
        self.suffix(text);
    }

    fn alternation(&mut self, node: Node<'_>, depth: usize, text: &mut String) {
        text.push('[');
        self.pattern(node, depth, text);
        let tree = node.tree();
        for _ in 0..=self.below(2) {
            text.push(' ');
            let other = tree.node(self.below(tree.descendant_count())).unwrap_or(node);
            self.pattern(other, depth + 2, text);
        }
        text.push(']');
    }

    /// A node without children.
    fn leaf(&mut self, node: Node<'_>, text: &mut String) {
        match self.below(8) {
            0 => text.push('_'),
            1 if node.is_named() => text.push_str("(_)"),
            _ if node.is_error() => text.push_str("(ERROR)"),
            _ if node.is_named() => {
                let _ = write!(text, "({})", node.kind());
            }
            _ => {
                let _ = write!(text, "{:?}", node.kind());
            }
        }
    }

    /// A named node with some of its children.
    fn node(&mut self, node: Node<'_>, depth: usize, text: &mut String) {
        text.push('(');
        match self.below(20) {
            0 | 1 => text.push('_'),
            2 if self.chance(30) => text.push_str("MISSING"),
            3 => self.supertype(node, text),
            _ if node.is_missing() && self.chance(60) => {
                let _ = write!(text, "MISSING {}", node.kind());
            }
            _ if node.is_error() => text.push_str("ERROR"),
            _ => text.push_str(node.kind()),
        }
        let mut child = node.child(0);
        let mut first = true;
        while let Some(node) = child
            && depth < 4
        {
            child = node.next_sibling();
            if self.chance(55) {
                continue;
            }
            text.push(' ');
            if self.chance(if first { 15 } else { 20 }) {
                text.push_str(". ");
            }
            first = false;
            self.pattern(node, depth + 1, text);
        }
        if !first && self.chance(12) {
            text.push_str(" .");
        }
        if self.chance(6) {
            let grammar = node.tree().grammar();
            let field = 1 + self.below(grammar.field_count().max(1)) as u16;
            if let Some(name) = grammar.field_name(field) {
                let _ = write!(text, " !{name}");
            }
        }
        text.push(')');
    }

    /// A named node with the first of its named children, all of them anchored.
    fn row(&mut self, node: Node<'_>, depth: usize, text: &mut String) {
        let _ = write!(text, "({}", if node.is_error() { "ERROR" } else { node.kind() });
        let most = self.below(4_usize.saturating_sub(depth));
        let mut child = node.child(0);
        let named = std::iter::from_fn(|| {
            let this = child?;
            child = this.next_sibling();
            Some(this)
        });
        for child in named.filter(Node::is_named).take(most) {
            text.push_str(" . ");
            self.row(child, depth + 1, text);
        }
        text.push(')');
        // Rarely, it is left to choose.
        match self.below(40) {
            0 => text.push('?'),
            1 if depth > 0 => text.push_str(" ."),
            _ => {}
        }
        while self.chance(if depth == 0 { 30 } else { 45 }) {
            let _ = write!(text, " @c{}", self.captures % 5);
            self.captures += 1;
        }
    }

    /// A supertype that may stand for the node.
    fn supertype(&mut self, node: Node<'_>, text: &mut String) {
        let parts = node.tree().grammar().parts();
        let supertypes = &parts.supertypes;
        let fitting: Vec<_> =
            supertypes.iter().filter(|one| one.subtypes.contains(&node.kind_id())).collect();
        let chosen = match fitting.len() {
            0 => supertypes.get(self.below(supertypes.len())),
            len => fitting.get(self.below(len)).copied(),
        };
        let name = chosen.and_then(|one| parts.kinds.get(usize::from(one.kind)));
        match name {
            Some(kind) if self.chance(30) => {
                let _ = write!(text, "{}/{}", kind.name, node.kind());
            }
            Some(kind) => text.push_str(&kind.name),
            None => text.push_str(node.kind()),
        }
    }

    fn suffix(&mut self, text: &mut String) {
        if self.chance(14) {
            text.push(['?', '*', '+'][self.below(3)]);
        }
        while self.chance(40) {
            let _ = write!(text, " @c{}", self.captures % 5);
            self.captures += 1;
        }
    }
}
