/* Pairs of malloc and free of random sizes with a live set, from a shallow stack: `shallow PAIRS`. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS 4096

static uint64_t state = 88172645463325252ull;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

int main(int argc, char **argv) {
    long pairs = argc > 1 ? atol(argv[1]) : 10000000;
    static void *slots[SLOTS];
    for (long i = 0; i < pairs; i++) {
        uint64_t random = next();
        void **slot = &slots[random % SLOTS];
        free(*slot);
        *slot = malloc(16 + (random >> 32) % 1008);
        if (*slot == NULL) return 1;
        *(volatile char *)*slot = 1;
    }
    for (int i = 0; i < SLOTS; i++) free(slots[i]);
    printf("events=%ld stacks=3 threads=1\n", 2 * pairs);
    return 0;
}
