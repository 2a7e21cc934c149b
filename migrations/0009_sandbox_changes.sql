-- Other limits or another network for a running sandbox, as an operator asked for them: what PATCH /api/sandboxes/{id} takes, without the values
-- of headers. The sandbox's node answers (problem NULL: it is done); who asked takes the row away.
CREATE TABLE sandbox_changes (
    id uuid PRIMARY KEY,
    sandbox_id uuid NOT NULL REFERENCES sandboxes ON DELETE CASCADE,
    wish jsonb NOT NULL CHECK (octet_length(wish::text) <= 8192),
    asked_at timestamptz NOT NULL DEFAULT now(),
    answered_at timestamptz,
    problem text CHECK (octet_length(problem) <= 400)
);
CREATE INDEX sandbox_changes_open ON sandbox_changes (asked_at) WHERE answered_at IS NULL;
