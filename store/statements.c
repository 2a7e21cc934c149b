#include "store/statements.h"

#define MICROSECONDS(column) "(extract(epoch FROM " column ") * 1000000)::bigint"
#define AT_MICROSECONDS(parameter) "timestamptz 'epoch' + " parameter "::bigint * interval '1 microsecond'"

// In the order that account.c reads them.
#define ACCOUNT_COLUMNS                                                                                      \
    "a.id, a.number, a.username, a.role, a.sandbox_limit, " MICROSECONDS("a.created_at") ", " MICROSECONDS(  \
        "a.disabled_at")

// In the order that sandbox.c reads them.
// clang-format off
#define SANDBOX_COLUMNS \
    "s.id, s.account_id, s.template, s.node, s.state, s.memory_mb, s.cpu_percent, s.pids, " \
    "s.session_seconds, s.idle_seconds, s.display_width, s.display_height, " \
    MICROSECONDS("s.created_at") ", " MICROSECONDS("s.started_at") ", " MICROSECONDS("s.ended_at") ", " \
    MICROSECONDS("s.expires_at") ", " MICROSECONDS("s.idle_expires_at") ", " \
    "s.stop_requested, s.stop_reason, s.stop_detail, s.cpu_us, s.peak_memory_bytes, s.network_in_bytes, " \
    "s.network_out_bytes, s.network_allowed, s.network_refused, s.processes, s.refused_processes, s.written_bytes, " \
    "s.layers, s.network, s.start_kind, s.policy"
// clang-format on

// In the order that share.c reads them.
#define SHARE_COLUMNS                                                                                        \
    "h.id, h.sandbox_id, s.account_id, h.access, h.label, s.node, " MICROSECONDS(                            \
        "h.created_at") ", " MICROSECONDS("h.expires_at")
#define GOOD_SHARES                                                                                          \
    " FROM shares h JOIN sandboxes s ON s.id = h.sandbox_id JOIN accounts a ON a.id = s.account_id"          \
    " WHERE h.expires_at > now() AND s.state = 'running' AND a.disabled_at IS NULL"

// clang-format off
static const struct statement_entry table[SQL_COUNT] = {
    // Reads a table of ours: a database without the schema is not ready either.
    [SQL_PING] = {"ping", "SELECT version FROM schema_migrations LIMIT 1"},

    [SQL_PRUNE_REFRESH_TOKENS] = {"prune_refresh_tokens",
        "DELETE FROM refresh_tokens WHERE expires_at < now()"},
    [SQL_PRUNE_SIGN_INS] = {"prune_sign_ins",
        "DELETE FROM sign_ins s WHERE NOT EXISTS (SELECT FROM refresh_tokens t WHERE t.sign_in_id = s.id)"},
    [SQL_PRUNE_IDEMPOTENCY_KEYS] = {"prune_idempotency_keys",
        "UPDATE sandboxes SET idempotency_key = NULL"
        " WHERE idempotency_key IS NOT NULL AND created_at < now() - interval '24 hours'"},

    [SQL_MIGRATIONS_EXIST] = {"migrations_exist",
        "SELECT to_regclass('schema_migrations') IS NOT NULL"},
    [SQL_MIGRATION_LIST] = {"migration_list",
        "SELECT version, name, checksum FROM schema_migrations ORDER BY version"},
    [SQL_MIGRATION_RECORD] = {"migration_record",
        "INSERT INTO schema_migrations (version, name, checksum) VALUES ($1::integer, $2, $3)"},

    [SQL_ACCOUNT_INSERT] = {"account_insert",
        "INSERT INTO accounts AS a (id, username, role, password_hash) VALUES ($1::uuid, $2, $3, $4)"
        " RETURNING " ACCOUNT_COLUMNS},
    [SQL_ACCOUNT_BY_NAME] = {"account_by_name",
        "SELECT " ACCOUNT_COLUMNS ", a.password_hash FROM accounts a"
        " WHERE lower(a.username COLLATE \"C\") = lower($1 COLLATE \"C\")"},
    [SQL_ACCOUNT_BY_ID] = {"account_by_id",
        "SELECT " ACCOUNT_COLUMNS " FROM accounts a WHERE a.id = $1::uuid"},
    [SQL_ACCOUNT_LIST] = {"account_list",
        "SELECT " ACCOUNT_COLUMNS " FROM accounts a ORDER BY a.number"},
    [SQL_ACCOUNT_SET_PASSWORD] = {"account_set_password",
        "SELECT account_set_password($1::uuid, $2)"},
    [SQL_ACCOUNT_DISABLE] = {"account_disable",
        "SELECT account_disable($1::uuid)"},
    [SQL_ACCOUNT_ENABLE] = {"account_enable",
        "UPDATE accounts SET disabled_at = NULL WHERE id = $1::uuid RETURNING true"},

    // FOR SHARE waits for an operator who is disabling the account or setting its password, and then sees it.
    [SQL_SIGN_IN_INSERT] = {"sign_in_insert",
        "WITH account AS (SELECT id, disabled_at IS NULL AND password_hash = $5 AS enabled"
        "  FROM accounts WHERE id = $2::uuid FOR SHARE),"
        " family AS (INSERT INTO sign_ins (id, account_id) SELECT $1::uuid, id FROM account WHERE enabled RETURNING id),"
        " token AS (INSERT INTO refresh_tokens (digest, sign_in_id, expires_at)"
        "  SELECT $3::bytea, id, now() + $4::bigint * interval '1 second' FROM family)"
        " SELECT enabled FROM account"},
    [SQL_SIGN_IN_ROTATE] = {"sign_in_rotate",
        "SELECT r.outcome, r.sign_in_id, " ACCOUNT_COLUMNS
        " FROM sign_in_rotate($1::bytea, $2::bytea, $3::bigint, $4::bigint) r"
        " LEFT JOIN accounts a ON a.id = r.account_id"},
    [SQL_SIGN_IN_CHECK] = {"sign_in_check",
        "SELECT s.ended_at IS NULL AND a.disabled_at IS NULL, " ACCOUNT_COLUMNS
        " FROM sign_ins s JOIN accounts a ON a.id = s.account_id WHERE s.id = $1::uuid"},
    [SQL_SIGN_IN_END] = {"sign_in_end",
        "UPDATE sign_ins s SET ended_at = now(), end_reason = 'logout' FROM refresh_tokens t"
        " WHERE t.sign_in_id = s.id AND t.digest = $1::bytea AND s.ended_at IS NULL"},

    [SQL_SANDBOX_INSERT] = {"sandbox_insert",
        "SELECT outcome, sandbox_id FROM sandbox_insert($1::uuid, $2::uuid, $3, $4, $5::integer, $6::integer,"
        " $7::integer, $8::integer, $9::integer, $10::integer, $11::integer, $12::jsonb, $13, $14::integer, $15::integer, $16::jsonb,"
        " $17::jsonb)"},
    [SQL_SANDBOX_GET] = {"sandbox_get",
        "SELECT " SANDBOX_COLUMNS " FROM sandboxes s"
        " WHERE s.id = $1::uuid AND ($2::uuid IS NULL OR s.account_id = $2::uuid)"},
    [SQL_SANDBOX_STARTED] = {"sandbox_started",
        "UPDATE sandboxes SET state = 'running', started_at = now(), start_kind = $2,"
        " expires_at = now() + session_seconds * interval '1 second',"
        " idle_expires_at = now() + idle_seconds * interval '1 second'"
        " WHERE id = $1::uuid AND state = 'starting'"},
    [SQL_SANDBOX_STOPPING] = {"sandbox_stopping",
        "UPDATE sandboxes SET state = 'stopping', stop_reason = $2"
        " WHERE id = $1::uuid AND state IN ('starting', 'running')"},
    // The reason of a stop that was begun holds: that a sandbox crashed while it was being stopped is nobody's news.
    [SQL_SANDBOX_ENDED] = {"sandbox_ended",
        "UPDATE sandboxes SET state = 'ended', ended_at = now(), idle_expires_at = NULL,"
        " stop_reason = coalesce(stop_reason, $2), stop_detail = $3,"
        " cpu_us = $4::bigint, peak_memory_bytes = $5::bigint, network_in_bytes = $6::bigint,"
        " network_out_bytes = $7::bigint, network_allowed = $8::bigint, network_refused = $9::bigint,"
        " processes = $10::bigint, refused_processes = $11::bigint, written_bytes = $12::bigint"
        " WHERE id = $1::uuid AND state <> 'ended'"},
    [SQL_SANDBOX_ACTIVE_AT] = {"sandbox_active_at",
        "UPDATE sandboxes SET idle_expires_at ="
        " greatest(idle_expires_at, " AT_MICROSECONDS("$2") " + idle_seconds * interval '1 second')"
        " WHERE id = $1::uuid AND state = 'running' RETURNING true"},
    [SQL_SANDBOX_MOVED] = {"sandbox_moved",
        "UPDATE sandboxes SET expires_at = " AT_MICROSECONDS("$2") ", idle_expires_at = " AT_MICROSECONDS("$3")
        " WHERE id = $1::uuid AND state = 'running'"},
    [SQL_SANDBOX_CHANGED] = {"sandbox_changed",
        "UPDATE sandboxes SET memory_mb = $2::integer, cpu_percent = $3::integer, pids = $4::integer, network = $5::jsonb"
        " WHERE id = $1::uuid AND state <> 'ended'"},
    [SQL_SANDBOX_LIST] = {"sandbox_list",
        "SELECT " SANDBOX_COLUMNS " FROM sandboxes s"
        " WHERE ($1::uuid IS NULL OR s.account_id = $1::uuid) AND ($2::text IS NULL OR s.node = $2)"
        " AND ($3::boolean IS NULL OR (s.state <> 'ended') = $3::boolean)"
        " AND ($4::uuid IS NULL OR s.id < $4::uuid) ORDER BY s.id DESC LIMIT $5::integer"},
    [SQL_SANDBOX_LIST_ACTIVE] = {"sandbox_list_active",
        "SELECT " SANDBOX_COLUMNS " FROM sandboxes s WHERE s.node = $1 AND s.state <> 'ended' ORDER BY s.id DESC"},
    [SQL_SANDBOX_REQUEST_STOP] = {"sandbox_request_stop",
        "UPDATE sandboxes SET stop_requested = coalesce(stop_requested, $2) WHERE id = $1::uuid AND state <> 'ended'"
        " RETURNING pg_notify('sandbox_server', 'stop ' || id)"},
    [SQL_NODE_NOTIFY] = {"node_notify",
        "SELECT pg_notify('sandbox_server', $1::text || ' ' || $2::text)"},

    [SQL_PRUNE_SHARES] = {"prune_shares",
        "DELETE FROM shares h USING sandboxes s WHERE s.id = h.sandbox_id AND (h.expires_at < now() OR s.state = 'ended')"},
    // Ids are ordered by time (UUIDv7), and nothing ends before it began: the primary key finds the old ones.
    [SQL_PRUNE_SANDBOXES] = {"prune_sandboxes",
        "DELETE FROM sandboxes WHERE id IN (SELECT id FROM sandboxes"
        " WHERE id < (lpad(to_hex((extract(epoch FROM now() - make_interval(days => $1::int)) * 1000)::bigint), 12, '0')"
        " || repeat('0', 20))::uuid"
        " AND state = 'ended' AND ended_at < now() - make_interval(days => $1::int) ORDER BY id LIMIT $2::int)"},
    [SQL_SHARE_INSERT] = {"share_insert",
        "SELECT share_insert($1::uuid, $2::uuid, $3::uuid, $4::bytea, $5, $6, $7::bigint, $8::bigint)"},
    [SQL_SHARE_LIST] = {"share_list",
        "SELECT " SHARE_COLUMNS GOOD_SHARES " AND h.sandbox_id = $1::uuid AND s.account_id = $2::uuid ORDER BY h.id"},
    [SQL_SHARE_BY_ID] = {"share_by_id",
        "SELECT " SHARE_COLUMNS GOOD_SHARES " AND h.id = $1::uuid"},
    [SQL_SHARE_BY_TOKEN] = {"share_by_token",
        "SELECT " SHARE_COLUMNS GOOD_SHARES " AND h.digest = $1::bytea"},
    [SQL_SHARE_SET_ACCESS] = {"share_set_access",
        "UPDATE shares h SET access = $4 FROM sandboxes s WHERE h.id = $1::uuid AND h.sandbox_id = $2::uuid"
        " AND s.id = h.sandbox_id AND s.account_id = $3::uuid AND h.expires_at > now()"
        " RETURNING pg_notify('sandbox_server', 'share ' || h.id)"},
    [SQL_SHARE_REVOKE] = {"share_revoke",
        "DELETE FROM shares h USING sandboxes s WHERE h.id = $1::uuid AND h.sandbox_id = $2::uuid"
        " AND s.id = h.sandbox_id AND s.account_id = $3::uuid"
        " RETURNING pg_notify('sandbox_server', 'share ' || h.id)"},
    [SQL_CHANGE_ASK] = {"change_ask",
        "WITH asked AS (INSERT INTO sandbox_changes (id, sandbox_id, wish)"
        "  SELECT $1::uuid, s.id, $3::jsonb FROM sandboxes s WHERE s.id = $2::uuid AND s.state = 'running' RETURNING sandbox_id)"
        " SELECT pg_notify('sandbox_server', 'change ' || sandbox_id) FROM asked"},
    [SQL_CHANGE_NEXT] = {"change_next",
        "SELECT c.id, c.sandbox_id, c.wish FROM sandbox_changes c JOIN sandboxes s ON s.id = c.sandbox_id"
        " WHERE c.answered_at IS NULL AND s.node = $1 AND c.asked_at > now() - $2::bigint * interval '1 second'"
        " ORDER BY c.asked_at, c.id LIMIT 1"},
    [SQL_CHANGE_ANSWER] = {"change_answer",
        "UPDATE sandbox_changes SET answered_at = now(), problem = $2 WHERE id = $1::uuid"
        " RETURNING pg_notify('sandbox_server', 'changed ' || id)"},
    [SQL_CHANGE_TAKE] = {"change_take",
        "DELETE FROM sandbox_changes WHERE id = $1::uuid RETURNING answered_at IS NOT NULL, problem"},
    [SQL_PRUNE_CHANGES] = {"prune_changes",
        "DELETE FROM sandbox_changes WHERE asked_at < now() - interval '1 hour'"},
    [SQL_SANDBOX_RECORD_UNKNOWN] = {"sandbox_record_unknown",
        "INSERT INTO sandboxes (id, account_id, template, node, state, memory_mb, cpu_percent, pids, session_seconds,"
        " idle_seconds, display_width, display_height, ended_at, stop_reason, stop_detail, layers)"
        " SELECT $1::uuid, a.id, $4, $3, 'ended', $5::integer, $6::integer, $7::integer, 0, 0, 0, 0, now(), 'node_restart',"
        " 'It ran without a row, as after a restore.', $8::jsonb FROM accounts a WHERE a.id = $2::uuid"
        " ON CONFLICT (id) DO NOTHING"},

    [SQL_SNAPSHOT_EXPORT] = {"snapshot_export",
        "SELECT pg_export_snapshot(), current_setting('server_version'), (SELECT count(*) FROM schema_migrations)"},
    [SQL_SNAPSHOT_ACCOUNTS] = {"snapshot_accounts", "SELECT id, number FROM accounts ORDER BY number"},
    [SQL_BACKUP_RECORD] = {"backup_record",
        "WITH old AS (DELETE FROM backups WHERE finished_at < now() - interval '1 year')"
        " INSERT INTO backups (node, name, bytes) VALUES ($1, $2, $3::bigint)"},
    [SQL_BACKUP_LAST] = {"backup_last",
        "SELECT " MICROSECONDS("max(finished_at)") " FROM backups WHERE $1::text IS NULL OR node = $1"},
    [SQL_TABLES_EXIST] = {"tables_exist",
        "SELECT EXISTS (SELECT FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm'))"},
    [SQL_ACCOUNTS_UNUSED] = {"accounts_unused",
        "SELECT (SELECT count(*) FROM accounts) <= 1 AND NOT EXISTS (SELECT FROM accounts WHERE role <> 'admin')"
        " AND NOT EXISTS (SELECT FROM sign_ins) AND NOT EXISTS (SELECT FROM sandboxes)"},
    [SQL_RESTORED] = {"restored",
        "WITH ended AS (UPDATE sandboxes SET state = 'ended', ended_at = now(), idle_expires_at = NULL,"
        "  stop_reason = coalesce(stop_reason, 'node_restart'), stop_detail = 'It ran when the backup was made that was restored.'"
        "  WHERE state <> 'ended' RETURNING id),"
        " told AS (SELECT pg_notify('sandbox_server', 'restored 00000000-0000-0000-0000-000000000000'))"
        " SELECT (SELECT count(*) FROM ended) FROM told"},
};
// clang-format on

const struct statement_entry *statement_entry(enum statement statement)
{
    return &table[statement];
}
