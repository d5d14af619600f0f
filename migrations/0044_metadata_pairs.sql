-- Each key of metadata with the text of its value as one number: what ?metadata[key]=value is looked for by.
-- Two pairs may have the same number, so of what is found the values are compared.
create function metadata_pair(key text, value text) returns bigint
language sql immutable strict parallel safe as $$
    select pg_catalog.hashtextextended(value, pg_catalog.hashtextextended(key, 0))
$$;
create function metadata_pairs(metadata jsonb) returns bigint[]
language sql immutable strict parallel safe as $$
    select coalesce(array_agg(pg_catalog.hashtextextended(value, pg_catalog.hashtextextended(key, 0)))
        filter (where value is not null), '{}')
    from pg_catalog.jsonb_each_text(metadata)
$$;
-- How frequent each is, which a partial index does not tell the planner.
create statistics subscriptions_metadata on (metadata_pairs(metadata)) from subscriptions;
