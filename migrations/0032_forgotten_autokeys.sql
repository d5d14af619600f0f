-- A deleted billing key loses its AUTOKEY: nothing can charge it any more.

create table forgotten_autokeys (
    mac bytea constraint forgotten_autokeys_pkey primary key,
    billing_key_id uuid not null constraint forgotten_autokeys_billing_key_fkey
        references billing_keys (id),
    forgotten_at timestamptz not null default now()
);
comment on table forgotten_autokeys is 'By which an import knows the AUTOKEY of a deleted key again.';
comment on column forgotten_autokeys.mac is
    'HMAC-SHA-256 of customer and AUTOKEY with the data key of request_bodies.';
comment on column billing_keys.autokey is
    'KiwoomPay''s AUTOKEY: id of the data key, nonce and AES-256-GCM ciphertext; the row id and
"billing_keys.autokey" are associated data. In the earlier version: the first four bytes of the
secret''s SHA-256, nonce and ciphertext; the row id is associated data. Of a deleted key the first four
bytes are left.';

-- The service may not write AUTOKEYs that are there: it can only have one of a deleted key forgotten.
create function forget_autokey(key uuid, mac bytea) returns void
language plpgsql security definer as $$
begin
    update billing_keys set autokey = substring(autokey for 4)
    where id = key and status = 'deleted' and octet_length(autokey) > 4;
    if found and mac is not null then
        insert into forgotten_autokeys (mac, billing_key_id) values (mac, key)
        on conflict on constraint forgotten_autokeys_pkey do nothing;
    end if;
end $$;
revoke all on function forget_autokey from public;
-- 0012 says why.
do $$ begin
    execute format('alter function forget_autokey(uuid, bytea) set search_path = %I, pg_temp',
        current_schema());
end $$;

-- Serves the deletion of what earlier versions kept.
create index billing_keys_to_forget on billing_keys (id)
    where status = 'deleted' and octet_length(autokey) > 4;
