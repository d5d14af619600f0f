//! One name for one shape: what stands inside another schema and has a name is referred to by it.

use std::collections::{BTreeSet, HashMap};
use std::mem;

use serde_json::{Map, Value, json};

/// How the envelope of a list begins; what it holds gets a name of its own.
const ENVELOPE: &str = "Success_";

/// Refers to named shapes by their names, and leaves out the names that nobody refers to.
pub fn share(doc: &mut Value, schemas: &mut Map<String, Value>) {
    name_pages(schemas);
    let named = schemas.iter().filter(|(_, schema)| is_worth_a_name(schema));
    let known: HashMap<Value, String> =
        named.map(|(name, schema)| (schema.clone(), name.clone())).collect();
    refer(doc, &known);
    for schema in schemas.values_mut() {
        parts(schema).for_each(|part| refer(part, &known));
    }
    while leave_out_unused(doc, schemas) {}
}

/// Anything may stand in an object of which nothing is said.
pub fn open(schema: &mut Value) {
    if let Value::Object(fields) = schema
        && is_object(fields.get("type"))
        && ["properties", "additionalProperties", "propertyNames"]
            .iter()
            .all(|k| !fields.contains_key(*k))
    {
        fields.insert("additionalProperties".to_owned(), Value::Bool(true));
    }
    parts(schema).for_each(open);
}

fn is_object(kind: Option<&Value>) -> bool {
    match kind {
        Some(Value::String(name)) => name == "object",
        Some(Value::Array(names)) => names.iter().any(|name| name == "object"),
        _ => false,
    }
}

/// The page in the envelope of a list is a shape by itself: `Page_PaymentBody`.
fn name_pages(schemas: &mut Map<String, Value>) {
    let mut pages = Vec::new();
    for (name, envelope) in schemas.iter_mut() {
        let page = name.strip_prefix(ENVELOPE).filter(|page| page.starts_with("Page_"));
        let Some(page) = page else { continue };
        let data = &mut envelope["properties"]["data"];
        pages.push((page.to_owned(), mem::replace(data, reference(page))));
    }
    schemas.extend(pages);
}

/// `$ref` to a schema.
pub fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn is_worth_a_name(schema: &Value) -> bool {
    ["properties", "allOf", "enum", "pattern"].iter().any(|key| schema.get(key).is_some())
}

fn refer(value: &mut Value, known: &HashMap<Value, String>) {
    if let Some(name) = known.get(value) {
        *value = reference(name);
        return;
    }
    parts(value).for_each(|part| refer(part, known));
}

fn parts(value: &mut Value) -> Box<dyn Iterator<Item = &mut Value> + '_> {
    match value {
        Value::Object(fields) => Box::new(fields.values_mut()),
        Value::Array(items) => Box::new(items.iter_mut()),
        _ => Box::new(std::iter::empty()),
    }
}

fn leave_out_unused(doc: &Value, schemas: &mut Map<String, Value>) -> bool {
    let mut used = BTreeSet::new();
    note_references(doc, &mut used);
    schemas.values().for_each(|schema| note_references(schema, &mut used));
    let before = schemas.len();
    schemas.retain(|name, _| used.contains(name));
    schemas.len() < before
}

fn note_references(value: &Value, used: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let name = fields.get("$ref").and_then(Value::as_str);
            used.extend(name.and_then(|name| name.rsplit('/').next()).map(str::to_owned));
            fields.values().for_each(|part| note_references(part, used));
        }
        Value::Array(items) => items.iter().for_each(|part| note_references(part, used)),
        _ => {}
    }
}
