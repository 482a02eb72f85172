/* Several threads fork at once while others allocate: children allocate, start threads and children of their own, and
 * end in every way. */
#define _GNU_SOURCE
#include "sites.h"
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKING 3
#define CHILDREN 60

static int stop, wrong;

/* No site: how often depends on how long the storm takes. */
APART static void *beside_the_forks(size_t size) {
    char *block = malloc(size);
    block[0] = 1;
    return block;
}

SITE(around_a_fork)
APART static void *around_a_fork(size_t size) { return born(&at_around_a_fork, malloc(size), size); }

/* No site: what a child does is its own affair. */
APART static void in_the_child(int rounds) {
    for (int i = 0; i < rounds; i++) {
        char *block = malloc(10 + i % 3000);
        block[0] = 1;
        free(realloc(block, 20 + i % 5000));
    }
}

static void *thread_of_a_child(void *unused) {
    in_the_child(50);
    return unused;
}

static int ends_with(pid_t pid) {
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 100 + WTERMSIG(status);
}

static void child(int number, void *block) {
    in_the_child(200);
    free(block); /* the child's copy of it */
    pthread_t thread;
    if (number % 3 == 0 && pthread_create(&thread, NULL, thread_of_a_child, NULL) == 0) pthread_join(thread, NULL);
    if (number % 5 == 0) {
        pid_t grandchild = fork();
        if (grandchild == 0) {
            in_the_child(50);
            _exit(3);
        }
        if (ends_with(grandchild) != 3) _exit(99);
    }
    if (number % 4 == 0) raise(SIGKILL);
    if (number % 4 == 1) execl("/bin/sh", "sh", "-c", "exit 5", NULL);
    if (number % 4 == 2) quick_exit(5);
    _exit(5);
}

static void *forking(void *unused) {
    for (int number = 0; number < CHILDREN; number++) {
        void *block = around_a_fork(100);
        pid_t pid = fork();
        if (pid == 0) child(number, block);
        if (ends_with(pid) != (number % 4 == 0 ? 100 + SIGKILL : 5)) __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
        if (number % 6 != 0) release(&at_around_a_fork, block, 100);
    }
    return unused;
}

static void *allocating(void *unused) {
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
        free(beside_the_forks(64));
    return unused;
}

int main(void) {
    pthread_t threads[FORKING], other;
    pthread_create(&other, NULL, allocating, NULL);
    for (int i = 0; i < FORKING; i++) pthread_create(&threads[i], NULL, forking, NULL);
    for (int i = 0; i < FORKING; i++) pthread_join(threads[i], NULL);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(other, NULL);
    dprintf(2, "wrong=%d\n", wrong);
    say_sites();
    return wrong != 0;
}
