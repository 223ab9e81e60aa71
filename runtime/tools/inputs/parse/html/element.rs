//! What an element means for the text in it.

/// The meaning of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::inputs) enum Element {
    /// Part of a sentence.
    Inline,
    /// A line break inside a passage.
    Break,
    /// Begins and ends passages.
    Block,
    /// Begins and ends passages whose line ends are the writer's own.
    Lines,
    /// How to say the characters below it.
    Reading,
    /// A heading.
    Heading,
    /// Controls and menus around what a page says; read only where a page says little else.
    Chrome,
    /// Never for readers: programs, styles, drawings, what a browser shows in place of something it cannot do.
    LeftOut,
}

impl Element {
    /// The meaning of the element with this name, in lower case. What is not known is a block, so custom elements
    /// fall into paragraphs too.
    pub(in crate::inputs) fn of(name: &str) -> Self {
        match name {
            "a" | "abbr" | "acronym" | "b" | "bdi" | "bdo" | "big" | "cite" | "code" | "data" | "del"
            | "dfn" | "em" | "font" | "i" | "img" | "ins" | "kbd" | "label" | "mark" | "nobr" | "output"
            | "q" | "rb" | "ruby" | "s" | "samp" | "small" | "span" | "strike" | "strong" | "sub" | "sup"
            | "time" | "tt" | "u" | "var" | "blink" | "math" | "mi" | "mo" | "mn" | "ms" | "mtext"
            | "mrow" | "msub" | "msup" | "msubsup" | "mfrac" | "msqrt" | "mroot" | "mover" | "munder"
            | "munderover" | "mstyle" | "semantics" => Self::Inline,
            "br" | "wbr" => Self::Break,
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => Self::Heading,
            "pre" | "listing" | "xmp" | "plaintext" | "textarea" => Self::Lines,
            "nav" | "select" | "datalist" | "noscript" | "svg" => Self::Chrome,
            "head" | "title" | "script" | "style" | "template" | "iframe" | "object" | "canvas" | "video"
            | "audio" | "noembed" | "noframes" | "annotation" | "annotation-xml" => Self::LeftOut,
            "rp" | "rt" | "rtc" => Self::Reading,
            _ => Self::Block,
        }
    }

    /// Whether passages begin and end with it.
    pub(super) const fn parts_passages(self) -> bool {
        !matches!(self, Self::Inline | Self::Break | Self::Reading)
    }
}
