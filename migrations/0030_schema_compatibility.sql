-- Which builds can work with this schema. A step that only adds leaves the number as it is; one that an
-- older build cannot work with sets it to its own.

create table schema_compatibility (
    oldest_build bigint not null
);
comment on table schema_compatibility is
    'One row: a build whose newest migration is this one, or a later one, may run on this schema.';
insert into schema_compatibility (oldest_build) values (30);
