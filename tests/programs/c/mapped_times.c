/* Maps a file now and then from the first moment on; prints for each map its size and the microseconds between which it
 * was made. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

enum { MAPS = 100, PAGE = 4096, NANOSECONDS_APART = 100000 };

static long nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

int main(void) {
    static long before[MAPS], after[MAPS];
    int file = open("/proc/self/exe", O_RDONLY);
    for (int at = 0; at < MAPS; at++) {
        before[at] = nanoseconds();
        if (mmap(NULL, (size_t)(at + 1) * PAGE, PROT_READ, MAP_PRIVATE, file, 0) == MAP_FAILED) abort();
        after[at] = nanoseconds();
        while (nanoseconds() < before[at] + NANOSECONDS_APART) continue;
    }
    for (int at = 0; at < MAPS; at++)
        printf("%d %ld %ld\n", (at + 1) * PAGE, before[at] / 1000, after[at] / 1000);
}
