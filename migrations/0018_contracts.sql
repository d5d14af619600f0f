-- One merchant has several contracts, each with its own CPID and key: what was taken under one is given
-- back under it.

alter table payments
    add column cpid text,
    add column earlier_cpids text[];
comment on column payments.cpid is
    'The CPID that it is or was taken under; null = environment.unnamed_cpid.';
comment on column payments.earlier_cpids is
    'Hosted window: the CPIDs that earlier windows of this order were opened with.';
create trigger payments_cpid_is_kept before update of cpid, earlier_cpids on payments
    for each row when (old.state = 'approved')
    execute function refuse('the CPID of a payment is kept');

alter table billing_keys add column cpid text;
comment on column billing_keys.cpid is
    'The CPID that the card was registered under; null = environment.unnamed_cpid.';

alter table notifications add column cpid text;
comment on column notifications.cpid is 'The CPID that it names, when it is one of ours; null in rows from before.';

alter table environment add column unnamed_cpid text;
comment on column environment.unnamed_cpid is
    'The CPID of payments and cards from before rows named theirs.';
update environment set unnamed_cpid = cpids[cardinality(cpids)];
