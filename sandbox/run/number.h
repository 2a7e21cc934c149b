#pragma once
// The numbers of the command line. -EINVAL when the text is no such number or out of range.

#include <stdint.h>

int number_parse(const char *text, uint32_t least, uint32_t most, uint32_t *ret_number);
int number_parse_size(const char *text, uint64_t *ret_bytes);  // 4096, 64K, 256M, 2G
int number_parse_duration(const char *text, uint64_t *ret_ns); // 30, 0.5, 2m, 1h
