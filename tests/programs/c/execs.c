/* `execs N`: allocates, then executes itself N times more, one after another; once it starts a child by vfork too. */
#define _GNU_SOURCE
#include "sites.h"
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

SITE(before_the_exec)
APART static void *before_the_exec(size_t size) { return born(&at_before_the_exec, malloc(size), size); }

int main(int argc, char **argv) {
    int more = argc > 1 ? atoi(argv[1]) : 0;
    for (int i = 0; i < 1000; i++) release(&at_before_the_exec, before_the_exec(64), 64);
    dprintf(1, "more=%d\n", more);
    pid_t pid = vfork();
    if (pid == 0) {
        execl("/bin/sh", "sh", "-c", "exit 4", NULL);
        _exit(127);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    dprintf(1, "child=%d\n", WEXITSTATUS(status));
    /* One that fails: the program goes on, and so does its capture. */
    dprintf(1, "exec=%d\n", execl("/nowhere", "nowhere", NULL));
    before_the_exec(100); /* leaks */
    say_sites();
    if (more == 0) return 6;
    char next[16];
    snprintf(next, sizeof next, "%d", more - 1);
    execl("/proc/self/exe", argv[0], next, NULL);
    return 1;
}
