//! What kind of text a file is, told by its name first and by its first bytes where the name says nothing.
//!
//! The name wins because content misleads: a README that begins with `<p align="center">` is still Markdown.

use anthill_contracts::sources::DocumentKind;

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
const INI: Comments = Comments {
    line: &[";", "#"],
    block: &[],
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
    Source(&'static Comments),
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

    /// The word that other parts know it by.
    pub(super) const fn kind(self) -> DocumentKind {
        match self {
            Self::Markdown => DocumentKind::Markdown,
            Self::Html => DocumentKind::Html,
            Self::Source(_) => DocumentKind::Source,
            Self::Text => DocumentKind::Text,
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
        "html" | "htm" | "xhtml" | "xml" | "svg" => Format::Html,
        "txt" | "text" | "rst" | "adoc" | "asciidoc" | "org" | "log" | "csv" | "tsv" | "tex" => Format::Text,
        "rs" | "c" | "h" | "cc" | "cpp" | "cxx" | "hh" | "hpp" | "hxx" | "java" | "js" | "mjs" | "cjs"
        | "jsx" | "ts" | "tsx" | "go" | "swift" | "kt" | "kts" | "scala" | "cs" | "proto" | "zig"
        | "dart" | "css" | "scss" | "less" | "json" | "jsonc" | "json5" | "groovy" | "gradle" | "m"
        | "mm" | "v" | "sv" | "glsl" | "wgsl" => Format::Source(&SLASH),
        "php" | "tf" | "hcl" => Format::Source(&SLASH_AND_HASH),
        "py" | "pyi" | "pyx" => Format::Source(&PYTHON),
        "sh" | "bash" | "zsh" | "fish" | "rb" | "pl" | "pm" | "r" | "jl" | "toml" | "yaml" | "yml"
        | "cmake" | "mk" | "ps1" | "nix" | "ex" | "exs" | "conf" | "tcl" | "awk" | "lock" => {
            Format::Source(&HASH)
        }
        "sql" | "lua" | "hs" | "elm" | "adb" | "ads" | "vhd" | "vhdl" => Format::Source(&DASH),
        "lisp" | "cl" | "el" | "clj" | "cljs" | "scm" | "rkt" | "asm" | "s" => Format::Source(&SEMICOLON),
        "ini" | "cfg" | "properties" => Format::Source(&INI),
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
    } else if begins(b"#!") {
        Format::Source(&HASH)
    } else {
        Format::Text
    }
}

#[cfg(test)]
mod tests;
