-- The service gives notices by inserting into the trail itself. From now on it says only which notice of
-- which object: what the event holds, the trigger takes from the object's row. So the service can put
-- nothing into the trail that is not so.

create function complete_notice() returns trigger language plpgsql as $$
declare
    object jsonb;
begin
    -- Written by erase_customer or make_test_event, as the owner.
    if (new.test or new.type = 'customer.erased') and pg_has_role(current_user,
        (select relowner from pg_class where oid = 'events'::regclass), 'usage')
    then return new; end if;
    if new.notice is null then
        raise exception 'events tell of changes, and are written by them';
    end if;
    case new.type
        when 'subscription.renewal_upcoming', 'subscription.consent_needed',
            'subscription.price_rise_upcoming', 'subscription.trial_ending' then
            select to_jsonb(s) || case when new.type = 'subscription.renewal_upcoming'
                    and k.card_expires < s.next_billing_date then
                    jsonb_build_object('card', jsonb_build_object(
                        'expires', to_char(k.card_expires, 'YYYY-MM'), 'overByThen', true))
                else '{}' end into object
            from subscriptions s join billing_keys k on k.id = s.billing_key_id
            where s.id = new.object_id;
            new.subscription_id := new.object_id;
        when 'billing_key.expiring' then
            select to_jsonb(k) || jsonb_build_object('autokey', '\x',
                    'expires', to_char(k.card_expires, 'YYYY-MM'),
                    'subscriptions', (select jsonb_agg('sub_' || s.id order by s.id)
                        from subscriptions s where s.billing_key_id = k.id
                            and s.status not in ('incomplete', 'canceled'))) into object
            from billing_keys k where k.id = new.object_id;
            new.subscription_id := null;
        else raise exception '% is no notice', new.type;
    end case;
    if object is null then raise exception 'there is no % to give notice of', new.object_id; end if;
    new.id := new_event_id();
    new.object := split_part(new.type, '.', 1);
    new.stream := new.object_id;
    new.actor := 'scheduler';
    new.request_id := null;
    new.reason := null;
    new.before := null;
    new.after := object;
    new.position := null;
    new.data := null;
    return new;
end $$;
-- 0012 says why.
do $$ begin
    execute format('alter function complete_notice() set search_path = %I, pg_temp', current_schema());
end $$;

drop trigger events_tell_of_changes on events;
create trigger events_tell_of_changes before insert on events
    for each row when (pg_trigger_depth() = 0)
    execute function complete_notice();
