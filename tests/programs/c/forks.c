/* Children that do not exec, of a program with several threads: they work, and the capture is of the parent alone. */
#define _GNU_SOURCE
#include "sites.h"
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILDREN 40
/* Keeps the other threads busy while the children come and go. */
#define WORK 300000

static char *shared_block;

SITE(before_the_forks)
APART static void *before_the_forks(void) { return born(&at_before_the_forks, malloc(1000), 1000); }

SITE(between_forks)
APART static void *between_forks(void) { return born(&at_between_forks, malloc(200), 200); }

SITE(in_another_thread)
APART static void *in_another_thread(size_t size) { return born(&at_in_another_thread, malloc(size), size); }

/* Says nothing: its copy of the counters dies with the child. */
SITE(in_the_child)
APART static void *in_the_child(size_t size) {
    void *block = malloc(size);
    memset(block, 1, size);
    return block;
}

static void *work(void *unused) {
    for (int i = 0; i < WORK; i++) release(&at_in_another_thread, in_another_thread(50), 50);
    return unused;
}

static void *in_a_thread_of_the_child(void *unused) {
    for (int i = 0; i < 100; i++) free(in_the_child(30));
    return unused;
}

static int child(int number) {
    for (int i = 0; i < 1000; i++) free(in_the_child(10 + i));
    free(shared_block); /* the child's copy of it */
    if (number % 2 == 0) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, in_a_thread_of_the_child, NULL) != 0) return 99;
        pthread_join(thread, NULL);
    }
    switch (number % 4) {
        case 0: return number;
        case 1: _exit(number);
        case 2: exit(number);
        default: raise(SIGKILL); return 98;
    }
}

int main(void) {
    pthread_t threads[2];
    shared_block = before_the_forks();
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, work, NULL);
    for (int number = 0; number < CHILDREN; number++) {
        void *block = between_forks();
        pid_t pid = fork();
        if (pid == 0) return child(number);
        int status = 0;
        waitpid(pid, &status, 0);
        dprintf(1, "child=%d exited=%d code=%d signal=%d\n", number, WIFEXITED(status), WEXITSTATUS(status),
                WTERMSIG(status));
        if (number % 2 == 0) release(&at_between_forks, block, 200);
    }
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    release(&at_before_the_forks, shared_block, 1000);
    say_sites();
    return 5;
}
