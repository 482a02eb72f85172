/* `handed_over BLOCKS`: two threads hand each other blocks through four places, and free what they are handed at once.
 *
 * What is freed so soon after it was made elsewhere is where a processor that runs ahead would stamp the end before the
 * beginning. */
#include "sites.h"
#include <pthread.h>
#include <stdatomic.h>

#define PLACES 4
#define SIZE 32

static struct {
    _Alignas(128) _Atomic(void *) block;
} places[PLACES];
static long blocks;

/* Counted at the end: a counter that both threads share would keep them apart. */
SITE(by_malloc)
APART static void *by_malloc(void) {
    void *block = malloc(SIZE);
    __asm__ volatile(""); /* No jump to malloc: the function stays on the stack. */
    return block;
}
APART static void release_at_once(void *block) { free(block); }

static void *work(void *number) {
    unsigned random = (unsigned)(size_t)number;
    for (long i = 0; i < blocks; i++) {
        random = random * 1664525 + 1013904223;
        release_at_once(atomic_exchange(&places[random >> 20 & (PLACES - 1)].block, by_malloc()));
    }
    return NULL;
}

int main(int argc, char **argv) {
    pthread_t other;
    blocks = argc > 1 ? atol(argv[1]) : 1000000;
    if (pthread_create(&other, NULL, work, (void *)1) != 0) return 1;
    work((void *)2);
    if (pthread_join(other, NULL) != 0) return 1;
    add(&at_by_malloc.allocated, 2 * (size_t)blocks);
    add(&at_by_malloc.bytes, 2 * (size_t)blocks * SIZE);
    for (int i = 0; i < PLACES; i++) release_at_once(places[i].block);
    add(&at_by_malloc.freed, at_by_malloc.allocated);
    add(&at_by_malloc.freed_bytes, at_by_malloc.bytes);
    say_sites();
    return 0;
}
