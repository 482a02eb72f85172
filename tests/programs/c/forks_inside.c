/* Forks in a signal handler, which may have interrupted anything, hooks too; parent and children go on from there. */
#define _GNU_SOURCE
#include "sites.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN 150
/* More than a child can have before it is interrupted as often as its parent. */
#define ROUNDS_OF_A_CHILD 3000

static volatile sig_atomic_t children, is_child;
static volatile int failed;

SITE(in_the_parent)
APART static void *in_the_parent(size_t size) { return born(&at_in_the_parent, malloc(size), size); }

static void on_alarm(int signal) {
    int error = errno;
    (void)signal;
    if (!is_child && children < CHILDREN) {
        pid_t pid = children % 2 == 0 ? fork() : _Fork();
        if (pid == 0) is_child = 1;
        if (pid < 0) failed = 1;
        if (pid > 0) children++;
    }
    errno = error;
}

int main(void) {
    struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval timer = {{0, 700}, {0, 700}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &timer, NULL);
    int rounds = 0;
    while (children < CHILDREN) {
        void *block = in_the_parent(30 + rounds % 100);
        release(&at_in_the_parent, block, 30 + rounds % 100);
        /* What was interrupted goes on in the child, for a while. */
        if (is_child && ++rounds > ROUNDS_OF_A_CHILD) _exit(7);
        if (!is_child) rounds = (rounds + 1) % 100;
    }
    if (is_child) _exit(7);
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    int ended = 0, status;
    while (wait(&status) > 0) ended += WIFEXITED(status) && WEXITSTATUS(status) == 7;
    dprintf(2, "ended=%d failed=%d\n", ended, failed);
    say_sites();
    return ended == CHILDREN ? 5 : 6;
}
