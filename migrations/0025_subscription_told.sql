-- What events tell of a subscription beside its columns is what its answers show, so that it is kept with
-- the row that events are made from.

alter table subscriptions add column told jsonb;
comment on column subscriptions.told is
    'What answers and events tell beside the columns: phases, proration, kept days, the open charge. Null
until the first change of a row from before this column.';
