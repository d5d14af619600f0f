-- After payments.sql: of each payment the event that it was approved, as the trigger and the publishing
-- write it, the JSON of about the usual size.
alter table events disable trigger user;
insert into events (id, type, object, object_id, stream, actor, after, created_at, position, data)
select new_event_id(), case kind when 'checkout' then 'order.paid' else 'payment.approved' end,
    case kind when 'checkout' then 'order' else 'payment' end, id, id, 'open', to_jsonb(p),
    approved_at, row_number() over (order by approved_at) + (select coalesce(max(position), 0) from events),
    json_build_object('id', id, 'orderNo', order_no, 'amount', amount, 'status', state, 'method', method,
        'transactionId', transaction_id, 'customerId', customer_id, 'productName', product_name,
        'approvedAt', approved_at)
from payments p order by approved_at;
alter table events enable trigger user;
analyze events;
