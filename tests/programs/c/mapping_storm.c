/* Threads map, unmap, overlay and remap at random, each in places of its own that others get when it gives them up.
 * Says at the end what is left. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define APART __attribute__((noinline, noclone, noipa))
#define PAGE 4096ul
#define THREADS 4
#define ROUNDS 20000
#define SLOTS 24

struct slot {
    char *map;
    size_t pages;
};

static struct slot slots[THREADS][SLOTS];

static uint64_t random_up_to(uint64_t *state, uint64_t end) {
    *state ^= *state << 13, *state ^= *state >> 7, *state ^= *state << 17;
    return *state % end;
}

static char *checked(char *map) {
    if (map == MAP_FAILED)
        abort();
    return map;
}

APART static char *storms(char *place, size_t pages, int flags) {
    return checked(mmap(place, pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0));
}

APART static void calms(char *map, size_t pages) {
    if (munmap(map, pages * PAGE) != 0)
        abort();
    __asm__ volatile("");
}

/* What consists of several mappings of the kernel cannot be remapped: then nothing happens. */
APART static void remaps(struct slot *slot, size_t pages) {
    char *now = mremap(slot->map, slot->pages * PAGE, pages * PAGE, MREMAP_MAYMOVE);
    if (now != MAP_FAILED)
        *slot = (struct slot){now, pages};
}

static void change(struct slot *slot, uint64_t *state) {
    size_t pages = 1 + random_up_to(state, 16);
    if (slot->map == NULL) {
        *slot = (struct slot){storms(NULL, pages, 0), pages};
        for (size_t page = 0; page < pages; page += 2)
            slot->map[page * PAGE] = 1;
        return;
    }
    size_t part = random_up_to(state, slot->pages);
    switch (random_up_to(state, 4)) {
    case 0:
        calms(slot->map, slot->pages);
        *slot = (struct slot){NULL, 0};
        break;
    case 1:
        if (part > 0) {
            calms(slot->map + part * PAGE, slot->pages - part);
            slot->pages = part;
        }
        break;
    case 2:
        storms(slot->map + part * PAGE, slot->pages - part, MAP_FIXED);
        break;
    default:
        remaps(slot, pages);
    }
}

static void *run(void *own) {
    uint64_t state = 88172645463325252ull ^ (uintptr_t)own;
    for (int round = 0; round < ROUNDS; round++)
        change(&slots[(uintptr_t)own][random_up_to(&state, SLOTS)], &state);
    return NULL;
}

int main(void) {
    pthread_t threads[THREADS];
    for (uintptr_t n = 0; n < THREADS; n++)
        if (pthread_create(&threads[n], NULL, run, (void *)n) != 0)
            return 1;
    for (int n = 0; n < THREADS; n++)
        pthread_join(threads[n], NULL);
    for (int n = 0; n < THREADS * SLOTS; n++) {
        struct slot *slot = &slots[n / SLOTS][n % SLOTS];
        if (slot->map != NULL)
            dprintf(1, "map=storms address=%lu size=%lu resident=0\n", (unsigned long)(uintptr_t)slot->map,
                    slot->pages * PAGE);
    }
    return 0;
}
