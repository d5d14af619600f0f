-- What both peers keep. The bench creates it in an empty database.
create table api_keys (
    id uuid primary key,
    hash bytea not null unique,
    scopes text[] not null,
    revoked_at timestamptz
);
create table billing_keys (
    id uuid primary key,
    customer_id text not null,
    customer_name text,
    -- AES-256-GCM: nonce, ciphertext, tag. The row's id is the associated data.
    autokey bytea not null,
    card_company text not null,
    card_number text not null,
    active boolean not null default true,
    created_at timestamptz not null default now()
);
create table payments (
    id uuid primary key,
    order_no text not null unique,
    billing_key_id uuid not null references billing_keys,
    customer_id text not null,
    product_name text not null,
    amount bigint not null check (amount > 0),
    tax_free_amount bigint not null default 0 check (tax_free_amount between 0 and amount),
    state text not null check (state in ('sending', 'approved', 'declined', 'unknown')),
    transaction_id text unique,
    auth_number text,
    approved_at timestamptz,
    failure_code text,
    failure_message text,
    created_at timestamptz not null default now()
);
create table idempotency_keys (
    id uuid primary key,
    api_key_id uuid not null references api_keys,
    path text not null,
    key text not null,
    body_hash bytea not null,
    started_at timestamptz not null default now(),
    status int,
    body text,
    unique (api_key_id, path, key)
);
create table outbox (
    id uuid primary key,
    type text not null,
    subject uuid not null,
    data jsonb not null,
    created_at timestamptz not null default now(),
    published_at timestamptz
);
create table notifications (
    id uuid primary key,
    fingerprint bytea not null unique,
    verdict text not null,
    order_no text not null,
    transaction_id text not null,
    amount bigint not null,
    occurred_at timestamptz,
    raw text not null,
    copies int not null default 1,
    first_at timestamptz not null default now(),
    last_at timestamptz not null default now()
);
