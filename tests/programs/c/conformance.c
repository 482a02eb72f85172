/* Calls every function of the malloc family with every kind of argument, at every moment of a process's life, and says
 * what came of each call: what it returned, what it left in errno, what the block is like. */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* No errno has this value: what keeps errno keeps it. */
#define UNTOUCHED 12345
#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define MUCH (256 * MIB)
#define HALF ((size_t)1 << 63)
#define LEN(array) (sizeof(array) / sizeof *(array))

/* The C library's own, which no other library comes before. */
void *__libc_malloc(size_t size);
void __libc_free(void *block);

static const size_t sizes[] = {
    0, 1, 8, 24, 25, 100, 1000, 5000, 64 * KIB, 300 * KIB, 3 * MIB, HALF - 1, HALF, SIZE_MAX - 4096, SIZE_MAX,
};
static const size_t alignments[] = {
    0, 1, 2, 3, 4, 8, 12, 16, 24, 32, 48, 64, 100, 512, 4096, 4097, 64 * KIB, 2 * MIB, HALF, HALF + 1, SIZE_MAX,
};
static const size_t products[][2] = {
    {0, 0},   {0, 8},         {8, 0},        {1, 100},        {100, 1},         {7, 11},        {1000, 300},
    {3, MIB}, {SIZE_MAX, 2},  {2, SIZE_MAX}, {HALF - 1, 3},   {1ul << 32, 1ul << 32}, {HALF, 2}, {HALF - 1, 1},
};

/* The compiler knows nothing of a block that went through here. */
static void *opaque(void *block) {
    __asm__ volatile("" : "+r"(block) : : "memory");
    return block;
}

static const char *moment;

static int is_aligned(void *block, size_t alignment) { return (uintptr_t)block % alignment == 0; }

/* What the allocator itself notes of a block's size, in the word before it. */
static size_t noted_size(const size_t *block) {
    if (block == NULL) return 0;
    int is_mapped = (block[-1] & 2) != 0;
    return (block[-1] & ~(size_t)7) - (is_mapped ? 16 : 8);
}

static void say(const char *function, size_t first, size_t second, void *block, size_t alignment) {
    int error = errno;
    size_t usable = malloc_usable_size(block);
    dprintf(1, "%s %s(%zx, %zx): null=%d errno=%d aligned=%d usable=%d", moment, function, first, second,
            block == NULL, error, is_aligned(block, alignment), usable == noted_size(block));
    /* Where it is aligned more, it depends on where the heap happens to be. */
    if (alignment <= 16) dprintf(1, " %zu", usable);
    dprintf(1, "\n");
    errno = UNTOUCHED;
}

static unsigned char pattern(size_t at) { return (unsigned char)(at * 31 + 7); }

static void fill(unsigned char *block, size_t size) {
    for (size_t at = 0; at < size; at++) block[at] = pattern(at);
}

static int holds(const unsigned char *block, size_t size) {
    for (size_t at = 0; at < size; at++)
        if (block[at] != pattern(at)) return 0;
    return 1;
}

static int is_zero(const unsigned char *block, size_t size) {
    for (size_t at = 0; at < size; at++)
        if (block[at] != 0) return 0;
    return 1;
}

/* All that the allocator gave may be used; freeing keeps errno. */
static void use_and_free(void *block) {
    fill(block, malloc_usable_size(block));
    errno = UNTOUCHED;
    free(block);
    if (errno != UNTOUCHED) dprintf(1, "free left errno=%d\n", errno);
}

static void sized(const char *name, void *(*function)(size_t), size_t alignment) {
    for (size_t i = 0; i < LEN(sizes); i++) {
        errno = UNTOUCHED;
        void *block = opaque(function(sizes[i]));
        say(name, sizes[i], 0, block, alignment);
        use_and_free(block);
    }
}

/* What the functions make of an alignment that is none. */
static size_t next_power(size_t alignment) {
    size_t power = 1;
    while (power < alignment && power < HALF) power *= 2;
    return power;
}

static void aligned(const char *name, void *(*function)(size_t, size_t)) {
    for (size_t i = 0; i < LEN(alignments); i++)
        for (size_t j = 0; j < LEN(sizes); j++) {
            size_t alignment = alignments[i];
            errno = UNTOUCHED;
            void *block = opaque(function(alignment, sizes[j]));
            say(name, alignment, sizes[j], block, next_power(alignment));
            use_and_free(block);
        }
}

/* On failure the result stays as it was, and errno too: the error is what is returned. */
static void *by_posix_memalign(size_t alignment, size_t size) {
    static int nothing;
    void *block = &nothing;
    int result = posix_memalign(&block, alignment, size);
    if (result == 0) return block;
    dprintf(1, "posix_memalign=%d untouched=%d\n", result, block == &nothing);
    return NULL;
}

static void callocs(void) {
    for (size_t i = 0; i < LEN(products); i++) {
        size_t count = products[i][0], size = products[i][1];
        /* On memory that has been used. */
        if (count <= 1000 && size <= 300) use_and_free(opaque(malloc(count * size)));
        errno = UNTOUCHED;
        unsigned char *block = opaque(calloc(count, size));
        say("calloc", count, size, block, 16);
        if (block != NULL) dprintf(1, "zero=%d\n", is_zero(block, count * size));
        use_and_free(block);
    }
}

/* Where blocks come from that realloc and free have to cope with. */
static void *from_nowhere(void) { return NULL; }
static void *from_malloc(void) { return malloc(100); }
static void *from_mmap(void) { return malloc(400 * KIB); }
static void *from_calloc(void) { return calloc(10, 20); }
static void *from_memalign(void) { return memalign(4096, 500); }
static void *from_libc(void) { return __libc_malloc(100); }
static void *(*const origins[])(void) = {
    from_nowhere, from_malloc, from_mmap, from_calloc, from_memalign, from_libc,
};

static unsigned char *new_block(size_t origin) {
    unsigned char *block = opaque(origins[origin]());
    fill(block, malloc_usable_size(block));
    errno = UNTOUCHED;
    return block;
}

/* After a realloc to `size` bytes of a block that had `had`: either block holds what was in the old one. */
static void after_realloc(unsigned char *old, unsigned char *new, size_t had, size_t size) {
    int failed = new == NULL && size != 0;
    if (failed) dprintf(1, "old_kept=%d\n", holds(old, had));
    if (new != NULL) dprintf(1, "kept=%d\n", holds(new, had < size ? had : size));
    use_and_free(failed ? old : new);
}

static void reallocs(void) {
    for (size_t origin = 0; origin < LEN(origins); origin++) {
        for (size_t i = 0; i < LEN(sizes); i++) {
            unsigned char *old = new_block(origin);
            size_t had = malloc_usable_size(old);
            unsigned char *new = opaque(realloc(old, sizes[i]));
            say("realloc", origin, sizes[i], new, 16);
            after_realloc(old, new, had, sizes[i]);
        }
        for (size_t i = 0; i < LEN(products); i++) {
            unsigned char *old = new_block(origin);
            size_t had = malloc_usable_size(old), count = products[i][0], size = products[i][1], bytes;
            if (__builtin_mul_overflow(count, size, &bytes)) bytes = SIZE_MAX;
            unsigned char *new = opaque(reallocarray(old, count, size));
            say("reallocarray", count, size, new, 16);
            after_realloc(old, new, had, bytes);
        }
    }
}

/* Step by step up and down, across the border to blocks that are mapped on their own. */
static void a_chain_of_reallocs(void) {
    static const size_t steps[] = {1, 100, 24, 5000, 10 * KIB, 300 * KIB, 3 * MIB, MIB, 200 * KIB, 100, 1};
    size_t had = 0;
    unsigned char *block = NULL;
    for (size_t i = 0; i < LEN(steps); i++) {
        block = opaque(realloc(block, steps[i]));
        say("realloc on", had, steps[i], block, 16);
        dprintf(1, "kept=%d\n", holds(block, had < steps[i] ? had : steps[i]));
        fill(block, had = steps[i]);
    }
    use_and_free(block);
}

/* Of C23: not every C library has them. */
__attribute__((weak)) void free_sized(void *block, size_t size);
__attribute__((weak)) void free_aligned_sized(void *block, size_t alignment, size_t size);

static void frees(void) {
    for (size_t origin = 0; origin < LEN(origins); origin++) use_and_free(new_block(origin));
    /* And the other way round: what the C library's own function frees. */
    __libc_free(new_block(1));
    errno = UNTOUCHED;
    void *block = opaque(malloc(70));
    free_sized ? free_sized(block, 70) : free(block);
    block = opaque(aligned_alloc(64, 128));
    free_aligned_sized ? free_aligned_sized(block, 64, 128) : free(block);
    dprintf(1, "errno=%d\n", errno);
}

static void nothing_at_all(void) {
    errno = UNTOUCHED;
    free(NULL);
    if (free_sized) free_sized(NULL, 0);
    if (free_aligned_sized) free_aligned_sized(NULL, 0, 0);
    dprintf(1, "%s usable=%zu errno=%d\n", moment, malloc_usable_size(NULL), errno);
    use_and_free(opaque(realloc(NULL, 10)));
    use_and_free(opaque(reallocarray(NULL, 3, 10)));
}

/* Blocks of the C library, made by its own calls. */
static void blocks_of_the_library(void) {
    char *text = NULL, *line = malloc(1);
    size_t length = 1;
    dprintf(1, "asprintf=%d\n", asprintf(&text, "%0100d", 7));
    FILE *file = fmemopen(text, 100, "r");
    dprintf(1, "getline=%zd\n", getline(&line, &length, file));
    fclose(file);
    use_and_free(text);
    use_and_free(line);
    use_and_free(opaque(strdup("a text")));
    use_and_free(realpath("/proc/../proc", NULL));
    file = open_memstream(&text, &length);
    for (int i = 0; i < 2000; i++) fprintf(file, "%d ", i);
    fclose(file);
    dprintf(1, "memstream=%zu\n", length);
    use_and_free(text);
}

/* The system gives no memory: a large block is not to be had, and what there is stays as it is. */
static void starved(void) {
    struct rlimit limit, none;
    getrlimit(RLIMIT_AS, &limit);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = limit.rlim_max};
    unsigned char *old = new_block(1);
    moment = "without memory";
    setrlimit(RLIMIT_AS, &none);
    say("malloc", MUCH, 0, opaque(malloc(MUCH)), 16);
    say("calloc", MUCH, 2, opaque(calloc(MUCH, 2)), 16);
    say("valloc", MUCH, 0, opaque(valloc(MUCH)), 16);
    say("pvalloc", MUCH, 0, opaque(pvalloc(MUCH)), 16);
    say("memalign", 64, MUCH, opaque(memalign(64, MUCH)), 16);
    say("aligned_alloc", 64, MUCH, opaque(aligned_alloc(64, MUCH)), 16);
    say("posix_memalign", 64, MUCH, opaque(by_posix_memalign(64, MUCH)), 16);
    say("realloc", 1, MUCH, opaque(realloc(old, MUCH)), 16);
    say("reallocarray", MUCH, 3, opaque(reallocarray(old, MUCH, 3)), 16);
    dprintf(1, "old_kept=%d\n", holds(old, malloc_usable_size(old)));
    use_and_free(old);
    setrlimit(RLIMIT_AS, &limit);
}

static void whole_table(const char *when) {
    moment = when;
    nothing_at_all();
    sized("malloc", malloc, 16);
    sized("valloc", valloc, 4096);
    sized("pvalloc", pvalloc, 4096);
    aligned("memalign", memalign);
    aligned("aligned_alloc", aligned_alloc);
    aligned("posix_memalign", by_posix_memalign);
    callocs();
    reallocs();
    a_chain_of_reallocs();
    frees();
}

static void before_all_constructors(void) { whole_table("before all constructors"); }
__attribute__((section(".preinit_array"), used)) static void (*const first)(void) = before_all_constructors;

__attribute__((constructor(101))) static void in_a_constructor(void) { whole_table("in a constructor"); }
__attribute__((destructor(101))) static void in_a_destructor(void) { whole_table("in a destructor"); }
static void at_exit(void) { whole_table("at exit"); }

static void *in_a_thread(void *unused) {
    whole_table("in a thread");
    return unused;
}

int main(void) {
    atexit(at_exit);
    whole_table("in main");
    blocks_of_the_library();
    pthread_t thread;
    if (pthread_create(&thread, NULL, in_a_thread, NULL) != 0) return 1;
    pthread_join(thread, NULL);
    dprintf(1, "mallopt=%d\n", mallopt(M_MMAP_THRESHOLD, 64 * 1024));
    dprintf(1, "mallopt=%d\n", mallopt(M_MXFAST, 1 << 20));
    dprintf(1, "mallopt=%d\n", mallopt(12345, 1));
    whole_table("with another threshold");
    starved();
    return 0;
}
