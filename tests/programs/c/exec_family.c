/* `exec_family WAY…`: allocates, and executes itself with the other words in each of these ways, one after another.
 * Each image says what it was given. */
#define _GNU_SOURCE
#include "sites.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

SITE(before_the_exec)
APART static void *before_the_exec(size_t size) { return born(&at_before_the_exec, malloc(size), size); }

static void say_what_was_given(int argc, char **argv) {
    for (int i = 1; i < argc; i++) dprintf(1, "%s ", argv[i]);
    const char *given = getenv("GIVEN");
    dprintf(1, "given=%s preloaded=%s\n", given ? given : "", getenv("LD_PRELOAD") ? getenv("LD_PRELOAD") : "");
}

int main(int argc, char **argv) {
    say_what_was_given(argc, argv);
    for (int i = 0; i < 500; i++) release(&at_before_the_exec, before_the_exec(48), 48);
    before_the_exec(100 + (size_t)argc); /* leaks */
    say_sites();
    if (argc < 2) return 5;
    const char *way = argv[1];
    const char *self = "/proc/self/exe";
    char *rest[16] = {argv[0]};
    for (int i = 2; i < argc && i < 16; i++) rest[i - 1] = argv[i];
    char **a = rest;
    char *environment[32] = {"GIVEN=by_hand", "LD_PRELOAD="};
    int next = 2;
    for (char **entry = environ; *entry != NULL && next < 31; entry++)
        if (strncmp(*entry, "MEMORY_PROFILER_", 16) == 0) environment[next++] = *entry;
    if (strcmp(way, "execl") == 0)
        execl(self, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], a[10], NULL);
    if (strcmp(way, "execlp") == 0) execlp(argv[0], a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8], a[9], NULL);
    if (strcmp(way, "execle") == 0) execle(self, a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], NULL, environment);
    if (strcmp(way, "execle_none") == 0) execle(self, a[0], NULL, environment);
    if (strcmp(way, "execv") == 0) execv(self, a);
    if (strcmp(way, "execvp") == 0) execvp(argv[0], a);
    if (strcmp(way, "execve") == 0) execve(self, a, environment);
    if (strcmp(way, "execvpe") == 0) execvpe(argv[0], a, environment);
    if (strcmp(way, "fexecve") == 0) fexecve(open(argv[0], O_RDONLY | O_CLOEXEC), a, environment);
    if (strcmp(way, "execveat") == 0) execveat(AT_FDCWD, argv[0], a, environment, 0);
    return 1;
}
