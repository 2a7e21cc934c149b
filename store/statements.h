#pragma once
// Every SQL statement that is run, in one table; private to store/.

enum statement {
    SQL_PING,
    SQL_PRUNE_REFRESH_TOKENS,
    SQL_PRUNE_SIGN_INS,
    SQL_PRUNE_IDEMPOTENCY_KEYS,
    SQL_MIGRATIONS_EXIST,
    SQL_MIGRATION_LIST,
    SQL_MIGRATION_RECORD,
    SQL_ACCOUNT_INSERT,
    SQL_ACCOUNT_BY_NAME,
    SQL_ACCOUNT_BY_ID,
    SQL_ACCOUNT_LIST,
    SQL_ACCOUNT_SET_PASSWORD,
    SQL_ACCOUNT_DISABLE,
    SQL_ACCOUNT_ENABLE,
    SQL_SIGN_IN_INSERT,
    SQL_SIGN_IN_ROTATE,
    SQL_SIGN_IN_CHECK,
    SQL_SIGN_IN_END,
    SQL_SANDBOX_INSERT,
    SQL_SANDBOX_GET,
    SQL_SANDBOX_STARTED,
    SQL_SANDBOX_STOPPING,
    SQL_SANDBOX_ENDED,
    SQL_SANDBOX_ACTIVE_AT,
    SQL_SANDBOX_CHANGED,
    SQL_SANDBOX_LIST,
    SQL_SANDBOX_LIST_ACTIVE,
    SQL_SANDBOX_REQUEST_STOP,
    SQL_PRUNE_SHARES,
    SQL_SHARE_INSERT,
    SQL_SHARE_LIST,
    SQL_SHARE_BY_ID,
    SQL_SHARE_BY_TOKEN,
    SQL_SHARE_SET_ACCESS,
    SQL_SHARE_REVOKE,
    SQL_COUNT,
};

struct statement_entry {
    const char *name; // of the prepared statement
    const char *sql;
};

const struct statement_entry *statement_entry(enum statement statement);
