/* Fibers: hundreds of stacks of their own, each deep in a recursion of its own, resumed in turn, and by other threads
 * than those that started them. */
#define _GNU_SOURCE
#include "sites.h"
#include <pthread.h>
#include <string.h>
#include <ucontext.h>

#define FIBERS 200
#define THREADS 3
#define ROUNDS 30
#define STACK (32 * 1024)

struct fiber {
    ucontext_t context, *resumed_by;
    char *stack;
    int number, done;
    pthread_mutex_t lock;
};

static struct fiber fibers[FIBERS];

SITE(in_a_fiber)
APART static void *in_a_fiber(size_t size) { return born(&at_in_a_fiber, malloc(size), size); }

SITE(in_a_fiber_kept)
APART static void *in_a_fiber_kept(size_t size) { return born(&at_in_a_fiber_kept, malloc(size), size); }

SITE(stacks)
APART static char *stacks(size_t size) { return born(&at_stacks, malloc(size), size); }

/* Not kept in a register over the switch: the next thread is another. */
APART static void yield(struct fiber *fiber) { swapcontext(&fiber->context, fiber->resumed_by); }

APART static void descend(struct fiber *fiber, int depth) {
    void *block = in_a_fiber(10 + depth);
    if (depth % 8 == 0) yield(fiber);
    if (depth > 0) descend(fiber, depth - 1);
    release(&at_in_a_fiber, block, 10 + depth);
}

static void work(unsigned low, unsigned high) {
    struct fiber *fiber = (struct fiber *)((size_t)high << 32 | low);
    for (int round = 0; round < ROUNDS; round++) {
        descend(fiber, 10 + fiber->number % 30);
        in_a_fiber_kept(5); /* leaks */
    }
    fiber->done = 1;
    yield(fiber);
}

static int resume(struct fiber *fiber) {
    ucontext_t here;
    pthread_mutex_lock(&fiber->lock);
    int done = fiber->done;
    if (!done) {
        fiber->resumed_by = &here;
        swapcontext(&here, &fiber->context);
    }
    pthread_mutex_unlock(&fiber->lock);
    return done;
}

static void *schedule(void *unused) {
    for (int done = 0; done < FIBERS;) {
        done = 0;
        for (int i = 0; i < FIBERS; i++) done += resume(&fibers[i]);
    }
    return unused;
}

int main(void) {
    for (int i = 0; i < FIBERS; i++) {
        struct fiber *fiber = &fibers[i];
        *fiber = (struct fiber){.number = i, .stack = stacks(STACK)};
        pthread_mutex_init(&fiber->lock, NULL);
        getcontext(&fiber->context);
        fiber->context.uc_stack.ss_sp = fiber->stack;
        fiber->context.uc_stack.ss_size = STACK;
        makecontext(&fiber->context, (void (*)(void))work, 2, (unsigned)(size_t)fiber, (unsigned)((size_t)fiber >> 32));
    }
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++) pthread_create(&threads[i], NULL, schedule, NULL);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < FIBERS; i++) release(&at_stacks, fibers[i].stack, STACK);
    say_sites();
    return 0;
}
