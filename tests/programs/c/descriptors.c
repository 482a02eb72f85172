/* Closes every descriptor it can, opens files of its own at the freed numbers, changes directory and mask, and
 * goes on allocating: the capture must stay whole and the files empty. argument: a directory to write in.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__((noinline)) static void *after_closing(int n) { return malloc(200 + n % 7); }

int main(int count, char **argument) {
    int out = dup(1), good = 1;
    if (count < 2 || chdir(argument[1])) return 2;
    for (int n = 3; n < 1024; n++)
        if (n != out) close(n);
    umask(0);
    for (int n = 0; n < 8; n++) {
        char name[32];
        snprintf(name, sizeof name, "own-%d", n);
        if (open(name, O_RDWR | O_CREAT | O_TRUNC, 0600) < 0) return 3;
    }
    for (int n = 0; n < 200000; n++) free(after_closing(n));
    after_closing(1);
    for (int n = 0; n < 8; n++) {
        char name[32];
        struct stat found;
        snprintf(name, sizeof name, "own-%d", n);
        good &= stat(name, &found) == 0 && found.st_size == 0;
    }
    dprintf(out, "files_untouched=%d\nallocations_after_closing=200001\n", good);
    return good ? 0 : 1;
}
