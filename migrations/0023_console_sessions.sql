-- Who is signed in to the console.

create table console_sessions (
    token_hash bytea constraint console_sessions_pkey primary key
        constraint console_sessions_token_hash_check check (octet_length(token_hash) = 32),
    api_key_id text not null
        constraint console_sessions_api_key_id_check check (length(api_key_id) between 1 and 100),
    created_at timestamptz not null default now(),
    seen_at timestamptz not null default now()
);
comment on table console_sessions is
    'A session ends 30 minutes after seen_at, eight hours after created_at, and with its API key. Times
are of the database''s own clock, as those of api_keys. The service deletes what has ended.';
comment on column console_sessions.token_hash is
    'SHA-256 of the token in the browser''s cookie, which is 256 random bits.';
comment on column console_sessions.api_key_id is
    'The public id of the key that signed in: of api_keys, of API_KEYS (the beginning of its hash), or
`open` in development without keys. What it may do is looked up at each request.';
create index console_sessions_created_at_idx on console_sessions (created_at);
