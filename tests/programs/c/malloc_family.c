/* Every member of the malloc family: that it works, that it fails, and what it leaves in errno. */
#define _GNU_SOURCE
#include "sites.h"
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <string.h>

/* No errno has this value: what keeps errno keeps it. */
#define UNTOUCHED 12345

static volatile size_t too_much = PTRDIFF_MAX;
static volatile size_t half = SIZE_MAX / 2;
static volatile size_t zero = 0;

/* What posix_memalign returned last, and whether it left its result alone. */
static int result, untouched;

static void say(const char *call, void *block, size_t alignment) {
    dprintf(1, "call=%s null=%d errno=%d aligned=%d usable=%zu result=%d untouched=%d\n", call, block == NULL, errno,
            (uintptr_t)block % alignment == 0, malloc_usable_size(block), result, untouched);
    errno = UNTOUCHED;
}

SITE(by_malloc)
APART static void *by_malloc(size_t size) { return born(&at_by_malloc, malloc(size), size); }

SITE(by_calloc)
APART static void *by_calloc(size_t count, size_t size) {
    return born(&at_by_calloc, calloc(count, size), count * size);
}

/* A realloc ends the old block and makes a new one; one that fails does neither. */
SITE(by_realloc)
APART static void *by_realloc(struct site *site, void *old, size_t old_size, size_t size) {
    void *new = born(&at_by_realloc, realloc(old, size), size);
    if (old != NULL && (new != NULL || size == 0)) dies(site, old_size);
    return new;
}

SITE(by_reallocarray)
APART static void *by_reallocarray(struct site *site, void *old, size_t old_size, size_t count, size_t size) {
    void *new = born(&at_by_reallocarray, reallocarray(old, count, size), count * size);
    if (old != NULL && (new != NULL || count * size == 0)) dies(site, old_size);
    return new;
}

SITE(by_posix_memalign)
APART static void *by_posix_memalign(size_t alignment, size_t size) {
    void *block = &result;
    result = posix_memalign(&block, alignment, size);
    untouched = block == &result;
    return result == 0 ? born(&at_by_posix_memalign, block, size) : NULL;
}

SITE(by_memalign)
APART static void *by_memalign(size_t alignment, size_t size) {
    return born(&at_by_memalign, memalign(alignment, size), size);
}

SITE(by_aligned_alloc)
APART static void *by_aligned_alloc(size_t alignment, size_t size) {
    return born(&at_by_aligned_alloc, aligned_alloc(alignment, size), size);
}

SITE(by_valloc)
APART static void *by_valloc(size_t size) { return born(&at_by_valloc, valloc(size), size); }

SITE(by_pvalloc)
APART static void *by_pvalloc(size_t size) { return born(&at_by_pvalloc, pvalloc(size), size); }

/* The C library calls malloc for us. */
SITE(by_strdup)
APART static void *by_strdup(const char *text) { return born(&at_by_strdup, strdup(text), strlen(text) + 1); }

static void mallocs(void) {
    void *block = by_malloc(0);
    say("malloc(0)", block, 16);
    release(&at_by_malloc, block, 0);
    for (size_t size = 1; size <= 4 << 20; size *= 4) {
        block = by_malloc(size);
        say("malloc", block, 16);
        memset(block, 0xA5, size);
        release(&at_by_malloc, block, size);
    }
    say("malloc that leaks", by_malloc(100), 16);
    say("malloc of too much", by_malloc(too_much), 1);
    free(NULL);
    say("free(NULL)", NULL, 1);
}

/* Of C23: not every C library has them. */
__attribute__((weak)) void free_sized(void *block, size_t size);
__attribute__((weak)) void free_aligned_sized(void *block, size_t alignment, size_t size);

static void sized_frees(void) {
    void *block = by_malloc(70);
    if (free_sized) free_sized(block, 70);
    else free(block);
    dies(&at_by_malloc, 70);
    block = by_aligned_alloc(64, 128);
    if (free_aligned_sized) free_aligned_sized(block, 64, 128);
    else free(block);
    dies(&at_by_aligned_alloc, 128);
}

static void other_functions(void) {
    dprintf(1, "mallopt=%d\n", mallopt(M_TOP_PAD, 128 * 1024));
    dprintf(1, "mallopt that fails=%d\n", mallopt(M_MXFAST, 1 << 20));
}

static void callocs(void) {
    /* On memory that has been used. */
    for (size_t size = 8; size <= 2 << 20; size *= 8) {
        char *block = by_calloc(size / 8, 8);
        int is_zero = 1;
        for (size_t i = 0; i < size; i++) is_zero &= block[i] == 0;
        dprintf(1, "zeroed=%d\n", is_zero);
        say("calloc", block, 16);
        release(&at_by_calloc, block, size);
    }
    say("calloc(0, 8)", by_calloc(zero, 8), 16);
    say("calloc that overflows", by_calloc(half, 3), 1);
    say("calloc of too much", by_calloc(half, 1), 1);
}

static void reallocs(void) {
    char *block = by_realloc(NULL, NULL, 0, 50);
    say("realloc(NULL)", block, 16);
    memset(block, 7, 50);
    static const size_t steps[] = {50, 5000, 20, 1 << 20, 4 << 20, 1 << 19, 100};
    size_t size = 50;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        block = by_realloc(&at_by_realloc, block, size, steps[i]);
        size = steps[i];
        say("realloc", block, 16);
        dprintf(1, "kept=%d\n", block[0] == 7 && block[19] == 7);
    }
    say("realloc to too much", by_realloc(&at_by_realloc, block, size, too_much), 1);
    dprintf(1, "kept=%d\n", block[0] == 7);
    say("realloc to 0", by_realloc(&at_by_realloc, block, size, zero), 1);
    say("realloc(NULL, 0)", by_realloc(NULL, NULL, 0, zero), 16);
    say("realloc of a malloc", by_realloc(&at_by_malloc, by_malloc(10), 10, 1000), 16);
}

static void reallocarrays(void) {
    void *block = by_reallocarray(NULL, NULL, 0, 3, 7);
    say("reallocarray(NULL)", block, 16);
    block = by_reallocarray(&at_by_reallocarray, block, 21, 300, 7);
    say("reallocarray", block, 16);
    say("reallocarray that overflows", by_reallocarray(&at_by_reallocarray, block, 2100, half, 4), 1);
    say("reallocarray of too much", by_reallocarray(&at_by_reallocarray, block, 2100, half, 2), 1);
    say("reallocarray to 0", by_reallocarray(&at_by_reallocarray, block, 2100, zero, 8), 1);
    say("reallocarray that leaks", by_reallocarray(NULL, NULL, 0, 11, 11), 16);
}

static void aligned(void) {
    for (size_t alignment = 8; alignment <= 1 << 16; alignment *= 2) {
        void *block = by_posix_memalign(alignment, 100);
        say("posix_memalign", block, alignment);
        release(&at_by_posix_memalign, block, 100);
        say("memalign", by_memalign(alignment, 10), alignment);
        say("aligned_alloc", by_aligned_alloc(alignment, 3 * alignment), alignment);
    }
    say("posix_memalign to 3", by_posix_memalign(3, 100), 1);
    say("posix_memalign to 4", by_posix_memalign(4, 100), 1);
    say("posix_memalign to 0", by_posix_memalign(zero, 100), 1);
    say("posix_memalign of too much", by_posix_memalign(64, too_much), 1);
    say("posix_memalign(0)", by_posix_memalign(64, zero), 64);
    say("memalign to 48", by_memalign(48, 10), 16);
    say("memalign of too much", by_memalign(64, too_much), 1);
    say("memalign to too much", by_memalign(half + 2, 8), 1);
    say("aligned_alloc to 48", by_aligned_alloc(48, 96), 16);
    say("aligned_alloc of too much", by_aligned_alloc(64, too_much), 1);
    say("valloc", by_valloc(100), 4096);
    say("valloc of too much", by_valloc(too_much), 1);
    say("pvalloc", by_pvalloc(100), 4096);
    say("pvalloc of too much", by_pvalloc(too_much), 1);
}

int main(void) {
    errno = UNTOUCHED;
    mallocs();
    callocs();
    reallocs();
    reallocarrays();
    aligned();
    sized_frees();
    other_functions();
    static const char text[] = "a text that the C library copies";
    char *copy = by_strdup(text);
    dprintf(1, "strdup=%d\n", strcmp(copy, text));
    release(&at_by_strdup, copy, sizeof text);
    say("strdup", by_strdup("leaks"), 16);
    say_sites();
    return 0;
}
