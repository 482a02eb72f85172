/* Needs an allocator that may be left anywhere. A timer's handler jumps out of whatever it interrupts, again and again:
 * mostly that is a function of the allocator. Every time the program goes on, and allocates. */
#define _GNU_SOURCE
#include "sites.h"
#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>

#define ROUNDS 1000
#define MICROSECONDS 300

static sigjmp_buf back;
static volatile int rounds;

SITE(after_the_jump)
APART static void *after_the_jump(size_t size) { return born(&at_after_the_jump, malloc(size), size); }

static void *volatile last;

/* No site: how often depends on the time. */
APART static void interrupted(int depth) {
    volatile char frame[64];
    frame[depth] = 1;
    if (depth > 0) {
        interrupted(depth - 1);
    } else {
        last = malloc(40);
        free(last);
        last = realloc(malloc(10), 50);
        free(last);
    }
    frame[depth] = 2;
}

static void jump(int signal) {
    (void)signal;
    siglongjmp(back, 1);
}

int main(void) {
    sigset_t alarm;
    sigemptyset(&alarm);
    sigaddset(&alarm, SIGALRM);
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = jump}, NULL);
    struct itimerval often = {{0, MICROSECONDS}, {0, MICROSECONDS}}, never = {{0, 0}, {0, 0}};
    sigsetjmp(back, 1);
    setitimer(ITIMER_REAL, rounds < ROUNDS ? &often : &never, NULL);
    /* What is counted is not interrupted. */
    sigprocmask(SIG_BLOCK, &alarm, NULL);
    for (int block = 0; block < 10; block++) {
        void *made = after_the_jump(70);
        if (block % 2 != 0) release(&at_after_the_jump, made, 70);
    }
    if (++rounds < ROUNDS) {
        sigprocmask(SIG_UNBLOCK, &alarm, NULL);
        for (;;) interrupted(3);
    }
    setitimer(ITIMER_REAL, &never, NULL);
    say_sites();
    return 0;
}
