//! Takes out of a text what must not leave its tenant: secrets, and what points to a person or a machine.
//!
//! By shape, word by word, without a dictionary. It errs on the side of taking out: a lost commit hash is no loss for
//! advice, a leaked key is. Applying it twice changes nothing.

use std::net::IpAddr;

const SECRET: &str = "[secret]";
const EMAIL: &str = "[email]";
const ADDRESS: &str = "[address]";
const USER: &str = "[user]";
const NUMBER: &str = "[number]";

/// How keys of well-known services begin.
const KEY_PREFIXES: &[&str] = &[
    "sk-",
    "sk_",
    "pk_",
    "rk_",
    "gsk_",
    "xai-",
    "AIza",
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "xoxa-",
    "xoxb-",
    "xoxp-",
    "xoxs-",
    "AKIA",
    "ASIA",
    "hf_",
    "npm_",
    "pypi-",
    "dop_v1_",
    "eyJ",
    "key-",
    "ya29.",
];
/// Shortest word that counts as a key by its beginning.
const KEY_BYTES_MIN: usize = 12;
/// Shortest run of hexadecimal digits that names something: half a UUID.
const HEX_MIN: usize = 16;
/// Shortest run that looks drawn at random.
const RANDOM_MIN: usize = 24;
/// Shortest number that stands for somebody: telephone, account, card.
const DIGITS_MIN: usize = 9;

/// Names whose value is a secret.
const SECRET_NAMES: &[&str] = &[
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "api_key",
    "api-key",
    "apikey",
    "access_key",
    "secret_key",
    "private_key",
    "auth",
    "authorization",
    "bearer",
    "credential",
    "credentials",
    "client_secret",
    "session",
    "cookie",
];

/// The text without secrets and identifiers; what was there is named in brackets.
pub fn redact(text: &str) -> String {
    let text = without_key_blocks(text);
    let mut out = String::with_capacity(text.len());
    let mut is_secret_next = false;
    for piece in pieces(&text) {
        if !is_part(piece.chars().next().unwrap_or(' ')) {
            out.push_str(piece);
            continue;
        }
        let word = piece.trim_end_matches(['.', ',', ':', ';', '!', '?']);
        let tail = &piece[word.len()..];
        let is_value = is_secret_next && is_value(word);
        if is_value {
            out.push_str(SECRET);
        } else {
            out.push_str(&redacted(word));
        }
        out.push_str(tail);
        let names_secret = is_secret_name(word);
        let is_joint = matches!(word, "=" | "is" | "");
        // `password: x`, `password = x`, `Bearer x`.
        is_secret_next = (names_secret && (tail.starts_with(':') || word.eq_ignore_ascii_case("bearer")))
            || (names_secret && tail.is_empty() && !is_value)
            || (is_secret_next && is_joint);
    }
    out
}

/// Whether an address in the text has a user and a password in it.
pub(super) fn has_credentials(text: &str) -> bool {
    text.match_indices("://").any(|(at, mark)| {
        let rest = &text[at + mark.len()..];
        let authority = rest
            .split(['/', '?', '#', ' ', '\n', '\t', '"', '\''])
            .next()
            .unwrap_or_default();
        authority
            .rsplit_once('@')
            .is_some_and(|(user, _)| user.contains(':'))
    })
}

/// Words and what stands between them, in turn.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let end = rest.find(|c| is_part(c) != is_part(first)).unwrap_or(rest.len());
        let (piece, more) = rest.split_at(end);
        rest = more;
        Some(piece)
    })
}

const fn is_part(c: char) -> bool {
    !matches!(
        c,
        ' ' | '\t' | '\n' | '\r' | '"' | '\'' | '`' | '(' | ')' | '<' | '>' | '{' | '}' | ',' | ';' | '|'
    )
}

fn is_secret_name(word: &str) -> bool {
    let name = word
        .trim_matches(|c: char| !c.is_alphanumeric())
        .to_ascii_lowercase();
    SECRET_NAMES.contains(&name.as_str())
}

/// Whether a word after the name of a secret may be its value: ordinary words are not, or no sentence about passwords
/// could be said.
fn is_value(word: &str) -> bool {
    let has = |test: fn(char) -> bool| word.contains(test);
    let mixed = has(|c| c.is_ascii_digit())
        || has(|c| !c.is_alphanumeric() && c != '-')
        || word.chars().skip(1).any(char::is_uppercase);
    word.len() >= 4 && mixed && !word.starts_with('[')
}

fn redacted(word: &str) -> String {
    if word.starts_with('[') && word.ends_with(']') {
        return word.to_owned();
    }
    if let Some((name, value)) = word.split_once(['=', ':'])
        && !value.is_empty()
        && is_secret_name(name)
        && !value.starts_with(SECRET)
    {
        return format!("{}{SECRET}", &word[..=name.len()]);
    }
    if let Some((scheme, rest)) = word.split_once("://") {
        return format!("{scheme}://{}", redacted_url(rest));
    }
    if is_email(word) {
        return EMAIL.to_owned();
    }
    if let Some(shown) = without_home(word) {
        return shown;
    }
    // A value after a sign, a part of a path: each for itself.
    if let Some(place) = word.find(['=', '/', '\\', '@', '&', '?', '#']) {
        let (head, rest) = word.split_at(place);
        let (sign, rest) = rest.split_at(1);
        if !is_random(word) {
            return format!(
                "{}{sign}{}",
                redacted_part(head),
                if rest.is_empty() {
                    String::new()
                } else {
                    redacted(rest)
                }
            );
        }
    }
    redacted_part(word)
}

fn redacted_part(part: &str) -> String {
    let host = part.rsplit_once(':').map_or(part, |(host, port)| {
        let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        if is_port && !host.contains(':') {
            host
        } else {
            part
        }
    });
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        let is_nobody = address.is_loopback() || address.is_unspecified();
        return if is_nobody {
            part.to_owned()
        } else {
            ADDRESS.to_owned()
        };
    }
    let is_key = part.len() >= KEY_BYTES_MIN && KEY_PREFIXES.iter().any(|prefix| part.starts_with(prefix));
    if is_key || is_hex(part) || is_random(part) {
        return SECRET.to_owned();
    }
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    let is_number = part
        .chars()
        .all(|c| c.is_ascii_digit() || matches!(c, '-' | '.' | '+'));
    if is_number && digits >= DIGITS_MIN {
        return NUMBER.to_owned();
    }
    part.to_owned()
}

fn redacted_url(rest: &str) -> String {
    let (authority, path) = rest
        .find(['/', '?', '#'])
        .map_or((rest, ""), |at| rest.split_at(at));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let user = if host.len() < authority.len() {
        "[user]@"
    } else {
        ""
    };
    let path = if path.is_empty() {
        String::new()
    } else {
        redacted(path)
    };
    format!("{user}{}{path}", redacted_part(host))
}

fn is_email(word: &str) -> bool {
    word.split_once('@').is_some_and(|(user, domain)| {
        let is_user = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
        let is_domain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-');
        !user.is_empty()
            && user.chars().all(is_user)
            && domain.chars().all(is_domain)
            && domain
                .split_once('.')
                .is_some_and(|(name, top)| !name.is_empty() && top.len() >= 2)
    })
}

/// A path below somebody's home, with the name taken out.
fn without_home(word: &str) -> Option<String> {
    for (root, sign) in [
        ("/home/", '/'),
        ("/Users/", '/'),
        ("\\Users\\", '\\'),
        ("/users/", '/'),
    ] {
        if let Some(at) = word.find(root) {
            let (before, rest) = word.split_at(at + root.len());
            let (_, below) = rest.split_at(rest.find(sign).unwrap_or(rest.len()));
            let below = if below.is_empty() {
                String::new()
            } else {
                redacted(below)
            };
            return Some(format!("{before}{USER}{below}"));
        }
    }
    None
}

/// Hexadecimal digits, in groups or not, with a digit and a letter among them.
fn is_hex(part: &str) -> bool {
    let digits = || part.bytes().filter(|byte| *byte != b'-' && *byte != b':');
    digits().all(|byte| byte.is_ascii_hexdigit())
        && digits().count() >= HEX_MIN
        && digits().any(|byte| byte.is_ascii_digit())
        && digits().any(|byte| byte.is_ascii_alphabetic())
}

/// Base64 and the like: long, with small and large letters and digits that take turns.
fn is_random(part: &str) -> bool {
    let is_alphabet = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-');
    if part.len() < RANDOM_MIN || !part.chars().all(is_alphabet) {
        return false;
    }
    let kind = |byte: u8| (byte.is_ascii_digit(), byte.is_ascii_uppercase());
    let turns = part
        .as_bytes()
        .windows(2)
        .filter(|pair| kind(pair[0]) != kind(pair[1]))
        .count();
    let has_digit = part.bytes().any(|byte| byte.is_ascii_digit());
    has_digit && turns * 4 >= part.len()
}

/// Blocks such as `-----BEGIN PRIVATE KEY-----`, to their end or that of the text.
fn without_key_blocks(text: &str) -> String {
    const BEGIN: &str = "-----BEGIN";
    const END: &str = "-----END";
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(start) = rest.find(BEGIN) {
        out.push_str(&rest[..start]);
        out.push_str(SECRET);
        rest = match rest[start..].find(END) {
            Some(end) => {
                let after = &rest[start + end + END.len()..];
                after.find("-----").map_or("", |close| &after[close + 5..])
            }
            None => "",
        };
    }
    out.push_str(rest);
    out
}
