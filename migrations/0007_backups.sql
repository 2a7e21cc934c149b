-- Backups that are whole and on the disk, for the age that monitoring asks for. The files themselves are the operator's.
CREATE TABLE backups (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    finished_at timestamptz NOT NULL DEFAULT now(),
    node text NOT NULL CHECK (octet_length(node) BETWEEN 1 AND 32),
    name text NOT NULL CHECK (octet_length(name) BETWEEN 1 AND 255),
    bytes bigint NOT NULL
);
CREATE INDEX backups_finished ON backups (finished_at);
