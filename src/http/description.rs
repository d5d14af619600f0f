//! How the values of requests are described: what the readers take, as JSON Schema.
//!
//! A pattern has only what ECMAScript, PCRE, RE2, Java, Python and Rust read alike: no `\u`, no `\p`, no
//! look-around.

use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, SchemaType, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat};

/// What [`crate::http::extract::text`] never lets in, as far as ASCII has it: the control characters
/// beyond it (U+0080 to U+009F) and other blanks are refused too.
const CONTROL: &str = r"\x00-\x1F\x7F";

/// Text of 1 to `max` characters as [`crate::http::extract::text`] takes it: not blank, no control
/// characters.
pub fn text(max: usize) -> ObjectBuilder {
    text_without("", max)
}

/// Text that travels to KiwoomPay: `max` is in bytes of CP949, which no keyword can say.
pub fn wire_text(max: usize) -> ObjectBuilder {
    in_cp949(text(max), max)
}

/// The merchant's own id of something: without `|`.
pub fn merchants_id(max: usize) -> ObjectBuilder {
    text_without("|", max)
}

/// As [`merchants_id`], of something that KiwoomPay is told of.
pub fn wire_id(max: usize) -> ObjectBuilder {
    in_cp949(merchants_id(max), max)
}

fn in_cp949(text: ObjectBuilder, max: usize) -> ObjectBuilder {
    let bytes = format!("At most {max} bytes in CP949 (EUC-KR), as KiwoomPay is told it");
    let format = SchemaFormat::Custom("cp949".to_owned());
    text.format(Some(format)).description(Some(bytes))
}

/// An e-mail address, in any script.
pub fn email(max: usize) -> ObjectBuilder {
    let any = format!("[^{CONTROL} |@]");
    matching(&format!("^{any}+@{any}*[.]{any}*$")).max_length(Some(max))
}

fn text_without(other: &str, max: usize) -> ObjectBuilder {
    let any = format!("[^{CONTROL}{other}]");
    let shape = format!("^{any}*[^{CONTROL} {other}]{any}*$");
    matching(&shape).min_length(Some(1)).max_length(Some(max))
}

/// Text of exactly this shape.
pub fn matching(pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))
}

/// One of these words.
pub fn one_of(words: impl IntoIterator<Item = &'static str>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words))
}

/// A whole number from `min` to `max`.
pub fn whole(min: i64, max: i64) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(min)).maximum(Some(max))
}

/// `YYYY-MM-DD`.
fn date() -> ObjectBuilder {
    let format = SchemaFormat::KnownFormat(KnownFormat::Date);
    ObjectBuilder::new().schema_type(Type::String).format(Some(format))
}

/// A date, or an instant of RFC 3339.
pub fn moment() -> ObjectBuilder {
    let day = "[0-9]{4}-[0-9]{2}-[0-9]{2}";
    let time = r"[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]+)?([Zz]|[ +-][0-9]{2}:[0-9]{2})";
    let rule = "`YYYY-MM-DD`, the beginning of that day in Korea, or an RFC 3339 instant";
    matching(&format!("^{day}({time})?$")).description(Some(rule))
}

/// `proRata`: by days, or by uses.
pub fn pro_rata(max_uses: i64) -> ObjectBuilder {
    let days = "The last day that counts as used. Not with `used` and `total`";
    let rule =
        "By days, `asOf`, or by uses, `used` of `total`. `true`, by days as of today, is taken too";
    let or_null = |kind| SchemaType::from_iter([kind, Type::Null]);
    let count = |least| whole(least, max_uses).schema_type(or_null(Type::Integer));
    let date = date().schema_type(or_null(Type::String));
    ObjectBuilder::new()
        .property("asOf", date.description(Some(days)))
        .property("used", count(0).description(Some("So many were used")))
        .property("total", count(1).description(Some("So many were paid for")))
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .description(Some(rule))
}

/// One object with the fields of all of these, of which `required` always stand: a choice between shapes
/// is one that generators for Kotlin, Java and Go cannot write.
pub fn joined<const N: usize>(shapes: [RefOr<Schema>; N], required: &[&str]) -> ObjectBuilder {
    let objects = shapes.into_iter().filter_map(|shape| match shape {
        RefOr::T(Schema::Object(object)) => Some(object),
        _ => None,
    });
    let all = objects.flat_map(|object| object.properties);
    let joined = all.fold(ObjectBuilder::new(), |all, (name, field)| all.property(name, field));
    required.iter().fold(joined, |all, name| all.required(*name))
}

/// At most `max` names with a text each.
pub fn pairs(max: usize) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .max_properties(Some(max))
        .property_names(Some(text(255)))
        .additional_properties(Some(RefOr::T(Schema::Object(text(255).build()))))
}

/// Gives a type its schema, under its own name or another one where two types share theirs.
macro_rules! described {
    ($type:ident, $schema:expr) => {
        $crate::http::description::described!($type as stringify!($type), $schema);
    };
    ($type:ident as $name:expr, $schema:expr) => {
        impl utoipa::PartialSchema for $type {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
                $schema.into()
            }
        }

        impl utoipa::ToSchema for $type {
            fn name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
        }
    };
}

/// A closed set of words that answers have: a type that only describes them.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $words:expr) => {
        $(#[$doc])*
        pub enum $name {}

        $crate::http::description::described!($name, $crate::http::description::one_of($words));
    };
}

/// Text of the caller's, of 1 to 255 characters.
pub struct AnyText;

described!(AnyText, text(255));

pub(crate) use {described, words};
