#pragma once
// The contents of a file on their way into an archive: its size at one moment, its data and holes, its user attributes.

#include <archive.h>
#include <archive_entry.h>
#include <stdbool.h>
#include <stdint.h>

#define FILE_DATA_EXTENTS_MAX 65536 // of a sparse file; holes behind that many are stored as zeros

struct file_data {
    int fd; // borrowed, open for reading
    // ret:
    uint64_t bytes;
    bool shrank;
};

// Writes the header and the contents. 0, -EIO when the archive can't be written, -ENOMEM.
int file_data_put(struct file_data *data, struct archive *archive, struct archive_entry *entry);
// The attributes in the namespace "user"; others are the kernel's or root's.
int file_data_attributes(int fd, struct archive_entry *entry);
int file_data_header(struct archive *archive, struct archive_entry *entry);
