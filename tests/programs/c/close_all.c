/* Closes every descriptor that it has not opened itself, as daemons do, and goes on. */
#define _GNU_SOURCE
#include "sites.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

SITE(before_closing)
APART static void *before_closing(size_t size) { return born(&at_before_closing, malloc(size), size); }

SITE(after_closing)
APART static void *after_closing(size_t size) { return born(&at_after_closing, malloc(size), size); }

int main(void) {
    for (int i = 0; i < 3000; i++) before_closing(16);
    /* Descriptors are numbered as without us, and there is none to see but those that the program opened. */
    dprintf(1, "first=%d\n", open("/dev/null", O_RDWR));
    int open_ones = 0;
    for (int i = 0; i < 1024; i++) open_ones += fcntl(i, F_GETFD) != -1;
    dprintf(1, "open=%d\n", open_ones);
    if (close_range(3, ~0u, 0) != 0) return 1;
    for (int i = 3; i < 1024; i++) close(i);
    for (int i = 0; i < 200000; i++) {
        void *block = after_closing(40);
        if (i % 100 != 0) release(&at_after_closing, block, 40);
    }
    int file = open("/dev/null", O_WRONLY);
    dprintf(1, "next=%d written=%zd\n", file, write(file, "x", 1));
    say_sites();
    return 0;
}
