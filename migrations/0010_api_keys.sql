-- Keys of the callers, beside those of API_KEYS.

create table api_keys (
    id text constraint api_keys_pkey primary key
        constraint api_keys_id_check check (id ~ '^kbk_[0-9a-f]{12}$'),
    name text not null constraint api_keys_name_check check (length(name) between 1 and 100),
    secret_hash bytea not null constraint api_keys_secret_hash_check
        check (octet_length(secret_hash) = 32),
    scopes text[] not null constraint api_keys_scopes_check
        check (cardinality(scopes) > 0 and scopes <@ array['read', 'charge', 'refund', 'admin']),
    created_at timestamptz not null default now(),
    expires_at timestamptz constraint api_keys_expires_at_check check (expires_at > created_at),
    revoked_at timestamptz,
    first_id text not null constraint api_keys_first_fkey references api_keys (id)
);
comment on table api_keys is
    'Made and revoked by `kiwoom-billing keys`. A row is its own trail: it is never deleted, and only
revoked_at is ever set, once. Times are of the database''s own clock: callers live in real time, also
when the sandbox''s clock is moved.';
comment on column api_keys.id is
    'The public part of the key, with which it begins: the actor of events and of GET /audit.';
comment on column api_keys.secret_hash is
    'SHA-256 of the secret part. The secret is 256 random bits, not a word that somebody chose: it can
be neither guessed nor looked up, so that salt and stretching would add nothing but time.';
comment on column api_keys.first_id is
    'Of keys that replaced each other the first; of others the key itself. An Idempotency-Key belongs
to it, so that a request whose answer was lost is the same request when it comes with the new key.';

create function keep_api_keys() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        if to_jsonb(old) - 'revoked_at' = to_jsonb(new) - 'revoked_at'
            and coalesce(old.revoked_at = new.revoked_at, old.revoked_at is null)
        then return new; end if;
    end if;
    raise exception 'of api_keys only revoked_at is set, once';
end $$;
create trigger api_keys_are_kept before update or delete on api_keys
    for each row execute function keep_api_keys();
create trigger api_keys_are_not_emptied before truncate on api_keys
    for each statement execute function keep_api_keys();
