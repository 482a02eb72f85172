/* Signals are this program's own affair: it blocks them in all its threads and waits for them, and a descriptor of its
 * own says what comes. Nobody else may take one. */
#define _GNU_SOURCE
#include "sites.h"
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>

#define SIGNALS 300

SITE(between_signals)
APART static void *between_signals(size_t size) { return born(&at_between_signals, malloc(size), size); }

static void *allocate(void *unused) {
    for (int i = 0; i < 50000; i++) release(&at_between_signals, between_signals(16), 16);
    return unused;
}

int main(void) {
    static const int taken[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD, SIGUSR1, SIGUSR2, SIGALRM, SIGPIPE, SIGXFSZ, SIGPROF};
    int count = sizeof taken / sizeof *taken, got = 0;
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++) sigaddset(&set, taken[i]);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, allocate, NULL);
    int descriptor = signalfd(-1, &set, 0);
    for (int i = 0; i < SIGNALS; i++) {
        int signal = 0;
        kill(getpid(), taken[i % count]);
        if (i % 2 == 0) {
            sigwait(&set, &signal);
        } else {
            struct signalfd_siginfo info;
            if (read(descriptor, &info, sizeof info) == sizeof info) signal = (int)info.ssi_signo;
        }
        got += signal == taken[i % count];
    }
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    dprintf(1, "got=%d\n", got);
    say_sites();
    return 0;
}
