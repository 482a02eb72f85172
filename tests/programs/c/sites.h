/* What a program did, call site by call site: a capture of it has to say the same.
 *
 * A site is a function of its own that calls an allocator; whoever calls that function is of no concern. The program
 * counts with `born` and `dies`, and says all of it with `say_sites`; only that allocates itself, outside of all sites. */
#pragma once
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct site {
    const char *name;
    unsigned long allocated, bytes, freed, freed_bytes;
    struct site *next;
};

static struct site *sites;

/* The counters of a function; before the function. */
#define SITE(function)                                                                             \
    static struct site at_##function = {#function, 0, 0, 0, 0, NULL};                              \
    __attribute__((constructor)) static void register_##function(void) {                           \
        at_##function.next = sites;                                                                \
        sites = &at_##function;                                                                    \
    }

/* A function with a frame and a name of its own. */
#define APART __attribute__((noinline, noclone, noipa))

static inline void add(unsigned long *counter, unsigned long amount) {
    __atomic_fetch_add(counter, amount, __ATOMIC_RELAXED);
}

/* The compiler can't see through it: no pair of malloc and free around it is optimised away. */
__attribute__((unused)) APART static void *born(struct site *site, void *block, size_t size) {
    if (block != NULL) {
        add(&site->allocated, 1);
        add(&site->bytes, size);
    }
    return block;
}

__attribute__((unused)) APART static void dies(struct site *site, size_t size) {
    add(&site->freed, 1);
    add(&site->freed_bytes, size);
}

/* Frees a block of a site. Counts afterwards, so that the call of free comes back to here. */
__attribute__((unused)) APART static void release(struct site *site, void *block, size_t size) {
    free(block);
    dies(site, size);
}

/* By a plain write: nothing else has to work, and nothing is allocated. */
__attribute__((unused)) static void say_sites(void) {
    char line[300];
    for (struct site *site = sites; site != NULL; site = site->next) {
        int length = snprintf(line, sizeof line, "site=%s allocated=%lu bytes=%lu leaked=%lu leaked_bytes=%lu\n",
                              site->name, site->allocated, site->bytes, site->allocated - site->freed,
                              site->bytes - site->freed_bytes);
        if (write(1, line, (size_t)length) != length) abort();
    }
}
