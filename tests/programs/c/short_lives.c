/* Blocks that live shortly and blocks that live long, with a threshold of one second between them. */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "sites.h"

enum { MANY = 20000, FEW = 50, GROWN = 40 };

SITE(short_lived)
APART static void *short_lived(size_t size) { return born(&at_short_lived, malloc(size), size); }

SITE(long_lived)
APART static void *long_lived(size_t size) { return born(&at_long_lived, malloc(size), size); }

SITE(leaked_young)
APART static void *leaked_young(size_t size) { return born(&at_leaked_young, malloc(size), size); }

SITE(handed_over)
APART static void *handed_over(size_t size) { return born(&at_handed_over, malloc(size), size); }

SITE(grown)
APART static void *grown(void *old, size_t from, size_t size) {
    if (old != NULL)
        dies(&at_grown, from);
    return born(&at_grown, realloc(old, size), size);
}

SITE(grown_and_kept)
APART static void *grown_and_kept(void *old, size_t from, size_t size) {
    if (old != NULL)
        dies(&at_grown_and_kept, from);
    return born(&at_grown_and_kept, realloc(old, size), size);
}

static void *kept[FEW], *leaked[FEW];

APART static void *free_all(void *blocks) {
    for (int i = 0; i < FEW; i++)
        release(&at_handed_over, ((void **)blocks)[i], 300);
    return NULL;
}

int main(void) {
    void *handed[FEW];
    pthread_t thread;
    for (int i = 0; i < FEW; i++)
        kept[i] = long_lived(100 + i);
    for (int i = 0; i < MANY; i++)
        release(&at_short_lived, short_lived(24 + i % 500), 24 + i % 500);
    for (int i = 0; i < FEW; i++)
        handed[i] = handed_over(300);
    pthread_create(&thread, NULL, free_all, handed);
    pthread_join(thread, NULL);

    void *block = NULL, *kept_block = NULL;
    size_t size = 0;
    for (size_t next = 16; next < GROWN * 1000; size = next, next += 1000) {
        block = grown(block, size, next);
        kept_block = grown_and_kept(kept_block, size, next);
    }
    release(&at_grown, block, size);

    struct timespec rest = {1, 500000000};
    nanosleep(&rest, NULL);
    for (int i = 0; i < FEW; i++)
        release(&at_long_lived, kept[i], 100 + i);
    release(&at_grown_and_kept, kept_block, size);
    for (int i = 0; i < FEW; i++)
        leaked[i] = leaked_young(64);
    say_sites();
    return leaked[0] == NULL;
}
