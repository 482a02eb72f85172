/* A library for `plugins`, compiled twice with other names: both are loaded at the same addresses. */
#include <stdlib.h>
#include <string.h>

#ifndef PLUGIN
#define PLUGIN plugin
#endif

/* The second has more code in front, so that the same address is another place in it. */
#ifdef PADDED
__attribute__((used, noinline)) static int padding(int x) {
    for (int i = 0; i < 100; i++) x = x * 31 + i;
    return x;
}
#endif

__attribute__((noinline)) void *PLUGIN(size_t size) {
#ifdef PADDED
    volatile char room[2000] = {0};
    size += (size_t)room[size % 2000];
#endif
    void *block = malloc(size);
    memset(block, 1, size);
    return block;
}
