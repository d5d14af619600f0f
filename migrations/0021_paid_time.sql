-- Paid time: for which days each subscription was charged, and for which it will be next.
-- Older versions cannot charge with this schema: stop them before (docs/upgrade.md).

create table subscription_charges (
    subscription_id uuid not null constraint subscription_charges_subscription_fkey
        references subscriptions (id) on delete cascade,
    number integer not null
        constraint subscription_charges_number_check check (number > 0),
    first_tried_on date not null,
    days integer not null
        constraint subscription_charges_days_check check (days >= 0),
    amount bigint not null
        constraint subscription_charges_amount_check check (amount between 0 and 9999999999),
    tax_free_amount bigint not null default 0
        constraint subscription_charges_tax_free_check check (tax_free_amount between 0 and amount),
    credit bigint not null default 0,
    credit_tax_free bigint not null default 0,
    carried_in bigint not null default 0,
    carried_in_tax_free bigint not null default 0,
    carried_out bigint not null default 0,
    carried_out_tax_free bigint not null default 0,
    credited bigint not null default 0,
    credited_tax_free bigint not null default 0,
    state text not null constraint subscription_charges_state_check
        check (state in ('under_way', 'unknown', 'retrying', 'approved', 'declined')),
    counts text not null default 'always' constraint subscription_charges_counts_check
        check (counts in ('always', 'unless_declined', 'never')),
    is_retry boolean not null default false,
    constraint subscription_charges_pkey primary key (subscription_id, number),
    constraint subscription_charges_parts_check check (
        credit_tax_free between 0 and credit and carried_in_tax_free between 0 and carried_in
        and carried_out_tax_free between 0 and carried_out
        and credited_tax_free between 0 and credited)
);
comment on table subscription_charges is
    'What was asked of a card for days of a subscription; of 0 won nothing was asked, and there is no
payment. A retry is another payment of the same charge.';
comment on column subscription_charges.first_tried_on is 'Date of Korea.';
comment on column subscription_charges.days is 'How many days it was asked for.';
comment on column subscription_charges.amount is
    'What the card pays: the price of its segments + carried_in - credit - carried_out.';
comment on column subscription_charges.credited is
    'Given to the credit balance for days that were not used.';
comment on column subscription_charges.counts is 'Whether it counts towards total_cycles.';
-- At most one charge of a subscription is under way.
create unique index subscription_charges_under_way on subscription_charges (subscription_id)
    where state = 'under_way';

create table subscription_segments (
    subscription_id uuid not null constraint subscription_segments_subscription_fkey
        references subscriptions (id) on delete cascade,
    number integer not null,
    starts_on date not null,
    ends_on date not null,
    follows date,
    kind text not null constraint subscription_segments_kind_check
        check (kind in ('paid', 'free', 'open', 'none')),
    reason text not null constraint subscription_segments_reason_check check (reason in (
        'whole', 'stub', 'changed', 'trial', 'free_phase', 'before_anchor', 'extension', 'no_consent',
        'missed', 'declined', 'paused', 'unpaid')),
    charge_no integer,
    amount bigint not null
        constraint subscription_segments_amount_check check (amount between 0 and 9999999999),
    tax_free_amount bigint not null
        constraint subscription_segments_tax_free_check check (tax_free_amount between 0 and amount),
    rate_amount bigint not null,
    rate_tax_free bigint not null,
    rate_twelfths bigint not null
        constraint subscription_segments_rate_check check (rate_twelfths > 0),
    of_days integer not null
        constraint subscription_segments_of_days_check check (of_days > 0),
    phase smallint not null,
    uses_cycle boolean not null,
    constraint subscription_segments_pkey primary key (subscription_id, number),
    constraint subscription_segments_days_check check (starts_on < ends_on),
    constraint subscription_segments_charge_fkey foreign key (subscription_id, charge_no)
        references subscription_charges (subscription_id, number) deferrable initially deferred,
    constraint subscription_segments_paid_check check (kind not in ('paid', 'open')
        or charge_no is not null),
    -- No day belongs to two segments and none is left out between them: each begins where one ends,
    -- no two begin or end on one day, and only one follows nothing.
    constraint subscription_segments_starts_key unique (subscription_id, starts_on),
    constraint subscription_segments_ends_key unique (subscription_id, ends_on),
    constraint subscription_segments_follows_check check (follows = starts_on),
    constraint subscription_segments_follows_fkey foreign key (subscription_id, follows)
        references subscription_segments (subscription_id, ends_on) deferrable initially deferred
);
comment on table subscription_segments is
    'The days of each subscription, in order, each adjoining the next. Dates of Korea.';
comment on column subscription_segments.ends_on is 'The day after the last one.';
comment on column subscription_segments.follows is
    'starts_on, the end of the segment before it; null for the first one.';
comment on column subscription_segments.amount is 'Price of these days in won, before credit.';
comment on column subscription_segments.rate_amount is
    'The price of a whole period that held for it; rate_twelfths: its length in twelfths of a day.';
comment on column subscription_segments.of_days is
    'Days of the whole period that ends where it ends, or would have ended.';
create unique index subscription_segments_first on subscription_segments (subscription_id)
    where follows is null;

create table subscription_phases (
    subscription_id uuid not null constraint subscription_phases_subscription_fkey
        references subscriptions (id) on delete cascade,
    position smallint not null,
    cycles smallint constraint subscription_phases_cycles_check check (cycles between 1 and 600),
    amount bigint not null
        constraint subscription_phases_amount_check check (amount between 0 and 9999999999),
    tax_free_amount bigint not null default 0
        constraint subscription_phases_tax_free_check check (tax_free_amount between 0 and amount),
    constraint subscription_phases_pkey primary key (subscription_id, position)
);
comment on table subscription_phases is
    'The prices of a subscription, in order. The last one holds for good: its cycles are null.';

alter table subscriptions
    drop constraint subscriptions_pending_amount_check,
    drop constraint subscriptions_pending_check,
    add column begins text constraint subscriptions_begins_check
        check (begins in ('anchor', 'now', 'trial')),
    add column starts_on date,
    add column first_period text constraint subscriptions_first_period_check
        check (first_period in ('prorated', 'full', 'free')),
    add column trial_days smallint
        constraint subscriptions_trial_days_check check (trial_days between 1 and 730),
    add column proration text not null default 'prorated' constraint subscriptions_proration_check
        check (proration in ('prorated', 'full', 'free')),
    add column total_cycles smallint,
    add column pause_at_period_end boolean not null default false,
    add column credit bigint not null default 0
        constraint subscriptions_credit_check check (credit >= 0),
    add column credit_tax_free bigint not null default 0
        constraint subscriptions_credit_tax_free_check check (credit_tax_free between 0 and credit),
    add column carried bigint not null default 0
        constraint subscriptions_carried_check check (carried >= 0),
    add column carried_tax_free bigint not null default 0
        constraint subscriptions_carried_tax_free_check
        check (carried_tax_free between 0 and carried),
    add column pending_interval text constraint subscriptions_pending_interval_check
        check (pending_interval in ('week', 'month', 'year')),
    add column pending_interval_count smallint
        constraint subscriptions_pending_interval_count_check
        check (pending_interval_count between 1 and 52),
    add column pending_cycle_day smallint constraint subscriptions_pending_cycle_day_check
        check (pending_cycle_day between 1 and 31),
    -- A consent at sign-up is written after its subscription.
    add column consent_id uuid constraint subscriptions_consent_fkey
        references price_consents (id) deferrable initially deferred,
    add column kept jsonb not null default '[]',
    add column undo jsonb,
    add column undo_labels jsonb,
    add column next_segment integer not null default 1,
    add column next_charge integer not null default 1,
    add column canceled_on date,
    -- What follows from the rest, for answers, notices and lists.
    add column period_kind text,
    add column period_reason text,
    add column paid_through date,
    add column next_charge_date date,
    add column next_charge_start date,
    add column next_charge_end date,
    add column next_charge_amount bigint,
    add column next_charge_reason text,
    add column rise_on date,
    add column rise_amount bigint,
    add column consent_from date,
    -- What rows from before this version keep until their next change.
    add column legacy_end boolean not null default false,
    add column legacy_pause boolean not null default false,
    add column revision integer not null default 0,
    add constraint subscriptions_pending_check check (
        num_nulls(pending_amount, pending_tax_free_amount) in (0, 2)
        and num_nulls(pending_interval, pending_interval_count, pending_cycle_day) in (0, 3));
comment on column subscriptions.starts_on is 'The day on which service begins, as asked for.';
comment on column subscriptions.begins is
    'anchor: on the first anchor day from starts_on; now: on that day; trial: with trial_days.';
comment on column subscriptions.first_period is 'With now: what the days before the anchor cost.';
comment on column subscriptions.proration is 'What a part of a period costs.';
comment on column subscriptions.total_cycles is 'How many charges are made at most.';
comment on column subscriptions.credit is 'Credit balance in won: left over from changes.';
comment on column subscriptions.carried is 'Too small to be charged so far, in won.';
comment on column subscriptions.pending_amount is
    'The amount that is to hold from the next segment on, in won.';
comment on column subscriptions.pending_interval is
    'With its count and day: the billing days that are to hold from the next segment on.';
comment on column subscriptions.pending_rise is 'Of earlier versions.';
comment on column subscriptions.consent_id is 'The customer''s consent to the next rise.';
comment on column subscriptions.kept is 'Segments that were left at a pause: only their lengths count.';
comment on column subscriptions.undo is
    'What was before a change at once whose charge has not ended.';
comment on column subscriptions.undo_labels is 'As undo: plan, product, card, metadata, retry days.';
comment on column subscriptions.canceled_on is 'The day on which it ended, in Korea.';
comment on column subscriptions.next_billing_date is
    'Where the last segment ends: the next one begins there. Before the first: the first charge.';
comment on column subscriptions.period_start is
    'First day of the segment that covers now, or of the last one. Before the first: the day on which
it was made.';
comment on column subscriptions.trial_end is 'Where the free time at the beginning ends.';
comment on column subscriptions.end_date is 'No day on or after this one is charged; see legacy_end.';
comment on column subscriptions.cycles_left is
    'How many charges are still to be made; null = no limit.';
comment on column subscriptions.legacy_end is
    'end_date means: no period that would begin on it or later is charged, the last one is whole.';
comment on column subscriptions.legacy_pause is
    'Paused when a pause kept no days: it goes on at the next anchor day.';
comment on column subscriptions.revision is
    'Grows with each write of the row. Versions that know no segments do not know it.';

alter table price_consents
    alter column rise drop not null,
    drop constraint price_consents_amount_check,
    add column new_tax_free_amount bigint,
    add column billing_interval text,
    add column interval_count smallint;
comment on column price_consents.rise is 'Of earlier versions.';
comment on column price_consents.billing_interval is
    'With interval_count: how often new_amount was agreed to; null = as often as before.';

alter table refunds add column from_credit boolean not null default false;
comment on column refunds.from_credit is
    'Taken from the credit balance of the subscription: declined, it is credit again.';

alter table payments add column charge_no integer;
comment on column payments.charge_no is 'Of a subscription: the charge that it is an attempt of.';

-- The trail tells of changes by calls and charges, not of this one.
alter table subscriptions disable trigger subscriptions_event;
alter table payments disable trigger payments_event;

-- The first anchor day on or after a day.
create function anchor_day(day date, billing_interval text, anchor int) returns date
language sql immutable as $$
    select case when billing_interval = 'week'
        then day + (anchor - extract(isodow from day)::int + 7) % 7
        else (
            select min(on_day) from (
                select first + least(anchor, extract(day from first + interval '1 month'
                    - interval '1 day')::int) - 1 as on_day
                from (select (date_trunc('month', day::timestamp) + n * interval '1 month')::date as first
                      from generate_series(0, 1) as n) as months) as days
            where on_day >= day) end
$$;

-- A whole interval after a day, to the day.
create function interval_after(day date, billing_interval text, units int) returns date
language sql immutable as $$
    select (day + units * ('1 ' || billing_interval)::interval)::date
$$;

-- What was tried for each period, as a charge each. The attempt that stands is the one that was paid;
-- without one the last.
create unlogged table paid_time_periods as
select *, row_number() over (partition by id order by period_start)::int as number,
    count(*) over (partition by id) = 1 as is_only
from (
    select s.id, p.period_start, max(p.period_end) as period_end,
        (array_agg(p.state order by p.state <> 'approved', p.id desc))[1] as state,
        (array_agg(p.amount order by p.state <> 'approved', p.id desc))[1] as amount,
        (array_agg(p.tax_free_amount order by p.state <> 'approved', p.id desc))[1]
            as tax_free_amount,
        (array_agg(p.merchant_setting order by p.state <> 'approved', p.id desc))[1] is not null
            as is_our_mistake,
        (min(p.created_at) at time zone 'Asia/Seoul')::date as first_tried_on,
        (coalesce(max(coalesce(p.settled_at, p.created_at)) filter (where p.merchant_setting is null),
            max(p.created_at)) at time zone 'Asia/Seoul')::date as last_tried_on,
        count(*) filter (where p.merchant_setting is null) > 1 as is_retry
    from payments p join subscriptions s on s.id = p.subscription_id
    where p.kind = 'subscription'
    group by s.id, p.period_start) as tried;

-- What became of each: paid, open, declined while there was access, declined, or due again because
-- the merchant's set-up was at fault and nobody's card was asked.
alter table paid_time_periods add column became text;
update paid_time_periods p set became = case
        when p.state = 'approved' then 'paid'
        when p.state in ('sending', 'unknown') then p.state
        when p.is_our_mistake and s.next_billing_date <= p.period_start then 'due again'
        when s.status = 'past_due' and p.period_start = s.period_start then 'retrying'
        when s.status = 'unpaid' and p.period_start = s.period_start then 'unpaid'
        else 'declined' end,
    -- A first charge at once of a whole year, quarter or four weeks was for a whole interval.
    period_end = case
        when p.is_only and p.state in ('approved', 'sending', 'unknown') and s.status <> 'canceled'
            and not (s.interval_count = 1 and s.billing_interval in ('week', 'month'))
        then greatest(p.period_end,
            interval_after(p.period_start, s.billing_interval, s.interval_count))
        else p.period_end end
from subscriptions s where s.id = p.id;
analyze paid_time_periods;

insert into subscription_charges (subscription_id, number, first_tried_on, days, amount,
    tax_free_amount, state, counts, is_retry)
select id, number, first_tried_on, period_end - period_start, amount, tax_free_amount,
    case became when 'paid' then 'approved' when 'sending' then 'under_way'
        when 'unknown' then 'unknown' when 'retrying' then 'retrying' else 'declined' end,
    case became when 'due again' then 'never' else 'always' end,
    became = 'retrying' or is_retry
from paid_time_periods;

update payments set charge_no = p.number from paid_time_periods p
where payments.subscription_id = p.id and payments.period_start = p.period_start
    and payments.kind = 'subscription';

-- The days, one after the other: a period begins where the one before it ends when that is later, and
-- what nobody was charged for in between was missed.
create unlogged table paid_time_days as
with clipped as (
    select p.*, greatest(p.period_start, max(p.period_end) over before) as starts_on,
        max(p.period_end) over before as reach,
        lead(p.id) over before is null as is_last
    from paid_time_periods p where p.became <> 'due again'
    window before as (partition by p.id order by p.period_start
        rows between unbounded preceding and 1 preceding)
), ended as (
    select *, case when became = 'unpaid' and is_last
        then least(period_end, greatest(last_tried_on, starts_on)) else period_end end as ends_on
    from clipped
)
select id, starts_on, ends_on, became, number as charge_no, amount, tax_free_amount from ended
where starts_on < ends_on
union all
select id, reach, starts_on, 'missed', null, 0, 0 from ended
where reach < starts_on and starts_on < ends_on;

-- Days up to the next charge that nothing is charged for: promised. A first charge of a whole interval
-- is followed by free days up to the anchor.
create unlogged table paid_time_reaches as
select s.id, max(l.ends_on) as reach from subscriptions s left join paid_time_days l on l.id = s.id
group by s.id;
insert into paid_time_days
select s.id, starts, ends, case when s.period_start < s.trial_end then 'trial' else 'before_anchor' end,
    null, 0, 0
from subscriptions s join paid_time_reaches using (id),
    lateral (select coalesce(reach, s.period_start) as starts,
        case when reach > s.next_billing_date
            then anchor_day(reach, s.billing_interval, s.cycle_day)
            else s.next_billing_date end as ends) as days
where s.status not in ('canceled', 'unpaid') and starts < ends
    and (reach is not null or s.period_start < s.trial_end);
update paid_time_reaches r set reach = l.ends_on
from paid_time_days l where l.id = r.id and l.became in ('trial', 'before_anchor');

-- A pause that ends by itself goes on at the next anchor day.
insert into paid_time_days
select s.id, reach, ends, 'paused', null, 0, 0
from subscriptions s join paid_time_reaches using (id),
    lateral (select anchor_day(s.resume_on, s.billing_interval, s.cycle_day) as ends) as days
where s.status = 'paused' and reach < s.resume_on;
-- One that was never served and is unpaid, since its card was ended before the first charge.
insert into paid_time_days
select s.id, s.period_start, s.period_start + 1, 'not served', null, 0, 0
from subscriptions s join paid_time_reaches using (id) where s.status = 'unpaid' and reach is null;

insert into subscription_segments (subscription_id, number, starts_on, ends_on, follows, kind, reason,
    charge_no, amount, tax_free_amount, rate_amount, rate_tax_free, rate_twelfths, of_days, phase,
    uses_cycle)
select l.id, row_number() over days, l.starts_on, ends_on, lag(ends_on) over days,
    case became when 'paid' then 'paid' when 'trial' then 'free' when 'before_anchor' then 'free'
        when 'sending' then 'open' when 'unknown' then 'open' when 'retrying' then 'open'
        when 'unpaid' then 'open' else 'none' end,
    case when became in ('paid', 'sending', 'unknown', 'retrying') then 'whole'
        when became in ('unpaid', 'declined') then 'declined'
        when became = 'not served' then 'unpaid' else became end,
    charge_no,
    case when became in ('unpaid', 'declined') then 0 else l.amount end,
    case when became in ('unpaid', 'declined') then 0 else l.tax_free_amount end,
    -- The price that is agreed holds for the last of them: what comes next at that price is no rise.
    case when charge_no is null then 0 when charge_no = last_charge then s.amount else l.amount end,
    case when charge_no is null then 0 when charge_no = last_charge then s.tax_free_amount
        else l.tax_free_amount end,
    case when charge_no is null then 1 else s.interval_count * case s.billing_interval
        when 'week' then 84 when 'month' then 365 else 4380 end end,
    ends_on - l.starts_on, 0, became in ('paid', 'sending', 'unknown', 'retrying')
from (select *, max(charge_no) filter (where became in ('paid', 'sending', 'unknown', 'retrying',
        'unpaid')) over (partition by id) as last_charge from paid_time_days) as l
join subscriptions s on s.id = l.id
window days as (partition by l.id order by l.starts_on);

insert into subscription_phases (subscription_id, position, amount, tax_free_amount)
select id, 0, amount, tax_free_amount from subscriptions;

with told as (
    select s.id, s.status <> 'canceled' as is_live,
        coalesce(s.period_start < s.trial_end, false) as is_trial,
        coalesce(s.period_start < s.trial_end, false) or s.pending_amount is not null as is_awaited,
        case when s.period_start < s.trial_end then s.amount else s.pending_amount end as new_amount,
        (select c.id from price_consents c
            where c.subscription_id = s.id
                and c.rise = case when s.period_start < s.trial_end then s.id else s.pending_rise end
                and c.new_amount >= case when s.period_start < s.trial_end then s.amount
                    else s.pending_amount end
                and s.next_billing_date - (c.consented_at at time zone 'Asia/Seoul')::date
                    between 0 and 30
            order by c.id desc limit 1) as consent_id,
        coalesce(charges.n, 0) as charges, coalesce(charges.counted, 0) as counted,
        coalesce(charges.uncounted, 0) as uncounted,
        coalesce(charges.is_under_way, false) as is_under_way,
        days.n as segments, days.starts_on, days.ends_on, days.paid_through
    from subscriptions s
    left join (
        select p.id, max(p.number) as n, bool_or(p.became = 'sending' and not p.is_retry) as is_under_way,
            -- One that is under way for a period not entered yet is among those that are left.
            count(*) filter (where p.became <> 'due again'
                and not (p.became = 'sending' and p.period_start >= s.next_billing_date)) as counted,
            count(*) filter (where p.became = 'sending' and p.period_start >= s.next_billing_date)
                as uncounted
        from paid_time_periods p join subscriptions s on s.id = p.id group by p.id) as charges
        on charges.id = s.id
    left join (
        select subscription_id as id, max(number) as n, min(starts_on) as starts_on,
            max(ends_on) as ends_on,
            max(ends_on) filter (where kind in ('paid', 'free')) as paid_through
        from subscription_segments group by subscription_id) as days on days.id = s.id
), next as (
    select t.*, case when not t.is_live or t.is_under_way then s.next_billing_date
            else coalesce(t.ends_on, s.next_billing_date) end as next_billing_date
    from told t join subscriptions s on s.id = t.id
), planned as (
    -- One that is under way is taken as approved: what comes after it.
    select n.*, charged_on, n.is_live and (s.status in ('active', 'past_due', 'incomplete')
                or s.status = 'paused' and s.resume_on is not null)
            and not s.cancel_at_period_end and (s.cycles_left > n.uncounted) is not false
            and (charged_on < s.end_date) is not false
            and (not n.is_trial or n.consent_id is not null) as is_planned
    from next n join subscriptions s on s.id = n.id,
        lateral (select coalesce(n.ends_on, anchor_day(greatest(s.next_billing_date, s.resume_on),
            s.billing_interval, s.cycle_day)) as charged_on) as first
)
update subscriptions s set
    begins = 'anchor',
    starts_on = coalesce(p.starts_on, s.next_billing_date),
    next_billing_date = greatest(p.next_billing_date, s.period_start),
    next_attempt_at = s.next_attempt_at + case when s.status = 'active'
        then greatest(p.next_billing_date - s.next_billing_date, 0) else 0 end * interval '24 hours',
    next_segment = coalesce(p.segments, 0) + 1,
    next_charge = p.charges + 1,
    total_cycles = p.counted + s.cycles_left,
    canceled_on = case when not p.is_live then (s.canceled_at at time zone 'Asia/Seoul')::date end,
    paid_through = p.paid_through,
    period_kind = t.kind,
    period_reason = t.reason,
    next_charge_date = case when p.is_planned then p.charged_on end,
    next_charge_start = case when p.is_planned then p.charged_on end,
    next_charge_end = case when p.is_planned then anchor_day(interval_after(
        case when s.billing_interval = 'week' then p.charged_on
            else date_trunc('month', p.charged_on::timestamp)::date end,
        s.billing_interval, s.interval_count), s.billing_interval, s.cycle_day) end,
    next_charge_amount = case when p.is_planned then case when p.consent_id is not null
        then p.new_amount else s.amount end end,
    next_charge_reason = case when p.is_planned then 'whole' end,
    consent_id = p.consent_id,
    rise_on = case when p.is_live and p.is_awaited then p.next_billing_date end,
    rise_amount = case when p.is_live and p.is_awaited then p.new_amount end,
    consent_from = case when p.is_live and p.is_awaited and p.consent_id is null
        then p.next_billing_date - 30 end,
    legacy_end = p.is_live and s.end_date is not null,
    legacy_pause = s.status = 'paused'
from planned p
left join lateral (select kind, reason from subscription_segments t
    join subscriptions s on s.id = t.subscription_id
    where t.subscription_id = p.id and t.starts_on <= s.period_start
    order by t.starts_on desc limit 1) as t on true
where s.id = p.id;

drop table paid_time_periods, paid_time_days, paid_time_reaches;
drop function anchor_day(date, text, int);
drop function interval_after(date, text, int);
set constraints all immediate;

alter table subscriptions enable trigger subscriptions_event;
alter table payments enable trigger payments_event;

alter table subscriptions
    alter column begins set not null,
    alter column starts_on set not null;

-- One that only runs to its end may have a successor that begins then.
drop index subscriptions_one_live;
create unique index subscriptions_one_live on subscriptions (customer_id, plan_id)
    where status <> 'canceled' and not cancel_at_period_end;

-- One that only runs to its end may have a successor, which begins then.
drop index subscriptions_one_live;
create unique index subscriptions_one_live on subscriptions (customer_id, plan_id)
    where status <> 'canceled' and not cancel_at_period_end;
-- Serves the notices of a rise, the end of a trial, and the first day for a consent.
create index subscriptions_rise on subscriptions (rise_on) where rise_on is not null;
drop index subscriptions_price_rise;
drop index subscriptions_trial;

-- An attempt for days of a subscription belongs to a charge: at most one attempt of a charge has not
-- finally failed. Versions that know no charges cannot write an intent, and so send nothing.
alter table payments
    add constraint payments_charge_fkey foreign key (subscription_id, charge_no)
        references subscription_charges (subscription_id, number) deferrable initially deferred,
    add constraint payments_charge_check check (
        kind <> 'subscription' or subscription_id is null or charge_no is not null);
create unique index payments_one_per_charge on payments (subscription_id, charge_no)
    where kind = 'subscription' and state <> 'declined';
drop index payments_one_per_period;

-- Nor can they move a subscription on.
create trigger subscriptions_have_segments before update of period_start on subscriptions
    for each row when (new.revision = old.revision)
    execute function refuse('written by a version that knows no paid time');

-- What was charged stays; what was not sent is taken back.
create trigger subscription_charges_are_kept before delete on subscription_charges
    for each row when (old.state = 'approved')
    execute function refuse('charges are kept');

-- A change at once, free days and a comeback are no renewal; a free period is one.
create or replace function subscription_event(old jsonb, new jsonb) returns text
language plpgsql immutable as $$
declare
    before text := old->>'status';
    after text := new->>'status';
    next_period boolean := new->>'period_start' > old->>'period_start'
        and coalesce(new->>'period_reason', '') in ('whole', 'stub', 'free_phase');
begin
    return case
        -- A first charge that is under way: nobody sees the subscription yet.
        when new is null or after = 'incomplete' then null
        when before is null or before = 'incomplete' then 'created'
        when after = before and next_period then 'renewed'
        when after = before then 'updated'
        when after = 'active' and before = 'paused' then 'resumed'
        when after = 'active' then 'recovered'
        else after
    end;
end $$;

create or replace function record_event() returns trigger language plpgsql as $$
declare
    -- The AUTOKEY is replaced, not removed: the row stays one that can be read.
    secret jsonb := case tg_table_name when 'billing_keys' then '{"autokey": "\\x"}' else '{}' end;
    old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) || secret end;
    new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) || secret end;
    either jsonb := coalesce(new_row, old_row);
    -- How the work is shared out, and what follows from another row's change or from the paid time.
    quiet text[] := array['leased_by', 'leased_until', 'next_attempt_at', 'sender', 'sent_at',
        'refunding_amount', 'confirmed_by', 'renewal_noticed', 'expiry_noticed', 'charge_no',
        'revision', 'begins', 'starts_on', 'first_period', 'trial_days', 'kept', 'undo',
        'undo_labels', 'next_segment', 'next_charge', 'canceled_on', 'period_kind', 'period_reason',
        'paid_through', 'next_charge_date', 'next_charge_start', 'next_charge_end',
        'next_charge_amount', 'next_charge_reason', 'rise_on', 'rise_amount', 'consent_from', 'consent_id',
        'credit',
        'credit_tax_free', 'carried', 'carried_tax_free', 'legacy_end', 'legacy_pause'];
    kind text;
    what text;
    subscription uuid;
    payment uuid;
begin
    if tg_op = 'UPDATE' then
        if old_row - quiet = new_row - quiet then return null; end if;
        -- The subscription of a first charge that failed is gone; the payment is as it was.
        if tg_table_name = 'payments'
            and old_row - quiet - 'subscription_id' = new_row - quiet - 'subscription_id'
        then return null; end if;
    end if;
    case tg_table_name
        when 'payments' then
            kind := case either->>'kind' when 'checkout' then 'order' else 'payment' end;
            what := payment_event(old_row, new_row);
            subscription := (either->>'subscription_id')::uuid;
        when 'subscriptions' then
            kind := 'subscription';
            what := subscription_event(old_row, new_row);
            subscription := (either->>'id')::uuid;
        when 'refunds' then
            kind := 'refund';
            what := refund_event(old_row, new_row);
            payment := (either->>'payment_id')::uuid;
            select subscription_id into subscription from payments where id = payment;
        when 'billing_keys' then
            kind := 'billing_key';
            what := billing_key_event(old_row, new_row);
    end case;
    if what is null then return null; end if;
    insert into events (id, type, object, object_id, subscription_id, stream, actor, request_id,
        reason, before, after, created_at)
    values (new_event_id(), kind || '.' || what, kind, (either->>'id')::uuid, subscription,
        coalesce(subscription, payment, (either->>'id')::uuid),
        coalesce(event_setting('actor'), 'scheduler'), event_setting('request'),
        coalesce(
            event_setting('reason'),
            nullif(new_row->>'resolve_reason', coalesce(old_row->>'resolve_reason', '')),
            nullif(new_row->>'cancel_reason', coalesce(old_row->>'cancel_reason', '')),
            nullif(new_row->>'reason', '')),
        old_row, new_row, coalesce(event_setting('now')::timestamptz, now()));
    return null;
end $$;
-- 0012 says why.
do $$ begin
    execute format('alter function record_event() set search_path = %I, pg_temp', current_schema());
end $$;
