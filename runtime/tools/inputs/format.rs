//! What kind of text a file is, told by its name first and by its first bytes where the name says nothing.
//!
//! The name wins because content misleads: a README that begins with `<p align="center">` is still Markdown.

use anthill_contracts::sources::DocumentKind;

use super::parse::settings::Dialect;

/// How comments are written in one family of languages.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Comments {
    /// Markers that make the rest of the line a comment.
    pub(super) line: &'static [&'static str],
    /// Opening and closing markers.
    pub(super) block: &'static [(&'static str, &'static str)],
    /// Quotes of strings that are documentation where a statement begins with them.
    pub(super) docstrings: &'static [&'static str],
}

const SLASH: Comments = Comments {
    line: &["//"],
    block: &[("/*", "*/")],
    docstrings: &[],
};
const SLASH_AND_HASH: Comments = Comments {
    line: &["//", "#"],
    block: &[("/*", "*/")],
    docstrings: &[],
};
const HASH: Comments = Comments {
    line: &["#"],
    block: &[],
    docstrings: &[],
};
const PYTHON: Comments = Comments {
    line: &["#"],
    block: &[],
    docstrings: &["\"\"\"", "'''"],
};
const DASH: Comments = Comments {
    line: &["--"],
    block: &[("/*", "*/"), ("--[[", "]]"), ("{-", "-}")],
    docstrings: &[],
};
const SEMICOLON: Comments = Comments {
    line: &[";"],
    block: &[("#|", "|#")],
    docstrings: &[],
};
const PERCENT: Comments = Comments {
    line: &["%"],
    block: &[],
    docstrings: &[],
};

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Markdown,
    Html,
    /// Markup whose names mean nothing to us.
    Xml,
    Source(&'static Comments),
    /// JSON and its relatives.
    Json,
    /// YAML, TOML, INI and their relatives.
    Settings(Dialect),
    /// Separated values.
    Table,
    Subtitles,
    /// A passage for each line.
    Log,
    /// Text whose line ends are the writer's own: a source file without a comment in it.
    Listing,
    Text,
}

impl Format {
    /// The format of a file with this name that begins with these bytes.
    pub(super) fn of(path: &str, head: &[u8]) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
        if let Some(format) = by_whole_name(&name) {
            return format;
        }
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        by_extension(extension).unwrap_or_else(|| by_content(head))
    }

    /// The ways to read such a file, until one finds text: a source file without a comment is read as it stands.
    pub(super) fn attempts(self) -> impl Iterator<Item = Self> {
        let otherwise = matches!(self, Self::Source(_)).then_some(Self::Listing);
        std::iter::once(self).chain(otherwise)
    }

    /// Whether the parser of one segment tells what it leaves open for the next; else the cut tells.
    pub(super) const fn hands_on(self) -> bool {
        !matches!(self, Self::Markdown | Self::Html | Self::Xml)
    }

    /// The word that other parts know it by.
    pub(super) const fn kind(self) -> DocumentKind {
        match self {
            Self::Markdown => DocumentKind::Markdown,
            Self::Html | Self::Xml => DocumentKind::Html,
            Self::Source(_) | Self::Listing => DocumentKind::Source,
            Self::Json | Self::Settings(_) | Self::Table | Self::Subtitles | Self::Log | Self::Text => {
                DocumentKind::Text
            }
        }
    }
}

fn by_whole_name(name: &str) -> Option<Format> {
    match name {
        "makefile" | "gnumakefile" | "dockerfile" | "containerfile" | "cmakelists.txt" | "justfile"
        | "gemfile" | "rakefile" => Some(Format::Source(&HASH)),
        "jenkinsfile" => Some(Format::Source(&SLASH)),
        _ => None,
    }
}

fn by_extension(extension: &str) -> Option<Format> {
    let format = match extension {
        "md" | "markdown" | "mdown" | "mkd" | "mdx" | "qmd" | "rmd" => Format::Markdown,
        "html" | "htm" | "xhtml" | "shtml" | "mhtml" | "vue" | "svelte" => Format::Html,
        "xml" | "svg" | "rss" | "atom" | "xsd" | "xsl" | "xslt" | "opml" | "dita" | "docbook" | "tei"
        | "xlf" | "xliff" | "kml" | "gpx" | "plist" => Format::Xml,
        "txt" | "text" | "rst" | "adoc" | "asciidoc" | "org" | "tex" | "eml" | "mbox" | "textile"
        | "wiki" | "man" => Format::Text,
        "json" | "jsonc" | "json5" | "jsonl" | "ndjson" | "ipynb" | "geojson" | "har" | "webmanifest"
        | "topojson" => Format::Json,
        "yaml" | "yml" => Format::Settings(Dialect::Yaml),
        "toml" => Format::Settings(Dialect::Toml),
        "ini" | "cfg" | "properties" | "env" | "po" | "pot" | "desktop" | "editorconfig" | "strings" => {
            Format::Settings(Dialect::Ini)
        }
        "csv" | "tsv" | "psv" => Format::Table,
        "srt" | "vtt" => Format::Subtitles,
        "log" => Format::Log,
        "rs" | "c" | "h" | "cc" | "cpp" | "cxx" | "hh" | "hpp" | "hxx" | "java" | "js" | "mjs" | "cjs"
        | "jsx" | "ts" | "tsx" | "go" | "swift" | "kt" | "kts" | "scala" | "cs" | "proto" | "zig"
        | "dart" | "css" | "scss" | "less" | "groovy" | "gradle" | "m" | "mm" | "v" | "sv" | "glsl"
        | "wgsl" => Format::Source(&SLASH),
        "php" | "tf" | "hcl" => Format::Source(&SLASH_AND_HASH),
        "py" | "pyi" | "pyx" => Format::Source(&PYTHON),
        "sh" | "bash" | "zsh" | "fish" | "rb" | "pl" | "pm" | "r" | "jl" | "cmake" | "mk" | "ps1" | "nix"
        | "ex" | "exs" | "conf" | "tcl" | "awk" | "lock" => Format::Source(&HASH),
        "sql" | "lua" | "hs" | "elm" | "adb" | "ads" | "vhd" | "vhdl" => Format::Source(&DASH),
        "lisp" | "cl" | "el" | "clj" | "cljs" | "scm" | "rkt" | "asm" | "s" => Format::Source(&SEMICOLON),
        "erl" | "hrl" | "sty" | "cls" => Format::Source(&PERCENT),
        _ => return None,
    };
    Some(format)
}

fn by_content(head: &[u8]) -> Format {
    let text = head.trim_ascii_start();
    let begins = |word: &[u8]| {
        text.get(..word.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    if begins(b"<!doctype html") || begins(b"<html") {
        Format::Html
    } else if begins(b"<?xml") {
        Format::Xml
    } else if begins(b"{") || begins(b"[{") {
        Format::Json
    } else if begins(b"WEBVTT") {
        Format::Subtitles
    } else if begins(b"#!") {
        Format::Source(&HASH)
    } else {
        Format::Text
    }
}

#[cfg(test)]
mod tests;
