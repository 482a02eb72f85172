/* Pairs of malloc and free at a stack depth of 50 to 100, where the upper half of the stack changes all the time:
 * `deep PAIRS`. Each round takes one of 512 ways up and down again, and allocates on every step of it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define APART __attribute__((noinline, noclone, noipa))
#define BASE 50
#define TOP 100
#define WAYS 512

static uint64_t state = 88172645463325252ull;
static long left;

static uint64_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void go_on(uint64_t way, int depth, int top);

/* Each a step of its own: the way says which is taken where. */
#define STEP(name)                                                                                 \
    APART static void name(uint64_t way, int depth, int top) {                                     \
        volatile char *block = malloc(24 + (size_t)depth);                                         \
        *block = 1;                                                                                \
        if (depth < top) go_on(way, depth + 1, top);                                               \
        free((void *)block);                                                                        \
    }
STEP(left_step)
STEP(right_step)
STEP(middle_step)
STEP(other_step)

/* Not a frame of its own in the depth that is counted. */
APART static void go_on(uint64_t way, int depth, int top) {
    static void (*const steps[])(uint64_t, int, int) = {left_step, right_step, middle_step, other_step};
    if (left-- > 0) steps[(way >> depth % 32 * 2) & 3](way, depth + 1, top);
    __asm__ volatile("");
}

APART static void climb(int depth, long pairs) {
    if (depth < BASE) {
        climb(depth + 1, pairs);
        __asm__ volatile("");
        return;
    }
    for (left = pairs; left > 0;) {
        uint64_t number = next() % WAYS;
        go_on(number * 0x9E3779B97F4A7C15ull, depth, BASE + 10 + (int)(number % (TOP - BASE - 10)));
    }
}

int main(int argc, char **argv) {
    long pairs = argc > 1 ? atol(argv[1]) : 3000000;
    climb(1, pairs);
    /* Of every way, each step is a stack, once for malloc and once for free. */
    printf("events=%ld stacks=%d threads=1\n", 2 * pairs, WAYS * (TOP - BASE));
    return 0;
}
