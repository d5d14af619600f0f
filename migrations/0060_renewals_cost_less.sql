-- The trail is asked only about changes that it may tell of: the claim of a due subscription, its notice
-- and the intent of its charge change none of these columns. What is left out is in record_event too.
do $$
declare
    quiet text[] := array['leased_by', 'leased_until', 'next_attempt_at', 'renewal_noticed', 'revision',
        'begins', 'starts_on', 'first_period', 'trial_days', 'kept', 'undo', 'undo_labels',
        'next_segment', 'next_charge', 'canceled_on', 'period_kind', 'period_reason', 'paid_through',
        'next_charge_date', 'next_charge_start', 'next_charge_end', 'next_charge_amount',
        'next_charge_reason', 'rise_on', 'rise_amount', 'consent_from', 'consent_id', 'credit',
        'credit_tax_free', 'carried', 'carried_tax_free', 'legacy_end', 'legacy_pause'];
    told text[] := array(select quote_ident(attname) from pg_attribute
        where attrelid = 'subscriptions'::regclass and attnum > 0 and not attisdropped
            and attname <> all(quiet)
        order by attnum);
begin
    execute format('create trigger subscriptions_changed after update on subscriptions
        for each row when ((old.%s) is distinct from (new.%s)) execute function record_event()',
        array_to_string(told, ', old.'), array_to_string(told, ', new.'));
end $$;
create or replace trigger subscriptions_event after insert or delete on subscriptions
    for each row execute function record_event();
