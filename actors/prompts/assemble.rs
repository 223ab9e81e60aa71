//! Puts a request together and keeps it within its cap.

use anthill_contracts::brief::{Finding, Passage};
use anthill_contracts::model::{AnswerSchema, Matter, Message, ModelRequest};
use anthill_contracts::plan::Plan;
use anthill_contracts::tool::ToolSpec;
use minijinja::{Value, context};
use serde_json::Value as Json;

use super::turns::{self, Drafted};
use super::{
    Assignment, Face, Manifest, Part, Turn, WorkOrder, estimate_tokens, fence, signals, templates, words,
};

/// Tokens that a provider adds to a message for its frame.
const MESSAGE_TOKENS: u64 = 4;

/// A piece of text cut below this many bytes says nothing any more and is left out.
const PIECE_BYTES_MIN: usize = 64;

/// A tool's result of fewer bytes than this saves nothing when a marker takes its place.
const RESULT_BYTES_MIN: usize = 256;

/// The tool with which an answer can be handed in.
const POST_TOOL: &str = "post_artifact";

/// A request under construction.
struct Draft<'a> {
    order: &'a WorkOrder,
    face: Face,
    system: String,
    schema: AnswerSchema,
    /// What others have learned, in words.
    signals: String,
    pieces: Vec<Piece>,
    /// The pieces that are still in, the most important first.
    ranking: Vec<usize>,
    later: Vec<Drafted>,
}

/// One passage, finding or claim of the first turn.
struct Piece {
    text: String,
    heading: Option<String>,
    kept: bool,
}

/// See [`super::request`] and [`super::manifest`].
pub(super) fn assemble(order: &WorkOrder, turns: &[Turn]) -> (ModelRequest, Manifest) {
    let mut draft = Draft::new(order, turns);
    let cap = u64::from(order.context_tokens_max);
    loop {
        let manifest = draft.manifest();
        let excess = manifest.tokens().saturating_sub(cap);
        if excess == 0 || !draft.leave_out(excess) {
            return (draft.finish(), manifest);
        }
    }
}

impl<'a> Draft<'a> {
    fn new(order: &'a WorkOrder, turns: &[Turn]) -> Self {
        let face = order.assignment.face();
        let pieces = pieces(&order.assignment);
        let can_post = tools(order).iter().any(|tool| tool.name == POST_TOOL);
        Self {
            order,
            face,
            system: templates::system(
                face,
                context! { can_post => can_post, lessons => order.takes_lessons },
            ),
            schema: if order.takes_lessons {
                face.teaching_schema()
            } else {
                face.answer_schema()
            },
            signals: signals::lines(&order.signals),
            ranking: ranking(order, &pieces),
            pieces,
            later: turns::draft(turns),
        }
    }

    /// Leaves out what matters least, until about `excess` tokens are saved. False when nothing is left to leave out.
    fn leave_out(&mut self, excess: u64) -> bool {
        let mut saved = 0;
        while saved < excess {
            let before = saved;
            saved += self.leave_out_old_result();
            if saved == before {
                saved += self.leave_out_piece(excess - saved);
            }
            if saved == before {
                saved += self.leave_out_last_result();
            }
            if saved == before {
                break;
            }
        }
        saved > 0
    }

    /// The oldest result of a tool, but never the newest.
    fn leave_out_old_result(&mut self) -> u64 {
        let mut results = self
            .later
            .iter_mut()
            .filter(|drafted| is_worth_leaving_out(drafted));
        let oldest = results.next();
        match (oldest, results.next()) {
            (Some(oldest), Some(_)) => marked(oldest),
            _ => 0,
        }
    }

    fn leave_out_last_result(&mut self) -> u64 {
        let mut results = self
            .later
            .iter_mut()
            .filter(|drafted| is_worth_leaving_out(drafted));
        results.next().map_or(0, marked)
    }

    /// The least important piece; the most important one is cut before it goes too.
    fn leave_out_piece(&mut self, excess: u64) -> u64 {
        let Some(least) = self.ranking.pop() else {
            return 0;
        };
        let piece = &mut self.pieces[least];
        let tokens = estimate_tokens(&piece.text).max(1);
        let keep = usize::try_from(tokens.saturating_sub(excess + 1)).unwrap_or(0) * 4;
        let is_cuttable = matches!(self.order.assignment, Assignment::Read { .. });
        if self.ranking.is_empty() && is_cuttable && keep >= PIECE_BYTES_MIN {
            piece.text.truncate(piece.text.floor_char_boundary(keep));
            self.ranking.push(least);
            return tokens - estimate_tokens(&piece.text);
        }
        piece.kept = false;
        tokens
    }

    fn manifest(&self) -> Manifest {
        let schema = estimate_tokens(&self.schema.schema.to_string());
        let tools: u64 = tools(self.order).iter().map(tool_tokens).sum();
        let learned = estimate_tokens(&self.signals);
        let matter = estimate_tokens(&self.first_turn()) + MESSAGE_TOKENS;
        let mut parts = vec![
            part("system", estimate_tokens(&self.system) + MESSAGE_TOKENS, 0),
            part("tools", tools, 0),
            part("answer_schema", schema, 0),
            part("matter", matter - learned.min(matter), self.left_out()),
        ];
        if !self.order.signals.is_empty() {
            parts.push(Part {
                signals: signals::learned(&self.order.signals),
                ..part("signals", learned, 0)
            });
        }
        parts.extend(self.later.iter().map(|drafted| {
            let tokens = (drafted.bytes() as u64).div_ceil(4) + MESSAGE_TOKENS;
            part(&drafted.name, tokens, usize::from(drafted.left_out))
        }));
        Manifest { parts }
    }

    fn left_out(&self) -> usize {
        self.pieces.iter().filter(|piece| !piece.kept).count()
    }

    fn finish(self) -> ModelRequest {
        let first = Message::User {
            text: self.first_turn(),
        };
        let matter = self.matter();
        let later = self.later.into_iter().map(|drafted| drafted.message);
        ModelRequest {
            model: self.order.model.clone(),
            system: self.system,
            messages: std::iter::once(first).chain(later).collect(),
            tools: tools(self.order).to_vec(),
            answer_schema: Some(self.schema),
            answer_tokens_max: self.order.answer_tokens_max,
            matter,
        }
    }

    fn first_turn(&self) -> String {
        let body = self.body();
        let output = &self.order.output;
        let common = context! {
            goal => self.order.goal.as_str(),
            instructions => self.order.instructions.as_deref(),
            claims_max => self.claims_max(),
            claims_per_document_max => output.claims_per_document_max,
            sections_max => output.sections_max,
            words_max => output.words_max,
            fence => fence::name(&body),
            body => body.as_str(),
            left_out => self.left_out(),
            signals => self.signals.as_str(),
            signals_fence => fence::name(&self.signals),
        };
        templates::user(self.face, context! { ..self.own_words(), ..common })
    }

    /// What only this kind of assignment has to say.
    fn own_words(&self) -> Value {
        match &self.order.assignment {
            Assignment::Read { path, .. } => context! { path => fence::quoted_path(path) },
            Assignment::Plan {
                documents,
                limits,
                refused,
                example,
            } => {
                let refused: Vec<Value> = refused
                    .iter()
                    .map(|reason| Value::from(one_line(reason)))
                    .collect();
                context! {
                    documents => *documents,
                    limits => limits.as_str(),
                    refused => refused.as_slice(),
                    example => example_text(example),
                }
            }
            Assignment::Write { .. } | Assignment::Answer { .. } | Assignment::Judge { .. } => context! {},
        }
    }

    const fn claims_max(&self) -> u32 {
        match self.face {
            Face::Reader => self.order.output.claims_per_document_max,
            _ => self.order.output.claims_max,
        }
    }

    fn body(&self) -> String {
        let mut lines = Vec::new();
        let mut heading = None;
        for piece in self.pieces.iter().filter(|piece| piece.kept) {
            if piece.heading != heading {
                heading.clone_from(&piece.heading);
                lines.extend(
                    heading
                        .as_ref()
                        .map(|heading| format!("[under the heading: {heading}]")),
                );
            }
            lines.push(piece.text.clone());
        }
        lines.join("\n")
    }

    /// The same matter as data: what the prompt leaves out is left out here too.
    fn matter(&self) -> Matter {
        let question = question(self.order);
        let claims_max = self.claims_max();
        match &self.order.assignment {
            Assignment::Read { path, passages } => Matter::Read {
                question,
                path: path.clone(),
                passages: self.kept_passages(passages),
                claims_max,
                strategy: signals::strategy(&self.order.signals),
            },
            Assignment::Write { findings } => Matter::Write {
                question,
                findings: self.kept_findings(findings),
                sections_max: self.order.output.sections_max,
                claims_max,
                words_max: self.order.output.words_max,
                strategy: signals::strategy(&self.order.signals),
            },
            Assignment::Answer { .. } => Matter::Answer {
                question,
                found: self.found(),
                claims_max,
            },
            Assignment::Judge { claims } => Matter::Judge {
                question,
                claims: self.kept_findings(claims),
            },
            Assignment::Plan {
                documents,
                refused,
                example,
                ..
            } => Matter::Plan {
                goal: question,
                documents: *documents,
                refused: refused.clone(),
                example: example.clone(),
            },
        }
    }

    fn kept_passages(&self, passages: &[Passage]) -> Vec<Passage> {
        let pairs = passages.iter().zip(&self.pieces).filter(|(_, piece)| piece.kept);
        pairs
            .map(|(passage, piece)| Passage {
                text: piece.text.clone(),
                ..passage.clone()
            })
            .collect()
    }

    fn kept_findings(&self, findings: &[Finding]) -> Vec<Finding> {
        let pairs = findings.iter().zip(&self.pieces).filter(|(_, piece)| piece.kept);
        pairs.map(|(finding, _)| finding.clone()).collect()
    }

    /// Passages that tools have returned, each once, in the order in which they came.
    fn found(&self) -> Vec<Passage> {
        let mut found: Vec<Passage> = Vec::new();
        for passage in self.later.iter().flat_map(|drafted| &drafted.passages) {
            if !found.contains(passage) {
                found.push(passage.clone());
            }
        }
        found
    }
}

fn pieces(assignment: &Assignment) -> Vec<Piece> {
    match assignment {
        Assignment::Read { passages, .. } => passages
            .iter()
            .map(|passage| piece(passage.text.clone(), passage.heading.clone()))
            .collect(),
        Assignment::Write { findings } => numbered(findings),
        Assignment::Judge { claims } => numbered(claims),
        Assignment::Answer { .. } | Assignment::Plan { .. } => Vec::new(),
    }
}

fn numbered(findings: &[Finding]) -> Vec<Piece> {
    let texts = findings.iter().enumerate().map(|(index, finding)| {
        let mut text = format!("[{}] {}", index + 1, finding.text);
        for quote in &finding.quotes {
            let path = fence::quoted_path(&quote.path);
            text.extend(["\n    ", &path, " says: ", &quote.quote]);
        }
        piece(text, None)
    });
    texts.collect()
}

const fn piece(text: String, heading: Option<String>) -> Piece {
    Piece {
        text,
        heading,
        kept: true,
    }
}

/// Passages by what they share with the question, earlier ones first among equals; lists as they are, because a
/// number must stay the number of its finding.
fn ranking(order: &WorkOrder, pieces: &[Piece]) -> Vec<usize> {
    let mut ranking: Vec<usize> = (0..pieces.len()).collect();
    if matches!(order.assignment, Assignment::Read { .. }) {
        let question = words(&question(order));
        ranking.sort_by_cached_key(|index| {
            let overlap = words::overlap_with(&question, &pieces[*index].text);
            (std::cmp::Reverse(overlap), *index)
        });
    }
    ranking
}

/// The goal, and what is asked of the node beyond it.
fn question(order: &WorkOrder) -> String {
    match &order.instructions {
        Some(instructions) => format!("{}\n{instructions}", order.goal),
        None => order.goal.clone(),
    }
}

fn tools(order: &WorkOrder) -> &[ToolSpec] {
    match &order.assignment {
        Assignment::Answer { tools } => tools,
        _ => &[],
    }
}

fn tool_tokens(tool: &ToolSpec) -> u64 {
    estimate_tokens(&tool.name)
        + estimate_tokens(&tool.description)
        + estimate_tokens(&tool.schema.to_string())
}

fn is_worth_leaving_out(drafted: &Drafted) -> bool {
    drafted.is_result && !drafted.left_out && drafted.bytes() >= RESULT_BYTES_MIN
}

fn marked(drafted: &mut Drafted) -> u64 {
    let before = drafted.bytes();
    drafted.leave_out();
    (before.saturating_sub(drafted.bytes()) as u64).div_ceil(4).max(1)
}

fn part(name: &str, tokens: u64, left_out: usize) -> Part {
    Part {
        name: name.to_owned(),
        tokens,
        left_out,
        signals: Vec::new(),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A plan as people would write it: without the keys that say nothing.
fn example_text(plan: &Plan) -> String {
    let json = serde_json::to_value(plan).expect("a plan has no map with keys that are no strings");
    serde_json::to_string_pretty(&pruned(json)).expect("a JSON value is always JSON text")
}

fn pruned(value: Json) -> Json {
    match value {
        Json::Object(fields) => {
            let fields = fields.into_iter().map(|(key, field)| (key, pruned(field)));
            Json::Object(fields.filter(|(_, field)| !says_nothing(field)).collect())
        }
        Json::Array(items) => Json::Array(items.into_iter().map(pruned).collect()),
        scalar => scalar,
    }
}

fn says_nothing(value: &Json) -> bool {
    match value {
        Json::Null | Json::Bool(false) => true,
        Json::Array(items) => items.is_empty(),
        Json::Object(fields) => fields.is_empty(),
        Json::Bool(true) | Json::Number(_) | Json::String(_) => false,
    }
}
