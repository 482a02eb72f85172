/* Threads on the smallest stack there is, nearly used up, and signal handlers on stacks of their own that are small. */
#define _GNU_SOURCE
#include "sites.h"
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 300
/* What is left of the stack when it allocates. */
#define LEFT (6 * 1024)

SITE(on_a_small_stack)
APART static void *on_a_small_stack(size_t size) { return born(&at_on_a_small_stack, malloc(size), size); }

SITE(in_a_handler)
APART static void *in_a_handler(size_t size) { return born(&at_in_a_handler, malloc(size), size); }

SITE(moved_on_a_small_stack)
APART static void *moved_on_a_small_stack(void *block, size_t size, size_t larger) {
    dies(&at_on_a_small_stack, size);
    return born(&at_moved_on_a_small_stack, realloc(block, larger), larger);
}

APART static void allocate(void) {
    void *block = on_a_small_stack(30);
    void *other = on_a_small_stack(50);
    block = moved_on_a_small_stack(block, 30, 3000);
    release(&at_on_a_small_stack, other, 50);
    release(&at_moved_on_a_small_stack, block, 3000);
}

APART static void use_up(size_t bytes) {
    volatile char room[bytes];
    memset((char *)room, 1, bytes);
    allocate();
    room[0] = 2;
}

static void handle(int signal) {
    (void)signal;
    release(&at_in_a_handler, in_a_handler(60), 60);
}

static void *work(void *unused) {
    pthread_attr_t attributes;
    void *start;
    size_t size;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &start, &size);
    pthread_attr_destroy(&attributes);
    size_t left = (size_t)((char *)__builtin_frame_address(0) - (char *)start);
    use_up(left - LEFT);
    return unused;
}

static void *handle_on_a_small_stack(void *unused) {
    /* As much as the kernel needs for a signal, and a little. */
    size_t size = (size_t)sysconf(_SC_MINSIGSTKSZ) + LEFT;
    char stack[size];
    stack_t alternate = {.ss_sp = stack, .ss_size = size}, none = {.ss_flags = SS_DISABLE};
    sigaltstack(&alternate, NULL);
    for (int i = 0; i < 20; i++) raise(SIGUSR1);
    sigaltstack(&none, NULL);
    return unused;
}

int main(void) {
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_ONSTACK};
    sigaction(SIGUSR1, &action, NULL);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (pthread_attr_setstacksize(&attributes, 16 * 1024) != 0) return 1;
    for (int round = 0; round < ROUNDS; round++) {
        pthread_t thread;
        if (pthread_create(&thread, &attributes, work, NULL) != 0) return 2;
        pthread_join(thread, NULL);
        if (pthread_create(&thread, NULL, handle_on_a_small_stack, NULL) != 0) return 2;
        pthread_join(thread, NULL);
    }
    say_sites();
    return 0;
}
