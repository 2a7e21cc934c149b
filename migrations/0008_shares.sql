-- Links to a sandbox's desktop for people without an account. The token itself is kept nowhere. A revoked link is a deleted row.
CREATE TABLE shares (
    id uuid PRIMARY KEY,
    sandbox_id uuid NOT NULL REFERENCES sandboxes ON DELETE CASCADE,
    digest bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32),
    access text NOT NULL CHECK (access IN ('view', 'control')),
    label text NOT NULL CHECK (octet_length(label) <= 64),
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX shares_sandbox ON shares (sandbox_id);
CREATE INDEX shares_expiry ON shares (expires_at);

-- Outcomes: inserted, too_many, not_running. The sandbox's row is the lock under which links are counted.
CREATE FUNCTION share_insert(new_id uuid, sandbox uuid, account uuid, new_digest bytea, new_access text, new_label text,
                             seconds bigint, maximum bigint)
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM sandboxes s WHERE s.id = sandbox AND s.account_id = account AND s.state = 'running' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 'not_running';
    END IF;
    IF (SELECT count(*) FROM shares h WHERE h.sandbox_id = sandbox AND h.expires_at > now()) >= maximum THEN
        RETURN 'too_many';
    END IF;
    INSERT INTO shares (id, sandbox_id, digest, access, label, expires_at)
        VALUES (new_id, sandbox, new_digest, new_access, new_label, now() + seconds * interval '1 second');
    RETURN 'inserted';
END $$;
