-- A call whose outcome is not recorded though it has ended is an unknown outcome for whoever looks.

alter table payments add column call_ends_by timestamptz;
comment on column payments.call_ends_by is
    'By the database''s own clock: the call of this intent has ended by then, answered or not.';
alter table refunds add column call_ends_by timestamptz;
comment on column refunds.call_ends_by is 'As in payments.';
