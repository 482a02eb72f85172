/* `all_at_random THREADS OPERATIONS`: threads call every function of the malloc family at random on blocks that they
 * share: what one made another moves, grows, shrinks or frees. */
#define _GNU_SOURCE
#include "sites.h"
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#define SLOTS 1000
#define LIMIT 6000

struct slot {
    pthread_mutex_t lock;
    struct site *site;
    unsigned char *block;
    size_t size;
};

static struct slot slots[SLOTS];
static long operations;
static int spoilt;
static volatile size_t too_much = PTRDIFF_MAX;

SITE(by_malloc)
APART static void *by_malloc(size_t size) { return born(&at_by_malloc, malloc(size), size); }

SITE(by_calloc)
APART static void *by_calloc(size_t size) { return born(&at_by_calloc, calloc(1 + size % 3, size), (1 + size % 3) * size); }

SITE(by_memalign)
APART static void *by_memalign(size_t size) { return born(&at_by_memalign, memalign(64, size), size); }

SITE(by_aligned_alloc)
APART static void *by_aligned_alloc(size_t size) { return born(&at_by_aligned_alloc, aligned_alloc(256, size), size); }

SITE(by_posix_memalign)
APART static void *by_posix_memalign(size_t size) {
    void *block = NULL;
    return posix_memalign(&block, 128, size) == 0 ? born(&at_by_posix_memalign, block, size) : NULL;
}

SITE(by_valloc)
APART static void *by_valloc(size_t size) { return born(&at_by_valloc, valloc(size), size); }

SITE(by_realloc)
APART static void *by_realloc(struct slot *slot, size_t size) {
    void *new = born(&at_by_realloc, realloc(slot->block, size), size);
    if (slot->block != NULL && (new != NULL || size == 0)) dies(slot->site, slot->size);
    return new;
}

SITE(by_reallocarray)
APART static void *by_reallocarray(struct slot *slot, size_t size) {
    void *new = born(&at_by_reallocarray, reallocarray(slot->block, 3, size), 3 * size);
    if (slot->block != NULL && (new != NULL || size == 0)) dies(slot->site, slot->size);
    return new;
}

static void check(const struct slot *slot) {
    if (slot->size > 0 && (slot->block[0] != (unsigned char)slot->size || slot->block[slot->size - 1] != slot->block[0]))
        __atomic_fetch_add(&spoilt, 1, __ATOMIC_RELAXED);
}

static void put(struct slot *slot, struct site *site, void *block, size_t size) {
    *slot = (struct slot){.lock = slot->lock, .site = site, .block = block, .size = size};
    if (size == 0) return;
    slot->block[0] = (unsigned char)size;
    slot->block[size - 1] = (unsigned char)size;
}

static void empty(struct slot *slot) {
    if (slot->block == NULL) return;
    check(slot);
    release(slot->site, slot->block, slot->size);
    put(slot, NULL, NULL, 0);
}

static void make(struct slot *slot, unsigned how, size_t size) {
    empty(slot);
    switch (how) {
        case 0: put(slot, &at_by_malloc, by_malloc(size), size); break;
        case 1: put(slot, &at_by_calloc, by_calloc(size), (1 + size % 3) * size); break;
        case 2: put(slot, &at_by_memalign, by_memalign(size), size); break;
        case 3: put(slot, &at_by_aligned_alloc, by_aligned_alloc(size), size); break;
        case 4: put(slot, &at_by_posix_memalign, by_posix_memalign(size), size); break;
        default: put(slot, &at_by_valloc, by_valloc(size), size);
    }
}

/* The one that fails leaves everything as it is. */
static void change(struct slot *slot, unsigned how, size_t size) {
    if (slot->block != NULL) check(slot);
    switch (how) {
        case 0:
            if (by_realloc(slot, too_much) != NULL || by_reallocarray(slot, too_much) != NULL) abort();
            break;
        case 1: put(slot, &at_by_reallocarray, by_reallocarray(slot, size + 1), 3 * (size + 1)); break;
        case 2:
            if (slot->block != NULL && by_realloc(slot, 0) == NULL) put(slot, NULL, NULL, 0);
            break;
        default: put(slot, &at_by_realloc, by_realloc(slot, size + 1), size + 1);
    }
}

static void *work(void *number) {
    uint64_t random = 88172645463325252ull + (uint64_t)(size_t)number;
    for (long i = 0; i < operations; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        struct slot *slot = &slots[random % SLOTS];
        size_t size = (random >> 20) % LIMIT >> (random >> 40) % 8;
        pthread_mutex_lock(&slot->lock);
        switch ((random >> 50) % 3) {
            case 0: make(slot, (unsigned)(random >> 52) % 8, size); break;
            case 1: change(slot, (unsigned)(random >> 52) % 8, size); break;
            default: empty(slot);
        }
        pthread_mutex_unlock(&slot->lock);
    }
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t threads[64];
    int count = argc > 1 ? atoi(argv[1]) : 1;
    operations = argc > 2 ? atol(argv[2]) : 100000;
    for (int i = 0; i < SLOTS; i++) pthread_mutex_init(&slots[i].lock, NULL);
    for (long i = 0; i < count && i < 64; i++)
        if (pthread_create(&threads[i], NULL, work, (void *)i) != 0) return 1;
    for (int i = 0; i < count && i < 64; i++) pthread_join(threads[i], NULL);
    say_sites();
    return spoilt != 0;
}
