-- The pace at which KiwoomPay is called, shared by all processes on this database.

-- Unlogged: a crash of the server may forget at most one call of each method.
create unlogged table gateway_turns (
    cpid text not null,
    method text not null,
    next_at timestamptz not null,
    constraint gateway_turns_pkey primary key (cpid, method)
);
comment on table gateway_turns is
    'KiwoomPay takes a few calls a second for each CPID and method (KIWOOM_RATE_PER_SEC).';
comment on column gateway_turns.next_at is
    'By the database''s own clock: the next call may be made then. Whoever takes it moves it on.';
