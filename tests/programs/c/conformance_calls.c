/* Calls those functions around the kernel that a profiler stands before, with every kind of argument, and says what came
 * of each call: mappings, prctl, syscall, dlclose, and the ways to end a process. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* No errno has this value: what keeps errno keeps it. */
#define UNTOUCHED 12345
#define PAGE ((size_t)4096)
#define FILE_SIZE 5000
#define CLOSED 999
/* Low enough that nothing is ever mapped there. */
#define NOWHERE ((char *)0x20000)
#define LEN(array) (sizeof(array) / sizeof *(array))

static int file;

static const char *result_of(const void *mapped) { return mapped == MAP_FAILED ? "failed" : "mapped"; }

static void tell(const char *call, long result) {
    int error = errno;
    dprintf(1, "%s=%ld errno=%d\n", call, result, error);
    errno = UNTOUCHED;
}

static void map(const char *name, void *(*function)(void *, size_t, int, int, int, off_t)) {
    static const size_t lengths[] = {0, 1, PAGE, FILE_SIZE, (size_t)1 << 63, SIZE_MAX};
    static const int protections[] = {PROT_NONE, PROT_READ, PROT_READ | PROT_WRITE};
    static const int flags[] = {0,          MAP_PRIVATE | MAP_ANONYMOUS,    MAP_SHARED | MAP_ANONYMOUS,   MAP_PRIVATE,
                                MAP_SHARED, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_POPULATE};
    static const off_t offsets[] = {0, PAGE, 123, -PAGE};
    const int descriptors[] = {-1, CLOSED, file};
    for (size_t i = 0; i < LEN(lengths) * LEN(protections) * LEN(flags) * LEN(offsets) * LEN(descriptors); i++) {
        size_t rest = i;
        size_t length = lengths[rest % LEN(lengths)];
        int protection = protections[(rest /= LEN(lengths)) % LEN(protections)];
        int flag = flags[(rest /= LEN(protections)) % LEN(flags)];
        off_t offset = offsets[(rest /= LEN(flags)) % LEN(offsets)];
        int descriptor = descriptors[(rest / LEN(offsets)) % LEN(descriptors)];
        errno = UNTOUCHED;
        char *mapped = function(NULL, length, protection, flag, descriptor, offset);
        dprintf(1, "%s(%zx, %d, %x, %d, %ld): %s errno=%d first=%d\n", name, length, protection, flag,
                descriptor == file, (long)offset, result_of(mapped), errno,
                mapped != MAP_FAILED && protection != PROT_NONE ? *mapped : -1);
        if (mapped != MAP_FAILED && munmap(mapped, length) != 0) dprintf(1, "and cannot be unmapped\n");
    }
}

/* A place of eight pages among pages that are taken. */
static char *place(void) {
    char *around = mmap(NULL, 10 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *place = mmap(around + PAGE, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    for (int i = 0; i < 8; i++) place[i * PAGE] = (char)('a' + i);
    errno = UNTOUCHED;
    return place;
}

static void leave(char *place) { munmap(place - PAGE, 10 * PAGE); }

static void fixed(void) {
    static const int flags[] = {MAP_FIXED, MAP_FIXED_NOREPLACE, 0};
    static const size_t at[] = {0, 100, PAGE, 7 * PAGE};
    for (size_t i = 0; i < LEN(flags) * LEN(at); i++) {
        char *here = place(), *wanted = here + at[i % LEN(at)];
        int flag = flags[i / LEN(at)];
        errno = UNTOUCHED;
        char *mapped = mmap(wanted, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | flag, -1, 0);
        dprintf(1, "mmap(+%zx, %x): %s there=%d errno=%d now=%d\n", at[i % LEN(at)], flag, result_of(mapped),
                mapped == wanted, errno, here[at[i % LEN(at)] / PAGE * PAGE]);
        if (mapped != MAP_FAILED && mapped != wanted) munmap(mapped, PAGE);
        leave(here);
    }
}

static void unmap(void) {
    static const size_t lengths[] = {0, 1, PAGE, 3 * PAGE, (size_t)1 << 63, SIZE_MAX};
    static const size_t at[] = {0, 100, 2 * PAGE};
    for (size_t i = 0; i < LEN(lengths) * LEN(at); i++) {
        char *here = place();
        int result = munmap(here + at[i / LEN(lengths)], lengths[i % LEN(lengths)]);
        dprintf(1, "munmap(+%zx, %zx)=%d errno=%d last=%c\n", at[i / LEN(lengths)], lengths[i % LEN(lengths)], result,
                errno, here[7 * PAGE]);
        leave(here);
    }
    tell("munmap of nothing", munmap(NOWHERE, PAGE));
}

static void remap(void) {
    static const size_t sizes[] = {0, 1, PAGE, 2 * PAGE, 8 * PAGE, 20 * PAGE, (size_t)1 << 62, SIZE_MAX};
    static const int flags[] = {0, MREMAP_MAYMOVE, MREMAP_FIXED, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, 99};
    static const size_t at[] = {0, 100, PAGE};
    for (size_t i = 0; i < LEN(sizes) * LEN(sizes) * LEN(flags) * LEN(at); i++) {
        size_t old = sizes[i % LEN(sizes)], new = sizes[i / LEN(sizes) % LEN(sizes)];
        int flag = flags[i / LEN(sizes) / LEN(sizes) % LEN(flags)];
        size_t from = at[i / LEN(sizes) / LEN(sizes) / LEN(flags)];
        /* It would take what is behind the place. */
        if (old > 8 * PAGE - from && old <= 20 * PAGE) continue;
        char *here = place();
        char *moved = mremap(here + from, old, new, flag);
        dprintf(1, "mremap(+%zx, %zx, %zx, %x): %s moved=%d errno=%d first=%d\n", from, old, new, flag,
                result_of(moved), moved != MAP_FAILED && moved != here + from, errno,
                moved != MAP_FAILED ? *moved : -1);
        if (moved != MAP_FAILED && moved != here + from) munmap(moved, new);
        leave(here);
    }
    char *here = place(), *there = place();
    char *moved = mremap(here, PAGE, 2 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, there + 2 * PAGE);
    dprintf(1, "mremap to a place: there=%d %c%c%c%c errno=%d\n", moved == there + 2 * PAGE, there[PAGE],
            there[2 * PAGE], there[3 * PAGE] + '0', there[4 * PAGE], errno);
    leave(here);
    leave(there);
}

static void kernel_calls(void) {
    char name[16] = "";
    tell("prctl of a name", prctl(PR_SET_NAME, "a name"));
    tell("prctl for the name", prctl(PR_GET_NAME, name));
    tell("the name", strcmp(name, "a name"));
    tell("prctl for a number", prctl(PR_GET_DUMPABLE));
    tell("prctl of a wrong signal", prctl(PR_SET_PDEATHSIG, 1000));
    tell("prctl of what is not", prctl(123456, 1, 2, 3, 4));
    tell("syscall of none", syscall(SYS_getpid) - getpid());
    /* Of six arguments, the last on the stack. */
    char *mapped = (char *)syscall(SYS_mmap, NULL, PAGE, PROT_READ, MAP_PRIVATE, file, PAGE);
    tell("syscall of six", mapped[0] + mapped[FILE_SIZE - PAGE - 1]);
    tell("syscall of two", syscall(SYS_munmap, mapped, PAGE));
    tell("syscall that fails", syscall(SYS_read, CLOSED, name, 1));
    tell("syscall of what is not", syscall(100000, 1, 2, 3, 4, 5, 6));
}

static void libraries(void) {
    void *once = dlopen("libm.so.6", RTLD_NOW), *again = dlopen("libm.so.6", RTLD_NOW);
    errno = UNTOUCHED;
    tell("the same", once == again);
    tell("dlclose", dlclose(again));
    tell("dlclose for good", dlclose(once));
    tell("dlopen of what is not", dlopen("./missing.so", RTLD_NOW) == NULL);
    tell("dlerror", dlerror() != NULL);
    tell("dlerror again", dlerror() != NULL);
}

static void end(int how) {
    switch (how) {
        case 0: _exit(7);
        case 1: _Exit(300);
        case 2: quick_exit(-1);
        case 3: exit(9);
        case 4: syscall(SYS_exit_group, 11); break;
        default: abort();
    }
}

static void children(void) {
    for (int how = 0; how < 6; how++) {
        int status = 0;
        errno = UNTOUCHED;
        pid_t pid = fork();
        if (pid == 0) end(how);
        int kept = errno == UNTOUCHED;
        waitpid(pid, &status, 0);
        dprintf(1, "fork: errno kept=%d status=%x\n", kept, status & ~0x80);
    }
}

int main(void) {
    char content[FILE_SIZE];
    memset(content, 'x', sizeof content);
    file = memfd_create("content", 0);
    if (write(file, content, sizeof content) != sizeof content) return 1;
    map("mmap", mmap);
    map("mmap64", mmap64);
    fixed();
    unmap();
    remap();
    kernel_calls();
    libraries();
    children();
    return 0;
}
