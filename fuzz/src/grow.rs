//! Any bytes as a source and a valid tree over it.
//!
//! Each byte is a step: text between nodes, a token, a node to open or to
//! close, a fault, something that only queries see. What comes out has everything that the format tells apart:
//! nodes that start before their first child or end after their last, empty
//! ones, line ends of both kinds inside tokens and gaps, bytes that are no
//! UTF-8, tokens longer than 16 bits count, errors of every sort.

use std::sync::{Arc, LazyLock};

use herbarium_codec::{
    ERROR_KIND, Grammar, GrammarParts, Kind, NewNode, Quirk, Supertype, Tree, TreeBuilder,
};

/// A source and the nodes of a tree over it.
#[derive(Debug, Clone, Default)]
pub struct Grown {
    /// The text.
    pub source: Vec<u8>,
    /// The nodes in pre-order.
    pub nodes: Vec<NewNode>,
    /// Error tokens and their characters, by number of the node.
    pub unexpected: Vec<(usize, i32)>,
    /// Missing tokens that do not show: parent, children before, kind.
    pub hidden: Vec<(u32, u32, u16)>,
    /// Nodes with an error that nothing shows.
    pub marks: Vec<u32>,
    /// What queries see otherwise about a node.
    pub quirks: Vec<(u32, Quirk)>,
}

/// Kinds in [`grammar`]: more than a byte numbers.
const KINDS: u16 = 312;
const FIELDS: u16 = 5;
/// Kinds with a number that this divides are hidden.
const HIDDEN: u16 = 17;
/// All hidden kinds but the first are supertypes: more than 14 bits number.
const SUPERTYPES: u8 = ((KINDS - 1) / HIDDEN) as u8;

/// The grammar that the trees are of. Even kinds are named.
pub fn grammar() -> Arc<Grammar> {
    static GRAMMAR: LazyLock<Arc<Grammar>> = LazyLock::new(|| Arc::new(make_grammar()));
    GRAMMAR.clone()
}

fn make_grammar() -> Grammar {
    let kind = |id: u16| Kind {
        name: format!("k{id}"),
        named: id.is_multiple_of(2),
        visible: !id.is_multiple_of(HIDDEN),
        supertype: id != 0 && id.is_multiple_of(HIDDEN),
    };
    let supertype = |n: u8| {
        let kind = u16::from(n) * HIDDEN;
        Supertype { kind, subtypes: vec![kind - 1, kind + 1] }
    };
    let parts = GrammarParts {
        name: "grown".into(),
        version: "1.0.0".into(),
        abi: 15,
        states: 100,
        kinds: (0..KINDS).map(kind).collect(),
        fields: (1..=FIELDS).map(|id| format!("f{id}")).collect(),
        supertypes: (1..=SUPERTYPES).map(supertype).collect(),
    };
    Grammar::new(parts).expect("kinds and fields are few")
}

/// Makes a source and a tree of the bytes.
pub fn grow(data: &[u8]) -> Grown {
    let mut grower = Grower::new(data);
    grower.root();
    while let Some(step) = grower.next() {
        grower.step(step);
    }
    while grower.close() {}
    grower.grown
}

impl Grown {
    /// The tree.
    pub fn build(&self, builder: &mut TreeBuilder) -> Tree {
        self.try_build(builder).expect("grown nodes are in order")
    }

    fn try_build(&self, builder: &mut TreeBuilder) -> Result<Tree, herbarium_codec::BuildError> {
        builder.start(&self.source)?;
        let mut unexpected = self.unexpected.iter().peekable();
        for (index, &node) in self.nodes.iter().enumerate() {
            builder.push(node)?;
            if let Some((_, character)) = unexpected.next_if(|(at, _)| *at == index) {
                builder.unexpected(*character);
            }
        }
        for &(parent, before, kind) in &self.hidden {
            builder.hidden_missing(parent, before, kind, kind % 2 == 0)?;
        }
        self.marks.iter().for_each(|&mark| builder.mark_error(mark));
        self.quirks.iter().try_for_each(|&(node, quirk)| builder.quirk(node, quirk))?;
        builder.finish()
    }
}

const GAPS: [&[u8]; 24] = [
    b" ",
    b"\n",
    b"\n    ",
    b"\n  ",
    b"  ",
    b"\n\n",
    b"\n\n    ",
    b"\t",
    b"\n\t\t",
    b"\n\n\n",
    b"\n\n\n        ",
    b"\n\n\n\n",
    b"\n\n\n\n  ",
    b"\n\n\n\n\n",
    b" \n",
    b"// no node\n  ",
    b"\r",
    b"\n\r\n",
    b"\0",
    b"\x80\xff",
    b"\xef\xbb\xbf",
    b"\xc3\xa9",
    b"\n                                        ",
    b"\n                                         ",
];

const TOKENS: [&[u8]; 16] = [
    b"x",
    b"+",
    b"name",
    b"",
    b"\"a\nb\"",
    b"\n",
    b"\r\n",
    b"a\r\nb\n\nc",
    b"\0",
    b"\xff\xfe",
    b"\xc3\xa9",
    b"\t",
    b"12345",
    b"==",
    b"'\n",
    b"e",
];

/// Lengths at the edges of what one byte, seven bits and 16 bits hold.
const LENGTHS: [usize; 8] = [63, 64, 127, 128, 255, 256, 70_000, 0xfeff];

/// Sources stop growing by long texts here.
const ENOUGH: usize = 400_000;

struct Grower<'d> {
    steps: std::slice::Iter<'d, u8>,
    grown: Grown,
    /// Open nodes and the number of their children so far.
    open: Vec<(usize, u32)>,
    crlf: bool,
    lone: bool,
}

impl<'d> Grower<'d> {
    fn new(data: &'d [u8]) -> Self {
        let mut steps = data.iter();
        let style = steps.next().copied().unwrap_or(0);
        let mut grower = Self {
            steps,
            grown: Grown::default(),
            open: Vec::new(),
            crlf: style & 1 != 0,
            lone: style & 2 != 0,
        };
        match style >> 4 {
            1 => grower.text(b"\xef\xbb\xbf"),
            2 => grower.text(b"\n\n  "),
            3 => grower.text(b"#!"),
            _ => {}
        }
        grower
    }

    fn next(&mut self) -> Option<u8> {
        self.steps.next().copied()
    }

    fn root(&mut self) {
        let kind = self.kind();
        self.push(NewNode { kind, ..NewNode::default() });
        if self.lone {
            let text = self.next().unwrap_or(0);
            self.text(TOKENS[usize::from(text) % TOKENS.len()]);
            self.close();
        }
    }

    fn step(&mut self, step: u8) {
        let arg = usize::from(step >> 3);
        match step & 7 {
            0 => self.gap(arg),
            1 => self.token(arg),
            2 => self.node(arg),
            3 if (24..31).contains(&arg) => self.seen_by_queries(arg),
            3 if self.open.len() > 1 || arg == 31 => {
                self.close();
            }
            4 => self.fault(arg),
            5 => self.many(arg),
            6 => self.long(arg),
            7 => (0..arg * 4).for_each(|_| self.node(1)),
            _ => {}
        }
    }

    fn gap(&mut self, arg: usize) {
        self.text(GAPS[arg % GAPS.len()]);
    }

    fn token(&mut self, arg: usize) {
        let kind = self.kind();
        let new = NewNode { kind, field: field(arg), extra: arg >= 30, ..NewNode::default() };
        self.leaf(new, TOKENS[arg % TOKENS.len()]);
    }

    fn node(&mut self, arg: usize) {
        let kind = self.kind();
        self.push(NewNode { kind, field: field(arg), extra: arg == 29, ..NewNode::default() });
    }

    fn fault(&mut self, arg: usize) {
        let kind = self.kind();
        match (arg % 4, self.open.last().copied()) {
            (0, _) => self.leaf(NewNode { kind, missing: true, ..NewNode::default() }, b""),
            (1, _) => {
                let index = self.grown.nodes.len();
                self.leaf(NewNode { kind: ERROR_KIND, ..NewNode::default() }, TOKENS[arg / 2]);
                if index < self.grown.nodes.len() {
                    let character = [-1, 0, 10, 65, 0x2764, i32::MAX][arg % 6];
                    self.grown.unexpected.push((index, character));
                }
            }
            (2, Some((parent, before))) => {
                self.grown.hidden.push((parent as u32, before, kind % KINDS));
            }
            (3, Some((node, _))) => self.grown.marks.push(node as u32),
            _ => {}
        }
    }

    /// A supertype of the last node, or a quirk of any before it.
    fn seen_by_queries(&mut self, arg: usize) {
        let code = self.next().unwrap_or(0);
        let last = self.grown.nodes.len() - 1;
        let node = (last - usize::from(code) % (last + 1)) as u32;
        match arg {
            24 => self.grown.quirks.push((node, Quirk::LastOfField)),
            25 => self.grown.quirks.push((node, Quirk::NotLastOfField)),
            26 => self.grown.quirks.push((node, Quirk::Field(1 + u16::from(code) % FIELDS))),
            27 => self.grown.quirks.push((node, Quirk::Alias(u16::from(code) + 50))),
            _ => self.grown.nodes[last].supertypes ^= 1 << (code % SUPERTYPES),
        }
    }

    fn many(&mut self, arg: usize) {
        for index in 0..arg * arg {
            let kind = (index % 40) as u16;
            self.leaf(NewNode { kind, ..NewNode::default() }, TOKENS[index % 3]);
            self.text(GAPS[index % 4]);
        }
    }

    /// A long gap or a long token, some with a line end.
    fn long(&mut self, arg: usize) {
        let len = LENGTHS[arg % LENGTHS.len()];
        if self.grown.source.len() > ENOUGH {
            return;
        }
        let mut text = vec![b'y'; len];
        if arg & 16 != 0 {
            text[len / 2] = b'\n';
        }
        match arg & 8 {
            0 => self.text(&text),
            _ => {
                let kind = self.kind();
                self.leaf(NewNode { kind, ..NewNode::default() }, &text);
            }
        }
    }

    fn leaf(&mut self, node: NewNode, text: &[u8]) {
        if self.push(node) {
            self.text(text);
            self.close();
        }
    }

    /// A kind of the grammar or `ERROR`.
    fn kind(&mut self) -> u16 {
        match self.next().map_or(2, u16::from) {
            255 => ERROR_KIND,
            code if code < 200 => code,
            code => code + 56,
        }
    }

    /// Opens a node; false behind the end of the root.
    fn push(&mut self, node: NewNode) -> bool {
        let nodes = &mut self.grown.nodes;
        if let Some(parent) = self.open.last_mut() {
            parent.1 += 1;
        } else if !nodes.is_empty() {
            return false;
        }
        let start = self.grown.source.len() as u32;
        let depth = self.open.len() as u32;
        self.open.push((nodes.len(), 0));
        nodes.push(NewNode { depth, start, end: start, ..node });
        true
    }

    fn close(&mut self) -> bool {
        let Some((index, _)) = self.open.pop() else { return false };
        self.grown.nodes[index].end = self.grown.source.len() as u32;
        true
    }

    fn text(&mut self, text: &[u8]) {
        let source = &mut self.grown.source;
        // Not to look like UTF-16.
        if source.len() < 2 && text.contains(&0xff) {
            source.push(b'-');
        }
        for &byte in text {
            if byte == b'\n' && self.crlf && source.last() != Some(&b'\r') {
                source.push(b'\r');
            }
            source.push(byte);
        }
    }
}

fn field(arg: usize) -> u16 {
    (arg as u16) % (FIELDS + 1)
}
