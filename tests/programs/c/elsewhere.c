/* `elsewhere FOLDER`: goes to another folder, removes the one it came from from sight, and goes on. */
#define _GNU_SOURCE
#include "sites.h"
#include <sys/stat.h>

SITE(at_home)
APART static void *at_home(size_t size) { return born(&at_at_home, malloc(size), size); }

SITE(elsewhere)
APART static void *elsewhere(size_t size) { return born(&at_elsewhere, malloc(size), size); }

/* Of the capture library, if it is there: the file is open, and what was recorded is in it. */
__attribute__((weak)) void memory_profiler_sync(void);

int main(int argc, char **argv) {
    if (argc != 2 || mkdir(argv[1], 0700) != 0) return 1;
    for (int i = 0; i < 1000; i++) at_home(10);
    if (memory_profiler_sync) memory_profiler_sync();
    if (chdir(argv[1]) != 0) return 2;
    for (int i = 0; i < 1000; i++) elsewhere(10);
    /* Not everybody may. */
    if (geteuid() == 0 && (chroot(".") != 0 || chdir("/") != 0)) return 3;
    umask(0777);
    for (int i = 0; i < 100000; i++) elsewhere(20);
    say_sites();
    return 0;
}
