-- Each subscription that there is, with its phases, charges and days, :copies times more under other ids.
create temp table copies as
    select id as original, new_event_id() as id, n from subscriptions, generate_series(1, :copies) n;
alter table subscriptions disable trigger user;
alter table subscription_phases disable trigger user;
alter table subscription_charges disable trigger user;
alter table subscription_segments disable trigger user;
insert into subscriptions
select (jsonb_populate_record(s, jsonb_build_object('id', c.id, 'customer_id', s.customer_id || '-' || n))).*
from copies c join subscriptions s on s.id = original;
insert into subscription_phases
select (jsonb_populate_record(s, jsonb_build_object('subscription_id', c.id))).*
from copies c join subscription_phases s on s.subscription_id = original;
insert into subscription_charges
select (jsonb_populate_record(s, jsonb_build_object('subscription_id', c.id))).*
from copies c join subscription_charges s on s.subscription_id = original;
insert into subscription_segments
select (jsonb_populate_record(s, jsonb_build_object('subscription_id', c.id))).*
from copies c join subscription_segments s on s.subscription_id = original;
alter table subscriptions enable trigger user;
alter table subscription_phases enable trigger user;
alter table subscription_charges enable trigger user;
alter table subscription_segments enable trigger user;
analyze;
