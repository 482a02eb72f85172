/* Needs an allocator that may be called from signal handlers. A timer's handler allocates, a thousand times a second and
 * more, and so interrupts what allocates, again and again, at any place. */
#define _GNU_SOURCE
#include "sites.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#define HANDLED 1000
#define MICROSECONDS 300

static volatile int handled;

SITE(in_the_handler)
APART static void *in_the_handler(size_t size) { return born(&at_in_the_handler, malloc(size), size); }

/* No site: how often depends on the time. */
APART static void *interrupted(size_t size) {
    char *block = malloc(size);
    block[0] = 1;
    return block;
}

static void handle(int signal) {
    (void)signal;
    int before = errno;
    /* The timer may fire once more before it is off. */
    if (handled < HANDLED) {
        void *block = in_the_handler(70);
        if (handled % 10 != 0) release(&at_in_the_handler, block, 70);
        handled++;
    }
    errno = before;
}

int main(void) {
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval often = {{0, MICROSECONDS}, {0, MICROSECONDS}}, never = {{0, 0}, {0, 0}};
    setitimer(ITIMER_REAL, &often, NULL);
    while (handled < HANDLED) {
        free(interrupted(40));
        free(realloc(interrupted(10), 50));
    }
    setitimer(ITIMER_REAL, &never, NULL);
    say_sites();
    return 0;
}
