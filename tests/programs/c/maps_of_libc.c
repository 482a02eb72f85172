/* What the C library maps by itself: large blocks of its allocator, arenas, and stacks of threads, of many threads at
 * once, some of which end while others begin. */
#define _GNU_SOURCE
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define APART __attribute__((noinline, noclone, noipa))
#define LARGE (1 << 20)

enum { BLOCKS = 200, THREADS = 8, ROUNDS = 60 };

static void *volatile sink;

/* One map each. */
APART static void large_blocks(void) {
    for (int count = 0; count < BLOCKS; count++) {
        char *block = malloc(LARGE);
        block[LARGE / 2] = 1;
        sink = block;
        free(block);
    }
}

/* A map that moves or grows. */
APART static void grown_block(void) {
    char *block = malloc(LARGE);
    memset(block, 7, LARGE);
    block = realloc(block, 8 * LARGE);
    for (int at = 0; at < LARGE; at += 4096)
        if (block[at] != 7) abort();
    sink = block;
}

static void *begins_and_ends(void *bytes) {
    char here[2000];
    memset(here, 1, sizeof here);
    sink = malloc((size_t)bytes);
    free(sink);
    return (void *)(size_t)here[1999];
}

/* Stacks of sizes of their own, so that hardly any is used again. */
APART static long short_threads(int seed) {
    long sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        pthread_attr_t attributes;
        pthread_attr_init(&attributes);
        pthread_attr_setstacksize(&attributes, 65536 + 4096 * (size_t)((seed * 31 + round * 7) % 200));
        pthread_t thread;
        void *result;
        if (pthread_create(&thread, &attributes, begins_and_ends, (void *)(size_t)(round * 20000 + 1)) != 0) abort();
        pthread_join(thread, &result);
        sum += (long)result;
        void *own = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        *(char *)own = 1;
        munmap(own, 8192);
        char *block = malloc(LARGE / 2);
        block = realloc(block, LARGE);
        block[LARGE - 1] = 1;
        free(block);
        pthread_attr_destroy(&attributes);
    }
    return sum;
}

static pthread_barrier_t all_are_there;

static void *storm(void *seed) {
    pthread_barrier_wait(&all_are_there);
    return (void *)short_threads((int)(size_t)seed);
}

/* A stack each. */
APART static void creates(pthread_t *threads) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, 3 * LARGE);
    for (int at = 0; at < THREADS; at++)
        if (pthread_create(&threads[at], &attributes, storm, (void *)(size_t)at) != 0) abort();
    pthread_attr_destroy(&attributes);
}

int main(void) {
    mallopt(M_MMAP_THRESHOLD, LARGE / 4);
    large_blocks();
    grown_block();
    pthread_t threads[THREADS];
    long sum = 0;
    pthread_barrier_init(&all_are_there, NULL, THREADS);
    creates(threads);
    for (int at = 0; at < THREADS; at++) {
        void *result;
        pthread_join(threads[at], &result);
        sum += (long)result;
    }
    printf("sum=%ld failing=%d\n", sum, mmap(NULL, 0, 0, MAP_PRIVATE, -1, 0) == MAP_FAILED);
}
