-- Locks the account first, as sandbox_insert does: a sandbox is either seen and asked to stop here, or refused there.
CREATE FUNCTION account_disable(account uuid) RETURNS SETOF boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE accounts SET disabled_at = coalesce(disabled_at, now()) WHERE id = account;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE sign_ins SET ended_at = now(), end_reason = 'account_disabled' WHERE account_id = account AND ended_at IS NULL;
    UPDATE sandboxes SET stop_requested = coalesce(stop_requested, 'account_disabled')
        WHERE account_id = account AND state <> 'ended';
    PERFORM pg_notify('sandbox_server', 'account_disabled ' || account);
    RETURN NEXT true;
END $$;
