/* `plugins FIRST SECOND`: loads two libraries in turn, allocates in them, and unloads them again. */
#include "sites.h"
#include <dlfcn.h>

#define ROUNDS 30
#define CALLS 100

/* The functions are in the libraries; each is called as what its file is called. */
SITE(first_plugin)
SITE(second_plugin)

static int use(const char *path, const char *name, struct site *site, size_t size) {
    void *library = dlopen(path, RTLD_NOW);
    if (library == NULL) return 0;
    void *(*allocate)(size_t) = (void *(*)(size_t))dlsym(library, name);
    if (allocate == NULL) return 0;
    for (int call = 0; call < CALLS; call++) {
        void *block = born(site, allocate(size), size);
        if (call % 4 != 0) release(site, block, size);
    }
    return dlclose(library) == 0;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    for (int round = 0; round < ROUNDS; round++) {
        if (!use(argv[1], "first_plugin", &at_first_plugin, 40)) return 1;
        if (!use(argv[2], "second_plugin", &at_second_plugin, 60)) return 1;
    }
    dprintf(1, "missing=%d\n", dlopen("/nowhere.so", RTLD_NOW) == NULL);
    say_sites();
    return 0;
}
