-- A sign-in is a family of refresh tokens. Used tokens are kept until they expire: one that comes again is how a theft shows.
CREATE TABLE sign_ins (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    end_reason text CHECK (end_reason IN ('logout', 'reuse', 'password', 'account_disabled')),
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);
CREATE INDEX sign_ins_account ON sign_ins (account_id) WHERE ended_at IS NULL;

CREATE TABLE refresh_tokens (
    digest bytea PRIMARY KEY CHECK (octet_length(digest) = 32),
    sign_in_id uuid NOT NULL REFERENCES sign_ins ON DELETE CASCADE,
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE INDEX refresh_tokens_sign_in ON refresh_tokens (sign_in_id);
CREATE INDEX refresh_tokens_expiry ON refresh_tokens (expires_at);

-- Outcomes: rotated, repeated (an honest double submit: the successor is the one made before), unknown, expired, ended, reused (the family
-- is revoked by this very call). The row of the sign-in is the lock: rotations of one family come one after the other.
CREATE FUNCTION sign_in_rotate(old_digest bytea, successor_digest bytea, seconds bigint, grace_seconds bigint)
RETURNS TABLE (outcome text, sign_in_id uuid, account_id uuid) LANGUAGE plpgsql AS $$
DECLARE
    family sign_ins;
    token refresh_tokens;
    moment timestamptz;
BEGIN
    SELECT s.* INTO family FROM sign_ins s
        WHERE s.id = (SELECT t.sign_in_id FROM refresh_tokens t WHERE t.digest = old_digest) FOR UPDATE;
    SELECT t.* INTO token FROM refresh_tokens t WHERE t.digest = old_digest;
    IF family.id IS NULL OR token.digest IS NULL THEN
        RETURN QUERY SELECT 'unknown', NULL::uuid, NULL::uuid;
        RETURN;
    END IF;
    -- Not now(): that is when this transaction began, maybe before the one that held the lock.
    moment := clock_timestamp();
    IF family.ended_at IS NOT NULL
        OR EXISTS (SELECT FROM accounts a WHERE a.id = family.account_id AND a.disabled_at IS NOT NULL) THEN
        outcome := 'ended';
    ELSIF token.used_at IS NULL AND token.expires_at <= moment THEN
        outcome := 'expired';
    ELSIF token.used_at IS NULL THEN
        UPDATE refresh_tokens t SET used_at = moment WHERE t.digest = old_digest;
        INSERT INTO refresh_tokens (digest, sign_in_id, expires_at)
            VALUES (successor_digest, family.id, moment + seconds * interval '1 second');
        outcome := 'rotated';
    ELSIF token.used_at > moment - grace_seconds * interval '1 second'
        AND EXISTS (SELECT FROM refresh_tokens t WHERE t.digest = successor_digest
                    AND t.sign_in_id = family.id AND t.used_at IS NULL) THEN
        outcome := 'repeated';
    ELSE
        UPDATE sign_ins s SET ended_at = moment, end_reason = 'reuse' WHERE s.id = family.id;
        outcome := 'reused';
    END IF;
    RETURN QUERY SELECT outcome, family.id, family.account_id;
END $$;

CREATE FUNCTION account_set_password(account uuid, new_hash text) RETURNS SETOF boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE accounts SET password_hash = new_hash WHERE id = account;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    UPDATE sign_ins SET ended_at = now(), end_reason = 'password' WHERE account_id = account AND ended_at IS NULL;
    RETURN NEXT true;
END $$;
