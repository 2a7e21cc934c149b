CREATE TABLE sandboxes (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts,
    template text NOT NULL CHECK (octet_length(template) BETWEEN 1 AND 64),
    node text NOT NULL CHECK (octet_length(node) BETWEEN 1 AND 32),
    state text NOT NULL DEFAULT 'starting' CHECK (state IN ('starting', 'running', 'stopping', 'ended')),
    memory_mb integer NOT NULL,
    cpu_percent integer NOT NULL,
    pids integer NOT NULL,
    session_seconds integer NOT NULL,
    idle_seconds integer NOT NULL,
    display_width integer NOT NULL,
    display_height integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    ended_at timestamptz,
    expires_at timestamptz,
    idle_expires_at timestamptz,
    stop_requested text,
    stop_reason text,
    stop_detail text NOT NULL DEFAULT '' CHECK (octet_length(stop_detail) <= 255),
    cpu_us bigint,
    peak_memory_bytes bigint,
    layers jsonb NOT NULL,
    idempotency_key text CHECK (idempotency_key COLLATE "C" ~ '^[ -~]{1,64}$'),
    CHECK ((state = 'ended') = (ended_at IS NOT NULL)),
    CHECK (state <> 'ended' OR stop_reason IS NOT NULL)
);
CREATE INDEX sandboxes_account ON sandboxes (account_id, id DESC);
CREATE INDEX sandboxes_active ON sandboxes (node) WHERE state <> 'ended';
CREATE UNIQUE INDEX sandboxes_idempotency ON sandboxes (account_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- Outcomes: inserted, existed (the key's sandbox), over_per_user, over_per_node, no_account, account_disabled. The locks are always taken in the
-- order account, node; counting under them is what makes the limits hold when many ask at once.
CREATE FUNCTION sandbox_insert(
    new_id uuid, account uuid, new_template text, new_node text, new_memory_mb integer, new_cpu_percent integer,
    new_pids integer, new_session_seconds integer, new_idle_seconds integer, new_display_width integer,
    new_display_height integer, new_layers jsonb, new_key text, maximum_per_user integer, maximum_per_node integer)
RETURNS TABLE (outcome text, sandbox_id uuid) LANGUAGE plpgsql AS $$
DECLARE
    owner accounts;
    existing uuid;
BEGIN
    SELECT a.* INTO owner FROM accounts a WHERE a.id = account FOR UPDATE;
    IF owner.id IS NULL OR owner.disabled_at IS NOT NULL THEN
        RETURN QUERY SELECT CASE WHEN owner.id IS NULL THEN 'no_account' ELSE 'account_disabled' END, NULL::uuid;
        RETURN;
    END IF;
    IF new_key IS NOT NULL THEN
        UPDATE sandboxes s SET idempotency_key = NULL WHERE s.account_id = account AND s.idempotency_key = new_key
            AND s.created_at < now() - interval '24 hours';
        SELECT s.id INTO existing FROM sandboxes s WHERE s.account_id = account AND s.idempotency_key = new_key;
        IF existing IS NOT NULL THEN
            RETURN QUERY SELECT 'existed', existing;
            RETURN;
        END IF;
    END IF;
    IF (SELECT count(*) FROM sandboxes s WHERE s.account_id = account AND s.state <> 'ended')
        >= coalesce(owner.sandbox_limit, maximum_per_user) THEN
        RETURN QUERY SELECT 'over_per_user', NULL::uuid;
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('sandboxes of node ' || new_node, 0));
    IF (SELECT count(*) FROM sandboxes s WHERE s.node = new_node AND s.state <> 'ended') >= maximum_per_node THEN
        RETURN QUERY SELECT 'over_per_node', NULL::uuid;
        RETURN;
    END IF;
    INSERT INTO sandboxes (id, account_id, template, node, memory_mb, cpu_percent, pids, session_seconds, idle_seconds,
                           display_width, display_height, layers, idempotency_key)
        VALUES (new_id, account, new_template, new_node, new_memory_mb, new_cpu_percent, new_pids, new_session_seconds,
                new_idle_seconds, new_display_width, new_display_height, new_layers, new_key);
    RETURN QUERY SELECT 'inserted', new_id;
END $$;
