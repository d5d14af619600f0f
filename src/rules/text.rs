//! What is said to people: in Korean and in English.

/// A text in the API's two languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Korean, the default.
    pub ko: String,
    /// English, with `Accept-Language: en`.
    pub en: String,
}

impl Text {
    /// Both languages at once.
    pub fn new(ko: impl Into<String>, en: impl Into<String>) -> Self {
        Self { ko: ko.into(), en: en.into() }
    }

    /// English, or Korean.
    pub fn pick(self, english: bool) -> String {
        if english { self.en } else { self.ko }
    }
}
