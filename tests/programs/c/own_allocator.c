/* An allocator of its own, as a library: its functions may be called from a signal handler, for each takes no lock and
 * has what it gives in one step. LOCKED: it takes a lock instead, and calls mmap while it holds it. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#define HEADER 16
#define ROOM ((size_t)1 << 36)

static size_t rounded(size_t size, size_t to) { return (size + to - 1) / to * to; }

#ifdef LOCKED
#define STEP ((size_t)1 << 16)
static atomic_flag lock = ATOMIC_FLAG_INIT;
static char *next, *end;

static char *take(size_t size) {
    while (atomic_flag_test_and_set(&lock)) continue;
    if ((size_t)(end - next) < size) {
        size_t step = rounded(size, STEP);
        next = mmap(NULL, step, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        end = next + step;
    }
    char *taken = next;
    next += size;
    atomic_flag_clear(&lock);
    return taken;
}
#else
static _Atomic(char *) next;

/* Nothing is ever given twice. */
static char *take(size_t size) {
    if (atomic_load(&next) == NULL) {
        char *none = NULL;
        char *room = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        atomic_compare_exchange_strong(&next, &none, room);
    }
    return atomic_fetch_add(&next, size);
}
#endif

static void *allocate(size_t alignment, size_t size) {
    if (size > ROOM / 4 || alignment > ROOM / 4) {
        errno = ENOMEM;
        return NULL;
    }
    size = rounded(size, 16);
    char *taken = take(size + HEADER + alignment);
    char *block = (char *)rounded((uintptr_t)taken + HEADER, alignment);
    ((size_t *)block)[-1] = size;
    return block;
}

size_t malloc_usable_size(void *block) { return block == NULL ? 0 : ((size_t *)block)[-1]; }
void *malloc(size_t size) { return allocate(16, size); }
void free(void *block) { (void)block; }
void *memalign(size_t alignment, size_t size) { return allocate(alignment, size); }
void *aligned_alloc(size_t alignment, size_t size) { return allocate(alignment, size); }
void *valloc(size_t size) { return allocate(4096, size); }
void *pvalloc(size_t size) { return allocate(4096, rounded(size, 4096)); }

void *calloc(size_t count, size_t size) {
    size_t bytes;
    if (__builtin_mul_overflow(count, size, &bytes)) bytes = SIZE_MAX;
    return allocate(16, bytes);
}

void *realloc(void *old, size_t size) {
    void *new = allocate(16, size);
    size_t had = malloc_usable_size(old);
    if (new != NULL && old != NULL) memcpy(new, old, had < size ? had : size);
    return new;
}

void *reallocarray(void *old, size_t count, size_t size) {
    size_t bytes;
    return realloc(old, __builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
    *out = allocate(alignment, size);
    return *out == NULL ? ENOMEM : 0;
}
