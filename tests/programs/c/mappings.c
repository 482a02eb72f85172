/* Maps memory in every way, and says what is left of it. Each site is a function that calls mmap. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define APART __attribute__((noinline, noclone, noipa))
#define PAGE 4096ul
#define SHORT_LIVED 1000
#define THREADS 4
#define EACH 100

static void check(int is_right, const char *what) {
    if (!is_right) {
        dprintf(2, "wrong: %s (errno %d)\n", what, errno);
        _exit(1);
    }
}

static char *checked(char *map, const char *what) {
    check(map != MAP_FAILED, what);
    return map;
}

static void touch(char *map, size_t pages) {
    for (size_t page = 0; page < pages; page++)
        map[page * PAGE] = 1;
}

/* Memory at a place, or anywhere. The call itself has to be in the site: that is what its backtrace shows. */
#define ANONYMOUS(place, pages, flags)                                                                                 \
    checked(mmap(place, (pages)*PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | (flags), -1, 0), __func__)

#define SAYS(site, map, pages, resident)                                                                               \
    dprintf(1, "map=%s address=%lu size=%lu resident=%lu\n", #site, (unsigned long)(uintptr_t)(map),                   \
            (unsigned long)(pages)*PAGE, (unsigned long)(resident)*PAGE)

/* Addresses with nothing on either side, far from where the kernel puts what other threads map meanwhile. */
static char *free_place(size_t pages) {
    static char *place = (char *)0x200000000000;
    place += (pages + 2) * PAGE;
    return place - (pages + 1) * PAGE;
}

APART static char *whole(void) { return ANONYMOUS(NULL, 256, 0); }
APART static char *left(char *place) { return ANONYMOUS(place, 64, MAP_FIXED_NOREPLACE); }
APART static char *right(char *place) { return ANONYMOUS(place, 64, MAP_FIXED_NOREPLACE); }
APART static char *punched(void) { return ANONYMOUS(NULL, 8, 0); }
APART static char *below(void) { return ANONYMOUS(NULL, 16, 0); }
APART static char *overlay(char *place) { return ANONYMOUS(place, 4, MAP_FIXED); }
APART static char *grown(char *place) { return ANONYMOUS(place, 4, MAP_FIXED_NOREPLACE); }
APART static char *shrunk(void) { return ANONYMOUS(NULL, 32, 0); }
APART static char *moved(char *place) { return ANONYMOUS(place, 4, MAP_FIXED_NOREPLACE); }
APART static char *guarded(char *place) { return ANONYMOUS(place, 1, MAP_FIXED_NOREPLACE); }
APART static char *target(void) { return ANONYMOUS(NULL, 8, 0); }
APART static char *thrown(void) { return ANONYMOUS(NULL, 8, 0); }
APART static char *short_lived(void) { return ANONYMOUS(NULL, 3, 0); }
APART static char *in_a_thread(void) { return ANONYMOUS(NULL, 2, 0); }

APART static char *shared(void) {
    return checked(mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), "shared");
}

APART static char *of_a_file(int file) {
    return checked(mmap64(NULL, PAGE + 904, PROT_READ, MAP_PRIVATE, file, 0), "of_a_file");
}

/* munmap comes back to here, so that this function is in its backtrace. */
APART static void unmaps(char *map, size_t pages) {
    check(munmap(map, pages * PAGE) == 0, "munmap");
    __asm__ volatile("");
}

APART static char *remaps(char *map, size_t from, size_t to, int flags, char *place) {
    char *now = mremap(map, from * PAGE, to * PAGE, flags, place);
    check(now != MAP_FAILED, "mremap");
    __asm__ volatile("");
    return now;
}

static void *map_many(void *maps) {
    for (int n = 0; n < EACH; n++)
        ((char **)maps)[n] = in_a_thread();
    return NULL;
}

/* Each thread maps; the next one's are unmapped by the main thread as they come. */
static void threads(void) {
    static char *maps[THREADS][EACH];
    pthread_t ids[THREADS];
    for (int n = 0; n < THREADS; n++)
        check(pthread_create(&ids[n], NULL, map_many, maps[n]) == 0, "pthread_create");
    for (int n = 0; n < THREADS; n++) {
        pthread_join(ids[n], NULL);
        for (int map = 0; map < EACH; map++)
            unmaps(maps[n][map], 2);
    }
}

/* What fails fails as it does, and what works leaves errno alone. */
static void failures(void) {
    check(mmap(NULL, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL, "length 0");
    check(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, 1000, 0) == MAP_FAILED && errno == EBADF, "no file");
    check(munmap((void *)1, PAGE) == -1 && errno == EINVAL, "unaligned");
    check(mremap((void *)PAGE, PAGE, 2 * PAGE, 0) == MAP_FAILED && errno == EFAULT, "nothing there");
    errno = 77;
    char *map = short_lived();
    unmaps(map, 3);
    check(errno == 77, "errno");
}

static void neighbours(void) {
    char *place = free_place(128);
    char *one = left(place), *two = right(place + 64 * PAGE);
    touch(one, 64);
    touch(two + 32 * PAGE, 32);
    SAYS(left, one, 64, 64);
    SAYS(right, two, 64, 32);
}

static void pieces(void) {
    char *map = punched();
    touch(map, 8);
    unmaps(map + 3 * PAGE, 2);
    SAYS(punched, map, 3, 3);
    SAYS(punched, map + 5 * PAGE, 3, 3);
    map = below();
    touch(map, 16);
    char *over = overlay(map + 8 * PAGE);
    SAYS(below, map, 8, 8);
    SAYS(below, map + 12 * PAGE, 4, 4);
    SAYS(overlay, over, 4, 0);
}

static void remapped(void) {
    char *place = free_place(32);
    char *map = grown(place);
    check(remaps(map, 4, 32, 0, NULL) == map, "grows in place");
    touch(map, 10);
    SAYS(grown, map, 32, 10);

    map = shrunk();
    touch(map, 32);
    remaps(map, 32, 5, 0, NULL);
    SAYS(shrunk, map, 5, 5);

    place = free_place(5);
    map = moved(place);
    guarded(place + 4 * PAGE);
    touch(map, 4);
    char *away = remaps(map, 4, 64, MREMAP_MAYMOVE, NULL);
    check(away != map, "moves");
    SAYS(moved, away, 64, 4);

    char *onto = target();
    map = thrown();
    touch(map, 8);
    remaps(map, 2, 2, MREMAP_MAYMOVE | MREMAP_FIXED, onto + 2 * PAGE);
    SAYS(thrown, onto + 2 * PAGE, 2, 2);
    SAYS(thrown, map + 2 * PAGE, 6, 6);
    SAYS(target, onto, 2, 0);
    SAYS(target, onto + 4 * PAGE, 4, 0);
}

int main(void) {
    char *map = whole();
    touch(map, 256);
    SAYS(whole, map, 256, 256);
    neighbours();
    pieces();
    remapped();
    map = shared();
    touch(map, 16);
    SAYS(shared, map, 16, 16);
    int file = open("/proc/self/exe", O_RDONLY);
    SAYS(of_a_file, of_a_file(file), 2, 0);
    close(file);
    for (int n = 0; n < SHORT_LIVED; n++) {
        map = short_lived();
        touch(map, 2);
        unmaps(map, 3);
    }
    threads();
    failures();
    return 0;
}
