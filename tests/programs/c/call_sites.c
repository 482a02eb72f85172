/* One allocator call reached in many ways: each caller is a site of its own. */
#include "sites.h"
#include <stdint.h>
#include <string.h>

/* Deeper than most programs go, not as deep as what a capture keeps of one stack. */
#define DEPTH 300
#define ROUNDS 2000

/* Not a site: it allocates for whoever calls it. */
APART static void *allocate(size_t size) {
    void *block = malloc(size);
    memset(block, 1, size);
    return block;
}

SITE(left)
APART static void *left(size_t size) { return born(&at_left, allocate(size), size); }

SITE(right)
APART static void *right(size_t size) { return born(&at_right, allocate(size), size); }

SITE(through_pointer)
APART static void *through_pointer(void *(*volatile function)(size_t), size_t size) {
    return born(&at_through_pointer, function(size), size);
}

/* Its frame is of a size that only the running program knows. */
SITE(with_variable_frame)
APART static void *with_variable_frame(size_t length, size_t size) {
    volatile char room[length + 1];
    room[length] = 1;
    void *block = born(&at_with_variable_frame, allocate(size), size);
    room[0] = room[length];
    return block;
}

SITE(at_the_bottom)
APART static void *at_the_bottom(size_t size) { return born(&at_at_the_bottom, allocate(size), size); }

APART static void *descend(int depth, size_t size) {
    void *volatile block = depth == 0 ? at_the_bottom(size) : descend(depth - 1, size);
    return block;
}

SITE(in_a_comparison)
APART static int in_a_comparison(const void *a, const void *b) {
    void *block = born(&at_in_a_comparison, malloc(40), 40);
    int order = *(const int *)a - *(const int *)b;
    release(&at_in_a_comparison, block, 40);
    return order;
}

int main(void) {
    for (int round = 0; round < ROUNDS; round++) {
        void *one = left(10 + round % 50);
        void *other = right(20 + round % 50);
        release(&at_left, one, 10 + round % 50);
        if (round % 3 != 0) release(&at_right, other, 20 + round % 50);
        release(&at_through_pointer, through_pointer(allocate, 33), 33);
        void *block = with_variable_frame(round * 7 % 5000, 64);
        if (round % 5 != 0) release(&at_with_variable_frame, block, 64);
    }
    for (int depth = 0; depth < DEPTH; depth++) {
        void *block = descend(depth, 128);
        if (depth % 2 == 0) release(&at_at_the_bottom, block, 128);
    }
    int numbers[100];
    for (int i = 0; i < 100; i++) numbers[i] = i * 37 % 100;
    qsort(numbers, 100, sizeof *numbers, in_a_comparison);
    say_sites();
    return 0;
}
