/* Threads by the hundred, each of which allocates and frees in the destructors of its thread-specific data. */
#include "sites.h"
#include <pthread.h>
#include <stdint.h>

#define THREADS 200
/* Times that a destructor asks to be called again: one less than the C library allows. */
#define ROUNDS 3

static pthread_key_t early, late;
static void *left_behind[THREADS];

SITE(in_the_thread)
APART static void *in_the_thread(void) { return born(&at_in_the_thread, malloc(48), 48); }

SITE(in_a_destructor)
APART static void *in_a_destructor(size_t size) { return born(&at_in_a_destructor, malloc(size), size); }

static void destroy(pthread_key_t key, void *value) {
    uintptr_t round = (uintptr_t)value;
    release(&at_in_a_destructor, in_a_destructor(100 * round), 100 * round);
    in_a_destructor(7); /* leaks */
    if (round < ROUNDS) pthread_setspecific(key, (void *)(round + 1));
}

static void destroy_early(void *value) { destroy(early, value); }
static void destroy_late(void *value) { destroy(late, value); }

static void *work(void *place) {
    *(void **)place = in_the_thread();
    pthread_setspecific(late, (void *)1);
    pthread_setspecific(early, (void *)1);
    if ((void **)place - left_behind < THREADS / 2) return NULL;
    pthread_exit(NULL);
}

int main(void) {
    pthread_key_create(&early, destroy_early);
    pthread_key_create(&late, destroy_late);
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, &left_behind[i]) != 0) return 1;
        if (pthread_join(thread, NULL) != 0) return 1;
    }
    /* Blocks of threads that are gone. */
    for (int i = 0; i < THREADS; i += 2) release(&at_in_the_thread, left_behind[i], 48);
    say_sites();
    return 0;
}
