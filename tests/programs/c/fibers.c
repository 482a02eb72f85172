/* Coroutines (swapcontext) and a signal handler on a stack of its own, all allocating. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <ucontext.h>

enum { FIBERS = 32, ROUNDS = 500 };

static ucontext_t scheduler, fiber[FIBERS];
static int finished;

__attribute__((noinline)) static void work(int depth) {
    void *block = malloc(32 + depth);
    if (depth) work(depth - 1);
    free(block);
}

static void run(int self) {
    for (int round = 0; round < ROUNDS; round++) {
        work(round % 12);
        swapcontext(&fiber[self], &scheduler);
    }
    finished++;
}

static volatile int signals;

static void on_signal(int number) {
    (void)number;
    signals++;
    work(3);
}

int main(void) {
    stack_t alternate = {.ss_sp = malloc(64 * 1024), .ss_size = 64 * 1024};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_ONSTACK};
    if (sigaltstack(&alternate, NULL) || sigaction(SIGUSR1, &action, NULL)) return 2;
    for (int n = 0; n < FIBERS; n++) {
        getcontext(&fiber[n]);
        fiber[n].uc_stack.ss_sp = malloc(64 * 1024);
        fiber[n].uc_stack.ss_size = 64 * 1024;
        fiber[n].uc_link = &scheduler;
        makecontext(&fiber[n], (void (*)(void))run, 1, n);
    }
    for (int round = 0; finished < FIBERS; round++) {
        for (int n = 0; n < FIBERS; n++)
            if (round <= ROUNDS) swapcontext(&scheduler, &fiber[n]);
        raise(SIGUSR1);
    }
    printf("fibers=%d\nsignals=%d\n", finished, signals);
    return 0;
}
