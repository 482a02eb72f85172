/* `unnoticed HOW`: ends in a way that no library notices, right after its last allocation. */
#define _GNU_SOURCE
#include "bytehound.h"
#include "sites.h"
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

SITE(to_the_last)
APART static void *to_the_last(size_t size) { return born(&at_to_the_last, malloc(size), size); }

int main(int argc, char **argv) {
    const char *how = argc > 1 ? argv[1] : "kill";
    /* The binaries, which functions have their names from, are copied before we are killed. */
    bytehound_sync();
    for (int i = 0; i < 20000; i++) release(&at_to_the_last, to_the_last(24), 24);
    say_sites();
    if (strcmp(how, "exit_group") == 0) {
        long result;
        __asm__ volatile("syscall" : "=a"(result) : "a"(SYS_exit_group), "D"(3) : "rcx", "r11", "memory");
    }
    if (strcmp(how, "exec") == 0) {
        char *arguments[] = {"sh", "-c", "exit 4", NULL}, *environment[] = {NULL};
        long result;
        __asm__ volatile("syscall"
                         : "=a"(result)
                         : "a"(SYS_execve), "D"("/bin/sh"), "S"(arguments), "d"(environment)
                         : "rcx", "r11", "memory");
    }
    if (strcmp(how, "abort") == 0) abort();
    if (strcmp(how, "segv") == 0) *(volatile int *)(uintptr_t)argc = 1;
    if (strcmp(how, "term") == 0) raise(SIGTERM);
    raise(SIGKILL);
    return 1;
}
