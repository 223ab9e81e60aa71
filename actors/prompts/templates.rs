//! The templates, compiled in, and the engine that fills them.

use std::sync::OnceLock;

use anthill_contracts::digest::Digest;
use minijinja::syntax::SyntaxConfig;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

use super::Face;

/// Name and text of every template.
const TEMPLATES: &[(&str, &str)] = &[
    ("rules", include_str!("rules.j2")),
    ("rejected", include_str!("rejected.j2")),
    ("signals", include_str!("signals.j2")),
    ("failures", include_str!("failures.j2")),
    ("lessons", include_str!("lessons.j2")),
    ("reader.system", include_str!("reader.system.j2")),
    ("reader.user", include_str!("reader.user.j2")),
    ("writer.system", include_str!("writer.system.j2")),
    ("writer.user", include_str!("writer.user.j2")),
    ("generalist.system", include_str!("generalist.system.j2")),
    ("generalist.user", include_str!("generalist.user.j2")),
    ("critic.system", include_str!("critic.system.j2")),
    ("critic.user", include_str!("critic.user.j2")),
    ("planner.system", include_str!("planner.system.j2")),
    ("planner.user", include_str!("planner.user.j2")),
];

/// The address of the words that a face is spoken to with; a changed template is another address.
pub fn template_digest(face: Face) -> Digest {
    let own = format!("{}.", face.as_str());
    let parts = TEMPLATES
        .iter()
        .filter(|(name, _)| name.starts_with(&own) || !name.contains('.'))
        .flat_map(|(name, text)| [name.as_bytes(), text.as_bytes()]);
    Digest::of_parts(parts)
}

/// Fills the standing instructions of a face.
pub(super) fn system(face: Face, context: Value) -> String {
    render(&format!("{}.system", face.as_str()), context)
}

/// Fills the first turn of a face.
pub(super) fn user(face: Face, context: Value) -> String {
    render(&format!("{}.user", face.as_str()), context)
}

/// Fills the turn that tells a model what was wrong.
pub(super) fn rejected(context: Value) -> String {
    render("rejected", context)
}

fn render(name: &str, context: Value) -> String {
    let template = environment().get_template(name);
    template
        .and_then(|template| template.render(context))
        .expect("the templates are compiled in, and every one is filled by a test")
        .trim_end()
        .to_owned()
}

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_syntax(whitespace());
        for (name, text) in TEMPLATES {
            environment
                .add_template(name, text)
                .expect("the templates are compiled in, and every one is filled by a test");
        }
        environment
    })
}

/// A tag on a line of its own leaves no line behind.
fn whitespace() -> SyntaxConfig {
    let mut builder = SyntaxConfig::builder();
    builder.trim_blocks(true).lstrip_blocks(true);
    builder.build().expect("the standard delimiters are valid")
}
