#include "server/limiter.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "server/clock.h"
#include "server/limits.h"

#define MICRO 1000000ll
#define WAYS                                                                                                 \
    8 // entries that one key may stand in: the table is set-associative, so that every look-up is short

struct entry {
    uint64_t key;
    int64_t last_us; // 0: free
    struct bucket bucket;
};

struct limiter {
    struct bucket_rate rate;
    unsigned char secret[crypto_shorthash_KEYBYTES]; // outsiders can't aim at one set
    struct entry entries[LIMITER_ENTRIES];
};

static int64_t refilled(const struct bucket *bucket, const struct bucket_rate *rate, int64_t now_us)
{
    if (!bucket->at_us)
        return 0;
    int64_t elapsed = now_us - bucket->at_us;
    // The time that fills an empty bucket: a longer one needs no arithmetic, and could overflow it.
    if (elapsed > rate->burst * 60 * SECOND_US / rate->per_minute)
        return 0;
    int64_t used = bucket->used_us - elapsed * rate->per_minute / 60;
    return used > 0 ? used : 0;
}

bool bucket_take(struct bucket *bucket, const struct bucket_rate *rate, uint32_t amount, int64_t now_us)
{
    int64_t used = refilled(bucket, rate, now_us);
    bool fits = used + amount * MICRO <= rate->burst * MICRO;
    bucket->used_us = used + (fits ? amount * MICRO : 0);
    bucket->at_us = now_us;
    return fits;
}

void bucket_refund(struct bucket *bucket, uint32_t amount)
{
    int64_t used = bucket->used_us - amount * MICRO;
    bucket->used_us = used > 0 ? used : 0;
}

int64_t bucket_wait_us(const struct bucket *bucket, const struct bucket_rate *rate, uint32_t amount,
                       int64_t now_us)
{
    int64_t excess = refilled(bucket, rate, now_us) + amount * MICRO - rate->burst * MICRO;
    return excess > 0 ? excess * 60 / rate->per_minute : 0;
}

struct limiter *limiter_new(struct bucket_rate rate)
{
    struct limiter *limiter = calloc(1, sizeof(*limiter));
    if (!limiter)
        return NULL;
    limiter->rate = rate;
    crypto_shorthash_keygen(limiter->secret);
    return limiter;
}

void limiter_free(struct limiter *limiter)
{
    free(limiter);
}

static uint64_t hash_key(const struct limiter *limiter, const char *key)
{
    unsigned char hash[crypto_shorthash_BYTES];
    crypto_shorthash(hash, (const unsigned char *)key, strlen(key), limiter->secret);
    uint64_t number;
    memcpy(&number, hash, sizeof(number));
    return number;
}

static struct entry *find(struct limiter *limiter, uint64_t key, struct entry **ret_oldest)
{
    struct entry *set = &limiter->entries[key % (LIMITER_ENTRIES / WAYS) * WAYS];
    *ret_oldest = set;
    for (struct entry *entry = set; entry < set + WAYS; entry++) {
        if (entry->last_us && entry->key == key)
            return entry;
        if (entry->last_us < (*ret_oldest)->last_us)
            *ret_oldest = entry;
    }
    return NULL;
}

unsigned limiter_take(struct limiter *limiter, const char *key, int64_t now_us)
{
    uint64_t hash = hash_key(limiter, key);
    struct entry *oldest;
    struct entry *entry = find(limiter, hash, &oldest);
    if (!entry) {
        entry = oldest;
        *entry = (struct entry){.key = hash};
    }
    entry->last_us = now_us;
    if (bucket_take(&entry->bucket, &limiter->rate, 1, now_us))
        return 0;
    return (unsigned)(bucket_wait_us(&entry->bucket, &limiter->rate, 1, now_us) / SECOND_US) + 1;
}

void limiter_refund(struct limiter *limiter, const char *key)
{
    struct entry *oldest;
    struct entry *entry = find(limiter, hash_key(limiter, key), &oldest);
    if (entry)
        bucket_refund(&entry->bucket, 1);
}
