-- The most processes and threads at one time, how many were refused for the limit, and what was written to disk, at least. NULL: not known.
ALTER TABLE sandboxes ADD COLUMN processes bigint, ADD COLUMN refused_processes bigint, ADD COLUMN written_bytes bigint;
