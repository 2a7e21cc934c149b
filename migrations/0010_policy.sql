-- What the sandbox's template permitted when it was made; it stays with the sandbox. NULL: made before there were policies.
ALTER TABLE sandboxes ADD COLUMN policy jsonb CHECK (octet_length(policy::text) <= 1024);

CREATE FUNCTION sandbox_insert(
    new_id uuid, account uuid, new_template text, new_node text, new_memory_mb integer, new_cpu_percent integer,
    new_pids integer, new_session_seconds integer, new_idle_seconds integer, new_display_width integer,
    new_display_height integer, new_layers jsonb, new_key text, maximum_per_user integer, maximum_per_node integer,
    new_network jsonb, new_policy jsonb)
RETURNS TABLE (outcome text, sandbox_id uuid) LANGUAGE plpgsql AS $$
BEGIN
    SELECT i.outcome, i.sandbox_id INTO outcome, sandbox_id
        FROM sandbox_insert(new_id, account, new_template, new_node, new_memory_mb, new_cpu_percent, new_pids,
                            new_session_seconds, new_idle_seconds, new_display_width, new_display_height, new_layers,
                            new_key, maximum_per_user, maximum_per_node, new_network) i;
    IF outcome = 'inserted' THEN
        UPDATE sandboxes s SET policy = new_policy WHERE s.id = new_id;
    END IF;
    RETURN NEXT;
END $$;
