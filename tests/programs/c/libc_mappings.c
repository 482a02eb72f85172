/* Has the C library map memory for itself: large blocks, a thread's stack, another arena. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define APART __attribute__((noinline, noclone, noipa))
#define LARGE (1 << 20)

APART static char *large_block(void) {
    char *block = malloc(LARGE);
    if (block == NULL)
        abort();
    memset(block, 1, LARGE);
    return block;
}

APART static char *grown_block(char *block) {
    block = realloc(block, 16 * LARGE);
    if (block == NULL)
        abort();
    return block;
}

APART static void gives_back(char *block) {
    free(block);
    __asm__ volatile("");
}

APART static void *in_an_arena(void *unused) {
    (void)unused;
    char *block = malloc(1000);
    if (block == NULL)
        abort();
    memset(block, 1, 1000);
    return block;
}

APART static void *starts_a_thread(void) {
    pthread_t thread;
    void *block;
    if (pthread_create(&thread, NULL, in_an_arena, NULL) != 0 || pthread_join(thread, &block) != 0)
        abort();
    return block;
}

int main(void) {
    char *kept = large_block();
    char *grown = grown_block(large_block());
    /* At last: glibc takes it for a sign that blocks of this size should not be mapped. */
    gives_back(large_block());
    char *small = starts_a_thread();
    printf("%d\n", kept[5] + grown[6] + small[7]);
    return 0;
}
