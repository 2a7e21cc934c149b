#pragma once
// Token buckets: one on its own (a viewer's messages), and a bounded table of them by key (sign-ins by source and by username).

#include <stdbool.h>
#include <stdint.h>

struct bucket_rate {
    uint32_t per_minute;
    uint32_t burst;
};

// Zero-initialised: full at its first use.
struct bucket {
    int64_t used_us; // micro-tokens taken, after refilling up to `at_us`
    int64_t at_us;
};

// Takes `amount` (at most the burst) when that much is there. `now_us` is monotonic.
bool bucket_take(struct bucket *bucket, const struct bucket_rate *rate, uint32_t amount, int64_t now_us);
// Gives back what was taken in vain.
void bucket_refund(struct bucket *bucket, uint32_t amount);
// Microseconds until `amount` can be taken; 0: now.
int64_t bucket_wait_us(const struct bucket *bucket, const struct bucket_rate *rate, uint32_t amount,
                       int64_t now_us);

struct limiter;

// Remembers LIMITER_ENTRIES keys; the longest unused one makes room for a new one. NULL when memory is out.
struct limiter *limiter_new(struct bucket_rate rate);
void limiter_free(struct limiter *limiter);

// Takes one for this key. 0, or the seconds (1 or more) after which it is worth trying again.
unsigned limiter_take(struct limiter *limiter, const char *key, int64_t now_us);
void limiter_refund(struct limiter *limiter, const char *key);
