-- Deliveries that one bad receiver or one bad event does not hold up.

alter table event_deliveries
    add column refused boolean not null default false,
    add column planned_at timestamptz;
comment on column event_deliveries.next_at is
    'When it is tried next. Infinity while one before it in its stream waits: the claim finds what is due
by an index, however much waits behind. A row whose time has come too early is put back by the claim.';
comment on column event_deliveries.refused is
    'The receiver has refused it (4xx): it is tried again as others are, and those behind it in its stream
do not wait for it.';
comment on column event_deliveries.planned_at is
    'When it would be tried, if the receiver had not come back meanwhile: the try between does not count.';

create table delivery_cursor (
    only_row boolean not null default true
        constraint delivery_cursor_pkey primary key
        constraint delivery_cursor_only_row_check check (only_row),
    position bigint not null
);
comment on table delivery_cursor is
    'One row, from the first start with MERCHANT_WEBHOOK_URL on: the last position of which it is settled
whether it is delivered. Whoever publishes need not know of a receiver.';
-- What is published from now on is delivered, also by a process that knows of no receiver.
insert into delivery_cursor (position)
    select max(position) from events where exists (select from event_deliveries)
    having max(position) is not null;
