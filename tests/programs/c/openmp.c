/* OpenMP: parallel loops, nested teams and tasks that allocate, and free what others allocated. */
#include "sites.h"
#include <omp.h>

#define ROUNDS 60
#define BLOCKS 500

static void *blocks[BLOCKS];

SITE(in_a_loop)
APART static void *in_a_loop(size_t size) { return born(&at_in_a_loop, malloc(size), size); }

SITE(in_a_task)
APART static void *in_a_task(size_t size) { return born(&at_in_a_task, malloc(size), size); }

SITE(in_a_team)
APART static void *in_a_team(size_t size) { return born(&at_in_a_team, malloc(size), size); }

APART static void tasks(int depth) {
    void *block = in_a_task(16 + depth);
    if (depth > 0) {
#pragma omp task
        tasks(depth - 1);
#pragma omp task
        tasks(depth - 1);
#pragma omp taskwait
    }
    release(&at_in_a_task, block, 16 + depth);
}

int main(void) {
    omp_set_dynamic(0);
    omp_set_max_active_levels(2);
    for (int round = 0; round < ROUNDS; round++) {
#pragma omp parallel for num_threads(8) schedule(dynamic)
        for (int i = 0; i < BLOCKS; i++) blocks[i] = in_a_loop(8 + i);
#pragma omp parallel for num_threads(5) schedule(static, 1)
        for (int i = 0; i < BLOCKS; i++)
            if (i % 10 != 0) release(&at_in_a_loop, blocks[i], 8 + i);
        /* Another size of team each time: threads come and go. */
#pragma omp parallel num_threads(1 + round % 12)
#pragma omp single
        tasks(7);
#pragma omp parallel num_threads(2)
#pragma omp parallel num_threads(1 + round % 4)
        release(&at_in_a_team, in_a_team(40), 40);
    }
    say_sites();
    return 0;
}
