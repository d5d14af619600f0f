#!/bin/sh
# Run by the postgres image of compose.yaml when its volume is new: the database, the role that owns
# its tables and migrates them, and the role that the service connects as.
set -eu
: "${OWNER_PASSWORD:?the password of kiwoom_owner}" "${SERVICE_PASSWORD:?the password of kiwoom_service}"

psql --set ON_ERROR_STOP=1 --set owner="$OWNER_PASSWORD" --set service="$SERVICE_PASSWORD" \
    --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
create role kiwoom_owner login password :'owner';
create role kiwoom_service login password :'service';
create database kiwoom_billing owner kiwoom_owner;
revoke all on database kiwoom_billing from public;
SQL
