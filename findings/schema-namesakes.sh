#!/usr/bin/env bash
# Question: two Rust types in two modules bear the same name, and both are in the OpenAPI document that
#     utoipa derives. What does the document say of them?
# Usual guess: a compile error, or two schemas with longer names.
# What happens: one schema under that name, that of the type that comes last; each reference to either
#     type points at it. There is no error and no warning, and the document is valid. Swapping two
#     fields of a struct decides which one is lost.
# Hurts: callers whose generated client expects the other type's fields. The service's own tests pass,
#     since the answers are right: only the description lies.
# This project: met with two types called alike; the description is now held to the real answers by
#     Schemathesis.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cargo init -q --name described .
cargo add -q utoipa@=6.0.0

cat >src/main.rs <<'RS'
#![allow(dead_code)]
use utoipa::{OpenApi, ToSchema};

mod payment {
    #[derive(utoipa::ToSchema)]
    pub struct Status {
        approved: bool,
    }
}

mod subscription {
    #[derive(utoipa::ToSchema)]
    pub struct Status {
        paid_until: String,
    }
}

#[derive(ToSchema)]
struct MoneyFirst {
    payment: payment::Status,
    subscription: subscription::Status,
}

#[derive(ToSchema)]
struct MoneyLast {
    subscription: subscription::Status,
    payment: payment::Status,
}

#[derive(OpenApi)]
#[openapi(components(schemas(MoneyFirst)))]
struct First;

#[derive(OpenApi)]
#[openapi(components(schemas(MoneyLast)))]
struct Last;

fn main() {
    println!("{}\n{}", First::openapi().to_json().unwrap(), Last::openapi().to_json().unwrap());
}
RS
cargo tree --depth 1 --prefix none | tail -n +2
cargo run -q >documents
python3 - <<'PY' | tee seen
import json
for line in open("documents"):
    schemas = json.loads(line)["components"]["schemas"]
    fields = {name: list(schema["properties"]) for name, schema in schemas.items()}
    print("schemas:", *sorted(fields), "| Status has", *fields["Status"])
    for schema in schemas.values():
        for name, field in schema["properties"].items():
            if "$ref" in field:
                print(f"    {name} is {field['$ref']}")
PY
diff seen - <<'EXPECTED' || { echo 'the behaviour has changed' >&2 && exit 1; }
schemas: MoneyFirst Status | Status has paid_until
    payment is #/components/schemas/Status
    subscription is #/components/schemas/Status
schemas: MoneyLast Status | Status has approved
    payment is #/components/schemas/Status
    subscription is #/components/schemas/Status
EXPECTED
