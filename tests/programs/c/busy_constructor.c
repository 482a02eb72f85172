/* A library that is busy before anybody can call it, and once more when nobody can any longer. */
#include <stdlib.h>

#define PAIRS 500000

__attribute__((noinline, noipa)) void *by_the_constructor(size_t size) {
    char *block = malloc(size);
    block[0] = 1;
    return block;
}

__attribute__((noinline, noipa)) void *by_the_destructor(size_t size) {
    char *block = malloc(size);
    block[0] = 1;
    return block;
}

__attribute__((constructor)) static void begin(void) {
    for (int i = 0; i < 2 * PAIRS; i++) {
        void *block = by_the_constructor(24);
        if (i % 1000 != 0) free(block);
    }
}

__attribute__((destructor)) static void end(void) {
    for (int i = 0; i < 1000; i++) free(by_the_destructor(40));
}
