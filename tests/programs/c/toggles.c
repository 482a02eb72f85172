/* Recording is stopped and started by SIGUSR1 and SIGUSR2, a hundred times each, while other threads allocate. */
#define _GNU_SOURCE
#include "sites.h"
#include <pthread.h>
#include <signal.h>

#define TOGGLES 100
#define BLOCKS 200

static int stop;

SITE(while_recording)
APART static void *while_recording(size_t size) { return born(&at_while_recording, malloc(size), size); }

/* Not counted: nobody sees it, if it is so. */
SITE(while_stopped)
APART static void *while_stopped(size_t size) { return malloc(size); }

/* No site: who knows when. */
APART static void *beside(size_t size) {
    char *block = malloc(size);
    block[0] = 1;
    return block;
}

static void *allocate_beside(void *unused) {
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) free(beside(64));
    return unused;
}

/* Without a profiler these signals would end us. */
static void ignore_unless_handled(int signal) {
    struct sigaction known;
    sigaction(signal, NULL, &known);
    if (known.sa_handler == SIG_DFL) {
        known.sa_handler = SIG_IGN;
        sigaction(signal, &known, NULL);
    }
}

int main(void) {
    static void *freed_while_stopped[BLOCKS];
    pthread_t threads[2];
    ignore_unless_handled(SIGUSR1);
    ignore_unless_handled(SIGUSR2);
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, allocate_beside, NULL);
    for (int round = 0; round < 2 * TOGGLES; round++) {
        int signal = round % 2 ? SIGUSR1 : SIGUSR2;
        for (int i = 0; i < BLOCKS; i++) freed_while_stopped[i] = while_recording(40);
        while_recording(8); /* leaks */
        raise(signal);
        for (int i = 0; i < BLOCKS; i++) {
            release(&at_while_recording, freed_while_stopped[i], 40);
            free(while_stopped(40));
        }
        while_stopped(8);
        raise(signal);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    say_sites();
    return 0;
}
