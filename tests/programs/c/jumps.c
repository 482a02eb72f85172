/* Leaves frames by longjmp, from calls, comparisons and signal handlers, and allocates on stacks of its own. */
#define _GNU_SOURCE
#include "sites.h"
#include <setjmp.h>
#include <signal.h>
#include <ucontext.h>

#define ROUNDS 500

static sigjmp_buf back;

SITE(deep_down)
APART static void *deep_down(size_t size) { return born(&at_deep_down, malloc(size), size); }

SITE(after_the_jump)
APART static void *after_the_jump(size_t size) { return born(&at_after_the_jump, malloc(size), size); }

SITE(in_a_handler)
APART static void *in_a_handler(size_t size) { return born(&at_in_a_handler, malloc(size), size); }

SITE(on_another_stack)
APART static void *on_another_stack(size_t size) { return born(&at_on_another_stack, malloc(size), size); }

APART static void descend(int depth) {
    if (depth > 0)
        descend(depth - 1);
    else {
        deep_down(30);
        siglongjmp(back, 1);
    }
    __asm__ volatile("");
}

static int compare_and_jump(const void *a, const void *b) {
    (void)a, (void)b;
    deep_down(31);
    siglongjmp(back, 1);
}

static void handle(int signal) {
    void *block = in_a_handler(60);
    if (signal == SIGUSR1) siglongjmp(back, 1);
    release(&at_in_a_handler, block, 60);
}

static ucontext_t here, there;

static void other_context(void) {
    for (int round = 0; round < ROUNDS; round++) {
        void *block = on_another_stack(90);
        swapcontext(&there, &here);
        if (round % 2 == 0) release(&at_on_another_stack, block, 90);
    }
}

static char other_stack[256 * 1024], signal_stack[64 * 1024];

int main(void) {
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
    sigaltstack(&(stack_t){.ss_sp = signal_stack, .ss_size = sizeof signal_stack}, NULL);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    int numbers[50] = {0};
    for (volatile int round = 0; round < ROUNDS; round++) {
        if (sigsetjmp(back, 1) == 0) {
            switch (round % 3) {
                case 0: descend(round); break;
                case 1: qsort(numbers, 50, sizeof *numbers, compare_and_jump); break;
                default: raise(SIGUSR1);
            }
        }
        release(&at_after_the_jump, after_the_jump(50), 50);
        raise(SIGUSR2);
    }
    getcontext(&there);
    there.uc_stack.ss_sp = other_stack;
    there.uc_stack.ss_size = sizeof other_stack;
    there.uc_link = &here;
    makecontext(&there, other_context, 0);
    for (int round = 0; round <= ROUNDS; round++) {
        swapcontext(&here, &there);
        after_the_jump(5); /* leaks */
    }
    say_sites();
    return 0;
}
