/* Arguments: frames, whether three of them change, pairs. Pairs of malloc and free on a stack of so many frames, the hook's
 * and those around main included; says how many nanoseconds of processor time a pair took. If frames change, the three
 * innermost functions of each call are others than those of the call before it. */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define APART __attribute__((noinline, noclone, noipa))
/* What is done after the call keeps the frame. */
#define KEEPS_ITS_FRAME __asm__ volatile("")

/* The hook, main, and three that lead to it. */
#define AROUND 5

static void *block;

APART static void allocate_3(void) { block = malloc(24); KEEPS_ITS_FRAME; }
APART static void allocate_2(void) { allocate_3(); KEEPS_ITS_FRAME; }
APART static void allocate_1(void) { allocate_2(); KEEPS_ITS_FRAME; }
APART static void release_3(void) { free(block); KEEPS_ITS_FRAME; }
APART static void release_2(void) { release_3(); KEEPS_ITS_FRAME; }
APART static void release_1(void) { release_2(); KEEPS_ITS_FRAME; }

APART static void work(int changing, long pairs) {
    for (long pair = 0; pair < pairs; pair++) {
        if (changing) {
            allocate_1();
            release_1();
        } else {
            block = malloc(24);
            __asm__ volatile("" ::: "memory");
            free(block);
        }
    }
}

APART static void descend(int frames, int changing, long pairs) {
    if (frames > 0) descend(frames - 1, changing, pairs);
    else work(changing, pairs);
    KEEPS_ITS_FRAME;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1e9 + time.tv_nsec;
}

int main(int count, char **arguments) {
    if (count != 4) return 2;
    int frames = atoi(arguments[1]), changing = atoi(arguments[2]);
    long pairs = atol(arguments[3]);
    /* Beside what lies around: `work`, the outermost of `descend`, and the three that change. */
    int more = frames - AROUND - 2 - (changing ? 3 : 0);
    descend(more, changing, 100000);
    double before = now();
    descend(more, changing, pairs);
    printf("%.3f\n", (now() - before) / pairs);
    return 0;
}
