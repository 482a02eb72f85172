/* `exits HOW`: the ways a process ends on its own. What it allocated until the very last moment is captured. */
#define _GNU_SOURCE
#include "sites.h"
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

SITE(before_the_end)
APART static void *before_the_end(size_t size) { return born(&at_before_the_end, malloc(size), size); }

SITE(at_the_end)
APART static void *at_the_end(size_t size) { return born(&at_at_the_end, malloc(size), size); }

static void allocate_and_say(void) {
    at_the_end(77); /* leaks */
    release(&at_at_the_end, at_the_end(5), 5);
    say_sites();
}

static void *exit_from_here(void *unused) {
    exit(3);
    return unused;
}

static void *end_without_main(void *unused) {
    for (int i = 0; i < 1000; i++) before_the_end(8);
    return unused;
}

static pthread_t start(void *(*work)(void *)) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, work, NULL) != 0) _exit(99);
    return thread;
}

int main(int argc, char **argv) {
    const char *how = argc > 1 ? argv[1] : "return";
    for (int i = 0; i < 5000; i++) {
        void *block = before_the_end(32);
        if (i % 10 != 0) release(&at_before_the_end, block, 32);
    }
    if (strcmp(how, "_exit") == 0) {
        allocate_and_say();
        _exit(3);
    }
    if (strcmp(how, "_Exit") == 0) {
        allocate_and_say();
        _Exit(3);
    }
    if (strcmp(how, "quick_exit") == 0) {
        at_quick_exit(allocate_and_say);
        quick_exit(3);
    }
    atexit(allocate_and_say);
    if (strcmp(how, "thread") == 0) {
        start(exit_from_here);
        for (;;) pause();
    }
    if (strcmp(how, "main_leaves_first") == 0) {
        start(end_without_main);
        pthread_exit(NULL);
    }
    if (strcmp(how, "exit") == 0) exit(3);
    return 3;
}
