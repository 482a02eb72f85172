/* One call of every allocation function, from functions of its own, and what it did as key=value lines.
 *
 * Before the counted part standard output gets a static buffer, so that nothing but this file allocates.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

static char buffer[4096];
static unsigned long allocations, allocated, frees, leaked, reallocations;

NOINLINE static void *count(void *block, size_t size) {
    if (!block) abort();
    allocations++;
    allocated += size;
    leaked += size;
    return block;
}

NOINLINE static void release(void *block, size_t size) {
    frees++;
    leaked -= size;
    free(block);
}

NOINLINE static void *grow(void *block, size_t from, size_t to) {
    block = realloc(block, to);
    if (!block) abort();
    reallocations++;
    leaked += to - from;
    return block;
}

NOINLINE static void leak_77(void) { count(malloc(77), 77); }

NOINLINE static void many(int number) {
    for (int i = 0; i < number; i++) release(count(malloc(i % 512 + 1), i % 512 + 1), i % 512 + 1);
}

NOINLINE static void aligned(void) {
    void *block;
    if (posix_memalign(&block, 64, 100)) abort();
    count(block, 100);
    if ((uintptr_t)block % 64) abort();
    release(block, 100);
    release(count(aligned_alloc(128, 1000), 1000), 1000); /* not a multiple: glibc takes it */
    release(count(memalign(256, 33), 33), 33);
    release(count(valloc(10), 10), 10);
    release(count(pvalloc(10), 10), 10);
}

NOINLINE static void failures(void) {
    volatile size_t huge = (size_t)1 << 62;
    void *block = count(malloc(40), 40);
    errno = 0;
    if (malloc(huge) || errno != ENOMEM) abort();
    errno = 0;
    if (calloc(huge, 8) || errno != ENOMEM) abort();
    errno = 0;
    if (realloc(block, huge) || errno != ENOMEM) abort();
    errno = 0;
    if (reallocarray(block, huge, 8) || errno != ENOMEM) abort();
    void *out = (void *)1;
    if (posix_memalign(&out, 3, 8) != EINVAL || out != (void *)1) abort();
    release(block, 40); /* still there: the failed calls changed nothing */
}

int main(void) {
    setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
    leak_77();
    many(1000);
    aligned();
    failures();
    void *zeroed = count(calloc(10, 30), 300);
    for (int i = 0; i < 300; i++)
        if (((char *)zeroed)[i]) abort();
    memset(zeroed, 7, malloc_usable_size(zeroed)); /* all of it may be used */
    zeroed = grow(zeroed, 300, 200000);
    zeroed = grow(zeroed, 200000, 100);
    if (((char *)zeroed)[99] != 7) abort();
    void *array = reallocarray(NULL, 10, 10);
    count(array, 100);
    free(NULL);
    frees++;
    leaked -= 100;
    if (realloc(array, 0)) abort(); /* glibc frees it */
    printf("allocations=%lu\nallocated=%lu\nfrees=%lu\nreallocations=%lu\nleaked=%lu\nleaked_blocks=2\n",
           allocations, allocated, frees, reallocations, leaked);
    return 0;
}
