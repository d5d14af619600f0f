-- The merchant's ids are compared composed (NFC) and without spaces at their ends, which is how the
-- service writes them from now on. Ids from before are brought into that form. Where two of them
-- would become one the migration stops, names them and changes nothing.

do $$
declare
    -- What Unicode calls white space.
    spaces constant text := E' \t\n\u000b\f\r\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005'
        || E'\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000';
    others boolean;
    alike text;
begin
    if current_setting('server_encoding') <> 'UTF8' then
        raise exception 'the database has to have the encoding UTF8, not %',
            current_setting('server_encoding');
    end if;
    select exists (
        select from billing_keys where customer_id <> btrim(normalize(customer_id), spaces)
        union all
        select from subscriptions where customer_id <> btrim(normalize(customer_id), spaces)
            or plan_id <> btrim(normalize(plan_id), spaces)
        union all
        select from payments where customer_id <> btrim(normalize(customer_id), spaces)
    ) into others;
    if not others then return; end if;

    -- A process of the version before may be running: nobody writes until all is in one form.
    lock table billing_keys, subscriptions, payments in share row exclusive mode;
    with ids as (
        select 'customerId' as field, customer_id as id from billing_keys
        union select 'customerId', customer_id from subscriptions
        union select 'customerId', customer_id from payments where customer_id is not null
        union select 'planId', plan_id from subscriptions
    ), written as (
        -- As a literal of SQL that shows every character.
        select field, id, btrim(normalize(id), spaces) as normal, (
            select string_agg(case
                when c ~ '[!-&(-[\]-~]' then c
                when ascii(c) < 65536 then '\u' || lpad(to_hex(ascii(c)), 4, '0')
                else '\U' || lpad(to_hex(ascii(c)), 8, '0') end, '' order by n)
            from regexp_split_to_table(id, '') with ordinality as letters (c, n)) as letters
        from ids
    ), sets as (
        select field || ': ' || string_agg('E''' || letters || '''', ', ' order by letters) as line
        from written group by field, normal having count(*) > 1
    )
    select string_agg(line, E'\n' order by line) into alike from (select line from sets order by line limit 50) l;
    if alike is not null then
        raise exception using message = 'these ids are one id from now on, and have to be made one or '
            || 'told apart first (docs/upgrade.md, "Ids in one form"):' || E'\n' || alike;
    end if;

    update billing_keys set customer_id = btrim(normalize(customer_id), spaces)
    where customer_id <> btrim(normalize(customer_id), spaces);
    update subscriptions set customer_id = btrim(normalize(customer_id), spaces),
        plan_id = btrim(normalize(plan_id), spaces)
    where customer_id <> btrim(normalize(customer_id), spaces)
        or plan_id <> btrim(normalize(plan_id), spaces);
    -- The same customer in another form, which is no other term of the payment.
    alter table payments disable trigger payments_terms_are_kept;
    update payments set customer_id = btrim(normalize(customer_id), spaces)
    where customer_id <> btrim(normalize(customer_id), spaces);
    alter table payments enable trigger payments_terms_are_kept;
end $$;
