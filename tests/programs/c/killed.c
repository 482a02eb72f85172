/* `killed HOW`: says what it did until a second and a half ago, goes on allocating, and ends without a chance to say more. */
#define _GNU_SOURCE
#include "sites.h"
#include <signal.h>
#include <string.h>
#include <time.h>

SITE(long_ago)
APART static void *long_ago(size_t size) { return born(&at_long_ago, malloc(size), size); }

/* Not in what is said: how much of it is captured depends on the moment. */
APART static void *just_now(size_t size) {
    void *block = malloc(size);
    memset(block, 1, size);
    return block;
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + now.tv_nsec * 1e-9;
}

int main(int argc, char **argv) {
    for (int i = 0; i < 10000; i++) {
        void *block = long_ago(24);
        if (i % 4 != 0) release(&at_long_ago, block, 24);
    }
    say_sites();
    double start = seconds();
    while (seconds() < start + 1.5) {
        free(just_now(48));
        nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
    }
    const char *how = argc > 1 ? argv[1] : "abort";
    if (strcmp(how, "abort") == 0) abort();
    if (strcmp(how, "segv") == 0) {
        volatile int *volatile nowhere = NULL;
        *nowhere = 1;
    }
    raise(SIGKILL);
    return 1;
}
