//! The operations of the API, read from its own description, and good requests for them.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::self_check::caller::Ask;

/// One method of one path.
#[derive(Clone, Debug)]
pub struct Operation {
    /// The method.
    pub method: Method,
    /// The path with its parameters in braces.
    pub path: String,
    /// Names of the parameters of its query.
    pub query: Vec<(String, bool)>,
    /// The fields of each kind of body that it takes.
    pub bodies: Vec<Vec<Field>>,
}

/// A field of a body.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Whether it has to be there.
    pub required: bool,
    /// What a good request has in it, unless the run knows a better value.
    pub example: Value,
    /// The fields within it.
    pub within: Vec<Field>,
}

/// Values by the name of the field or parameter that they are good for.
pub type Known = BTreeMap<&'static str, Value>;

/// All operations of a description.
pub fn operations(doc: &Value) -> Vec<Operation> {
    let paths = doc["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| of_path(doc, path, item)).collect()
}

fn of_path(doc: &Value, path: &str, item: &Value) -> Vec<Operation> {
    let methods = [Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE];
    let described = methods.into_iter().filter_map(|method| {
        let operation = item.get(method.as_str().to_lowercase())?;
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let in_query = parameters.filter(|parameter| parameter["in"] == "query");
        let query = in_query.filter_map(|parameter| {
            let name = parameter["name"].as_str()?.to_owned();
            Some((name, parameter["required"] == true))
        });
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        let query = query.collect();
        Some(Operation { method, path: path.to_owned(), query, bodies: bodies(doc, body) })
    });
    described.collect()
}

fn bodies(doc: &Value, schema: &Value) -> Vec<Vec<Field>> {
    let schema = resolved(doc, schema);
    if let Some(kinds) = schema["oneOf"].as_array() {
        return kinds.iter().flat_map(|kind| bodies(doc, kind)).collect();
    }
    let fields = fields(doc, schema);
    if fields.is_empty() { Vec::new() } else { vec![fields] }
}

fn resolved<'a>(doc: &'a Value, schema: &'a Value) -> &'a Value {
    let pointer = schema["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
    pointer.and_then(|pointer| doc.pointer(pointer)).unwrap_or(schema)
}

fn fields(doc: &Value, schema: &Value) -> Vec<Field> {
    let schema = resolved(doc, schema);
    // A part that may be null, and a part whose fields stand among others.
    let parts = ["oneOf", "allOf"].into_iter().filter_map(|name| schema[name].as_array());
    let mut all: Vec<Field> = parts.flatten().flat_map(|part| fields(doc, part)).collect();
    let required = schema["required"].as_array();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let required = required.is_some_and(|names| names.iter().any(|n| n == name));
        let within = fields(doc, property);
        all.push(Field { name: name.clone(), required, example: example(property), within });
    }
    all
}

fn example(property: &Value) -> Value {
    if let Some(example) = property.get("example") {
        return example.clone();
    }
    let kind = &property["type"];
    match kind.as_array().map_or(kind, |kinds| &kinds[0]).as_str() {
        Some("integer") => property.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(false),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => json!("x"),
    }
}

impl Operation {
    /// Its name in reports.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Whether its requests change something.
    pub fn writes(&self) -> bool {
        self.method != Method::GET
    }

    /// A good request; with several kinds of body the one numbered.
    pub fn good(&self, known: &Known, kind: usize) -> Ask {
        let needed = self.query.iter().filter(|(_, required)| *required);
        let query = needed.map(|(name, _)| format!("{name}={}", text(known.get(name.as_str()))));
        let query = query.collect::<Vec<_>>().join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        let body = self.bodies.get(kind).map(|fields| body(fields, known));
        Ask {
            operation: self.name(),
            method: self.method.clone(),
            target: format!("{}{mark}{query}", self.path_with(|name| text(known.get(name)))),
            headers: Vec::new(),
            body: body.map(|body| ("application/json".to_owned(), body.to_string().into_bytes())),
        }
    }

    /// Its path, with `value` of the name of each parameter. `{id}` is named for what it is the id of.
    pub fn path_with(&self, value: impl Fn(&str) -> String) -> String {
        let mut owner = "";
        let segments = self.path.split('/').map(|segment| {
            let name = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            let replaced = match name {
                Some("id") => value(&format!("{}Id", owner.trim_end_matches('s'))),
                Some(name) => value(name),
                None => segment.to_owned(),
            };
            owner = segment;
            replaced
        });
        segments.collect::<Vec<_>>().join("/")
    }
}

fn body(fields: &[Field], known: &Known) -> Value {
    let needed = fields.iter().filter(|field| field.required);
    let values = needed.map(|field| {
        let value = known.get(field.name.as_str()).unwrap_or(&field.example);
        let value =
            if field.within.is_empty() { value.clone() } else { body(&field.within, known) };
        (field.name.clone(), value)
    });
    Value::Object(values.collect::<Map<_, _>>())
}

fn text(value: Option<&Value>) -> String {
    value.map_or("x".to_owned(), |v| v.as_str().map_or_else(|| v.to_string(), str::to_owned))
}
