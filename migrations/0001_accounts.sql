-- Accounts. The number is the owner's host uid above SANDBOX_UID_BASE: it is never given twice, so that no account inherits another's files.
CREATE TABLE accounts (
    id uuid PRIMARY KEY,
    number integer GENERATED ALWAYS AS IDENTITY (MINVALUE 1 MAXVALUE 1048576 NO CYCLE) UNIQUE,
    username text NOT NULL CHECK (username COLLATE "C" ~ '^[A-Za-z0-9._@-]{1,64}$'),
    password_hash text NOT NULL CHECK (octet_length(password_hash) BETWEEN 1 AND 127),
    role text NOT NULL CHECK (role IN ('user', 'admin')),
    sandbox_limit integer CHECK (sandbox_limit BETWEEN 0 AND 1024),
    created_at timestamptz NOT NULL DEFAULT now(),
    disabled_at timestamptz
);
CREATE UNIQUE INDEX accounts_username ON accounts (lower(username COLLATE "C"));
