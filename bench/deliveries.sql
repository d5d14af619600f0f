-- Events that wait for their delivery, in place of those that there are: `count` of them in `streams`
-- streams.

set session_replication_role = replica;
truncate delivery_attempts, event_deliveries, event_data, events;
insert into events (id, type, object, object_id, stream, actor, created_at, position)
select gen_random_uuid(), 'payment.approved', 'payment', gen_random_uuid(), md5((n % :streams)::text)::uuid,
    'scheduler', now(), n
from generate_series(1, :count) n;
insert into event_data (position, data)
select position, json_build_object('id', 'pay_' || object_id, 'status', 'approved', 'amount', 9900,
    'productName', '월간 구독', 'customerId', 'user123')
from events order by position;
select setval('event_positions', :count) \g /dev/null
set session_replication_role = default;
insert into event_deliveries (event_id, endpoint_id, stream, position, next_at)
select id, '00000000-0000-7000-8000-000000000000', stream, position,
    case when position <= :streams then now() else 'infinity' end
from events;
update webhook_endpoints set position = :count where id = '00000000-0000-7000-8000-000000000000';
vacuum analyze events, event_data, event_deliveries;
