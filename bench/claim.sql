-- The claim of src/events/queue.rs, and what it took; taken back.

begin;
explain (analyze, format json)
with due as (
    select event_id, not refused and event_id <> (
        select first.event_id from event_deliveries as first
        where first.endpoint_id = '00000000-0000-7000-8000-000000000000'
            and first.stream = event_deliveries.stream and first.state = 'waiting' and not first.refused
        order by first.position limit 1) as is_behind
    from event_deliveries
    where endpoint_id = '00000000-0000-7000-8000-000000000000'
        and state = 'waiting' and next_at <= now() and (leased_until is null or leased_until < now())
    order by next_at limit 16 for update skip locked)
update event_deliveries as d
set leased_until = case when not is_behind then now() + make_interval(secs => 30) end,
    next_at = case when is_behind then 'infinity' else next_at end
from due where d.event_id = due.event_id and d.endpoint_id = '00000000-0000-7000-8000-000000000000'
returning d.event_id, d.endpoint_id, stream, attempts, planned_at is not null as is_extra, is_behind;
rollback;
