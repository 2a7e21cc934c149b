#pragma once
// The key that backups are sealed with: 32 random bytes in a file that the operator keeps elsewhere too.

#include <stdint.h>

#define BACKUP_KEY_SIZE 32
#define BACKUP_KEY_ID_SIZE 16

struct backup_key {
    uint8_t bytes[BACKUP_KEY_SIZE];
    uint8_t id[BACKUP_KEY_ID_SIZE]; // a digest of it: tells which key a backup needs, and nothing about it
};

// Writes a new key as hexadecimal digits to a new file, mode 0600, and has it reach the disk. -EEXIST when the file is there: a
// key is never overwritten.
int backup_key_make(const char *path);
// -EPERM when others may read the file or it is neither root's nor the caller's, -EINVAL when it holds no key.
int backup_key_load(struct backup_key *ret_key, const char *path);
// From text, as the file holds it; wipes nothing of the text. -EINVAL.
int backup_key_parse(struct backup_key *ret_key, const char *text);
// Wipes it.
void backup_key_finish(struct backup_key *key);
