/* A library behind all others that counts what reaches the C library's allocator, in a file that it maps:
 * `ORACLE=FILE`. The counters are there however the process ends. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *block, size_t size);
void *__libc_memalign(size_t alignment, size_t size);
void *__libc_valloc(size_t size);
void *__libc_pvalloc(size_t size);
void __libc_free(void *block);

struct counters {
    uint64_t born, bytes, died;
};

/* Until the file is there, here. */
static struct counters early, *counters = &early;

/* Only the process that was started counts. */
__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("ORACLE");
    int file = path == NULL ? -1 : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) return;
    struct counters *mapped = MAP_FAILED;
    if (ftruncate(file, sizeof *mapped) == 0)
        mapped = mmap(NULL, sizeof *mapped, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (mapped == MAP_FAILED) return;
    madvise(mapped, 4096, MADV_DONTFORK);
    *mapped = early;
    counters = mapped;
}

static void add(uint64_t *counter, uint64_t amount) { __atomic_fetch_add(counter, amount, __ATOMIC_RELAXED); }

static void *born(void *block, size_t size) {
    if (block != NULL) {
        add(&counters->born, 1);
        add(&counters->bytes, size);
    }
    return block;
}

void *malloc(size_t size) { return born(__libc_malloc(size), size); }
void *calloc(size_t count, size_t size) { return born(__libc_calloc(count, size), count * size); }
void *memalign(size_t alignment, size_t size) { return born(__libc_memalign(alignment, size), size); }
void *aligned_alloc(size_t alignment, size_t size) { return born(__libc_memalign(alignment, size), size); }
void *valloc(size_t size) { return born(__libc_valloc(size), size); }
void *pvalloc(size_t size) { return born(__libc_pvalloc(size), size); }

int posix_memalign(void **out, size_t alignment, size_t size) {
    int before = errno;
    if (alignment % sizeof(void *) != 0 || (alignment & (alignment - 1)) != 0 || alignment == 0) return EINVAL;
    void *block = born(__libc_memalign(alignment, size), size);
    errno = before;
    if (block == NULL) return ENOMEM;
    *out = block;
    return 0;
}

void free(void *block) {
    add(&counters->died, block != NULL);
    __libc_free(block);
}

void *realloc(void *old, size_t size) {
    void *new = __libc_realloc(old, size);
    add(&counters->died, old != NULL && (new != NULL || size == 0));
    return born(new, size);
}

void *reallocarray(void *old, size_t count, size_t size) {
    size_t bytes;
    if (!__builtin_mul_overflow(count, size, &bytes)) return realloc(old, bytes);
    errno = ENOMEM;
    return NULL;
}
