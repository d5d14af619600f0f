-- A request that was carried out, and whose process died before it stored the answer, is not carried out
-- again when it comes again.

alter table idempotency_keys add column applied boolean not null default false;
comment on column idempotency_keys.applied is
    'Set in the transaction of a change that would add up when it is made twice, such as free days.';
