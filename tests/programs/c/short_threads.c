/* Ten thousand threads, each there for a moment: joined, detached, on the smallest stack there is, or ending in a
 * destructor. */
#define _GNU_SOURCE
#include "sites.h"
#include <limits.h>
#include <pthread.h>
#include <semaphore.h>

#define THREADS 10000
#define AT_ONCE 50

static void *left[THREADS];
static sem_t free_places;
static pthread_key_t key;

SITE(in_a_short_thread)
APART static void *in_a_short_thread(size_t size) { return born(&at_in_a_short_thread, malloc(size), size); }

/* The last thing that a thread does. */
static void destroy(void *value) {
    release(&at_in_a_short_thread, in_a_short_thread(33), 33);
    (void)value;
    sem_post(&free_places);
}

static void *work(void *number) {
    pthread_setspecific(key, (void *)1);
    for (int i = 0; i < 5; i++) release(&at_in_a_short_thread, in_a_short_thread(20), 20);
    left[(size_t)number] = in_a_short_thread(48);
    return NULL;
}

int main(void) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, PTHREAD_STACK_MIN);
    pthread_key_create(&key, destroy);
    sem_init(&free_places, 0, AT_ONCE);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_t thread;
        sem_wait(&free_places);
        while (pthread_create(&thread, i % 2 ? &attributes : NULL, work, (void *)i) != 0) continue;
        if (i % 3 == 0) pthread_join(thread, NULL);
        else pthread_detach(thread);
    }
    for (int i = 0; i < AT_ONCE; i++) sem_wait(&free_places);
    /* Blocks of threads that are gone. */
    for (size_t i = 0; i < THREADS; i += 2) release(&at_in_a_short_thread, left[i], 48);
    say_sites();
    return 0;
}
