#pragma once
// The archive inside a backup: manifest, dump, homes, in that order and nothing else.

#include "backup/archive_read.h"
#include "backup/extract.h"

// Reads the archive from a descriptor to the descriptor's end. The dump goes to `dump` (-1: nowhere), the manifest to ret_manifest, homes to
// `extract`. 0, -EPROTO with extract->problem, or -errno.
int archive_members_read(int fd, struct extract *extract, int dump, char ret_manifest[static MANIFEST_MAX]);
