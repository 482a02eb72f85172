/* A thread holds the locks of standard input, output and error for good, and of the list of loaded objects for a while;
 * others allocate, start and end. */
#define _GNU_SOURCE
#include "sites.h"
#include <link.h>
#include <pthread.h>
#include <semaphore.h>

static sem_t held, done;

SITE(beside_the_locks)
APART static void *beside_the_locks(size_t size) { return born(&at_beside_the_locks, malloc(size), size); }

static void *allocate(void *unused) {
    for (int i = 0; i < 20000; i++) release(&at_beside_the_locks, beside_the_locks(30 + i % 50), 30 + i % 50);
    return unused;
}

static void *allocate_and_tell(void *unused) {
    sem_wait(&held);
    allocate(unused);
    sem_post(&done);
    return unused;
}

/* Called with the lock of the list held. */
static int each_object(struct dl_phdr_info *info, size_t size, void *unused) {
    (void)info, (void)size, (void)unused;
    sem_post(&held);
    sem_wait(&done);
    return 1;
}

int main(void) {
    pthread_t waiting, other;
    sem_init(&held, 0, 0);
    sem_init(&done, 0, 0);
    flockfile(stdin);
    flockfile(stdout);
    flockfile(stderr);
    if (pthread_create(&waiting, NULL, allocate_and_tell, NULL) != 0) return 1;
    if (pthread_create(&other, NULL, allocate, NULL) != 0) return 1;
    dl_iterate_phdr(each_object, NULL);
    pthread_join(waiting, NULL);
    pthread_join(other, NULL);
    say_sites();
    _exit(4);
}
