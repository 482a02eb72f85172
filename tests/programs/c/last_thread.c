/* `last_thread HOW`: all threads end by a bare system call each, so that the process ends with the last of them; its
 * status is that of the first. */
#define _GNU_SOURCE
#include "sites.h"
#include <pthread.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

SITE(before_the_end)
APART static void *before_the_end(size_t size) { return born(&at_before_the_end, malloc(size), size); }

static void *end_later(void *unused) {
    struct timespec time = {.tv_nsec = 300000000};
    nanosleep(&time, NULL);
    before_the_end(77); /* leaks */
    say_sites();
    syscall(SYS_exit, 5);
    return unused;
}

int main(int argc, char **argv) {
    for (int i = 0; i < 5000; i++) release(&at_before_the_end, before_the_end(32), 32);
    if (argc > 1 && strcmp(argv[1], "two") == 0) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, end_later, NULL) != 0) return 9;
    } else {
        say_sites();
    }
    syscall(SYS_exit, 3);
    return 1;
}
