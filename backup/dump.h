#pragma once
// PostgreSQL's own programs, which find the database by the environment: a password never stands on a command line.

// Dumps what the snapshot sees (store/snapshot.h) to a descriptor of a regular file, in PostgreSQL's custom format and uncompressed. Sign-ins are left
// out: nobody's session outlives a restore, and their digests need not lie in a backup. 0, -ENOENT when pg_dump is not installed, -EIO when
// it failed, which it has said on stderr.
int dump_make(const char *url, const char *snapshot, int out);
// Has pg_restore read all of the dump and make SQL of it, which goes nowhere. As dump_make.
int dump_check(int dump);
// Puts it into the database in one transaction. As dump_make.
int dump_restore(const char *url, int dump);
