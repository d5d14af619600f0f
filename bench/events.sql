-- After payments.sql: of each payment the event that it was approved, as the trigger writes it, and what is
-- published of it, the JSON of about the usual size.
alter table events disable trigger user;
insert into events (id, type, object, object_id, stream, actor, after, created_at, position)
select new_event_id(), case kind when 'checkout' then 'order.paid' else 'payment.approved' end,
    case kind when 'checkout' then 'order' else 'payment' end, id, id, 'open',
    jsonb_strip_nulls(to_jsonb(p)), approved_at, nextval('event_positions')
from (select * from payments order by approved_at) p;
alter table events enable trigger user;
insert into event_data (position, data)
select e.position, json_build_object('id', p.id, 'orderNo', order_no, 'amount', amount, 'status', state,
    'method', method, 'transactionId', transaction_id, 'customerId', customer_id, 'productName', product_name,
    'approvedAt', approved_at)
from events e join payments p on p.id = e.object_id where e.position > (select coalesce(max(position), 0) from event_data)
order by e.position;
analyze events, event_data;
