//! How the values of requests are described: what the readers take, as JSON Schema.

use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, OneOfBuilder, Type};
use utoipa::openapi::{KnownFormat, RefOr, Schema, SchemaFormat};

/// What [`crate::http::extract::text`] never lets in.
const CONTROL: &str = r"\u0000-\u001F\u007F-\u009F";
/// What is not enough by itself.
const BLANK: &str = r"\u0020\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000";

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
    let any = format!("[^{CONTROL}{BLANK}|@]");
    matching(&format!("^{any}+@{any}*[.]{any}*$")).max_length(Some(max))
}

fn text_without(other: &str, max: usize) -> ObjectBuilder {
    let any = format!("[^{CONTROL}{other}]");
    let shape = format!("^{any}*[^{CONTROL}{BLANK}{other}]{any}*$");
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
pub fn moment() -> OneOfBuilder {
    let instant = SchemaFormat::KnownFormat(KnownFormat::DateTime);
    let instant = ObjectBuilder::new().schema_type(Type::String).format(Some(instant));
    OneOfBuilder::new().item(date()).item(instant)
}

/// `true`, `{"asOf":date}` or `{"used":n,"total":m}`.
pub fn pro_rata(max_uses: i64) -> OneOfBuilder {
    let days = ObjectBuilder::new().property("asOf", date()).required("asOf");
    let uses = ObjectBuilder::new()
        .property("used", whole(0, max_uses))
        .required("used")
        .property("total", whole(1, max_uses))
        .required("total");
    OneOfBuilder::new()
        .item(ObjectBuilder::new().schema_type(Type::Boolean).enum_values(Some([true])))
        .item(days.additional_properties(Some(closed())))
        .item(uses.additional_properties(Some(closed())))
}

fn closed() -> AdditionalProperties<Schema> {
    AdditionalProperties::FreeForm(false)
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

/// Text of the caller's, of 1 to 255 characters.
pub struct AnyText;

described!(AnyText, text(255));

pub(crate) use described;
