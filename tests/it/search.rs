//! Looking for what must be nowhere, in whatever shape it may have leaked.

use std::path::Path;

/// Something to look for.
#[derive(Debug)]
pub enum Needle {
    /// Exactly these characters, also where JSON has escaped their quotes.
    Text(String),
    /// These digits, with any spaces and hyphens between them.
    Digits(String),
    /// These characters with none beside them that would make another word or a fraction of them.
    Word(String),
}

impl Needle {
    pub fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    pub fn digits(text: &str) -> Self {
        Self::Digits(text.to_owned())
    }

    pub fn word(text: &str) -> Self {
        Self::Word(text.to_owned())
    }

    /// How it could appear.
    pub fn shapes(&self) -> Vec<String> {
        match self {
            Self::Text(text) => vec![text.clone(), text.replace('"', "\\\"")],
            Self::Word(text) => vec![text.clone(), format!("\\\"{text}\\\"")],
            Self::Digits(text) => {
                let groups: Vec<String> =
                    text.as_bytes().chunks(4).map(|g| String::from_utf8_lossy(g).into()).collect();
                vec![text.clone(), groups.join("-"), groups.join(" "), hex::encode(text)]
            }
        }
    }
}

/// Where `needle` is, with what stands around it.
pub fn find(content: &[u8], needle: &Needle) -> Option<String> {
    match needle {
        Needle::Text(text) => {
            let plain = without(content, b"\\");
            let at = position(&plain, without(text.as_bytes(), b"\\").as_slice(), |_| true)?;
            Some(around(&plain, at))
        }
        Needle::Word(word) => {
            let alone = |at: usize| {
                let before = at.checked_sub(1).map_or(b' ', |i| content[i]);
                let after = content.get(at + word.len()).copied().unwrap_or(b' ');
                let joins = |byte: u8| byte.is_ascii_alphanumeric();
                !joins(before) && before != b'.' && !joins(after)
            };
            position(content, word.as_bytes(), alone).map(|at| around(content, at))
        }
        Needle::Digits(digits) => {
            let plain = without(content, b" -");
            let hex = hex::encode(digits);
            let at = position(&plain, digits.as_bytes(), |_| true)
                .or_else(|| position(&plain, hex.as_bytes(), |_| true))?;
            Some(around(&plain, at))
        }
    }
}

/// The bytes that PostgreSQL shows as `\x…`, as they are.
pub fn decoded(dump: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(dump);
    let mut bytes = Vec::new();
    for part in text.split("\\x").skip(1) {
        let length = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        bytes.extend(hex::decode(&part[..length - length % 2]).unwrap());
        bytes.push(b'\n');
    }
    bytes
}

/// All that is in the files under `dir`.
pub fn files(dir: &Path) -> Vec<u8> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut content = Vec::new();
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            content.extend(files(&path));
        } else if path.is_file() {
            content.extend(std::fs::read(path).unwrap());
        }
    }
    content
}

fn position(content: &[u8], wanted: &[u8], fits: impl Fn(usize) -> bool) -> Option<usize> {
    let mut from = 0;
    while let Some(first) = content[from..].iter().position(|byte| *byte == wanted[0]) {
        let at = from + first;
        if content[at..].starts_with(wanted) && fits(at) {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

fn without(content: &[u8], left_out: &[u8]) -> Vec<u8> {
    content.iter().copied().filter(|byte| !left_out.contains(byte)).collect()
}

fn around(content: &[u8], at: usize) -> String {
    let from = at.saturating_sub(120);
    let to = content.len().min(at + 60);
    String::from_utf8_lossy(&content[from..to]).into_owned()
}
