-- What the disk has to do for a charge, and nothing else: two commits of one row each.
begin;
insert into intents (body) values (repeat('i', 300));
commit;
begin;
insert into outcomes (body) values (repeat('o', 300));
commit;
