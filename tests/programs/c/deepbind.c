/* `deepbind LIBRARY`: a library that finds the C library's allocator before anybody else's. Its blocks are freed here,
 * and ours there. */
#include "sites.h"
#include <dlfcn.h>
#include <string.h>

#define ROUNDS 1000

SITE(here)
APART static void *here(size_t size) { return born(&at_here, malloc(size), size); }

SITE(grown_here)
APART static void *grown_here(void *block, size_t size) { return born(&at_grown_here, realloc(block, size), size); }

int main(int argc, char **argv) {
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND) : NULL;
    if (library == NULL) return 1;
    void *(*make)(size_t) = (void *(*)(size_t))dlsym(library, "make");
    void *(*grow)(void *, size_t) = (void *(*)(void *, size_t))dlsym(library, "grow");
    void (*end)(void *) = (void (*)(void *))dlsym(library, "end");
    int kept = 1;
    for (int round = 0; round < ROUNDS; round++) {
        /* Theirs, freed and grown here. */
        free(make(100));
        char *theirs = grown_here(make(50), 5000);
        kept &= theirs[49] == 7;
        release(&at_grown_here, theirs, 5000);
        /* Ours, grown and freed there. */
        char *ours = here(30);
        memset(ours, 3, 30);
        ours = grow(ours, 3000);
        kept &= ours[29] == 3;
        end(ours);
    }
    dprintf(1, "kept=%d\n", kept);
    say_sites();
    return dlclose(library);
}
