/* Four threads that allocate, and free every other block of another's: `threads PAIRS`. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define THREADS 4
#define SLOTS 4096

/* Blocks on their way to another thread. */
static _Atomic(void *) slots[THREADS][SLOTS];
static long pairs_each;

static void *work(void *argument) {
    long thread = (long)argument;
    uint64_t state = 88172645463325252ull + (uint64_t)thread;
    void *own[64] = {NULL};
    for (long i = 0; i < pairs_each; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char *block = malloc(16 + (state >> 32) % 1008);
        if (block == NULL) abort();
        *block = 1;
        if (i % 2 == 0) {
            free(own[state % 64]);
            own[state % 64] = block;
        } else {
            free(atomic_exchange(&slots[(thread + 1) % THREADS][state % SLOTS], block));
            free(atomic_exchange(&slots[thread][(state >> 12) % SLOTS], NULL));
        }
    }
    for (int i = 0; i < 64; i++) free(own[i]);
    return NULL;
}

int main(int argc, char **argv) {
    pairs_each = (argc > 1 ? atol(argv[1]) : 8000000) / THREADS;
    pthread_t threads[THREADS];
    for (long i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, work, (void *)i);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        for (int j = 0; j < SLOTS; j++) free(slots[i][j]);
    printf("events=%ld stacks=8 threads=%d\n", 2 * pairs_each * THREADS, THREADS + 1);
    return 0;
}
