/* `plugins_watched FIRST SECOND`: as `plugins`, while looks at the program's mappings take long and come often: there are many
 * mappings, files are mapped, and so much is allocated meanwhile that the writer never rests. */
#include "sites.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>

#define MAPPINGS 1000
#define ROUNDS 60
#define CALLS 100
#define OTHERS 6000

/* The functions are in the libraries; each is called as what its file is called. */
SITE(first_plugin)
SITE(second_plugin)
SITE(allocate_other)

APART void *allocate_other(size_t size) {
    return born(&at_allocate_other, malloc(size), size);
}

static void allocate_others(void) {
    for (int i = 0; i < OTHERS; i++) release(&at_allocate_other, allocate_other(24), 24);
}

static int use(const char *path, const char *name, struct site *site, size_t size) {
    void *library = dlopen(path, RTLD_NOW);
    if (library == NULL) return 0;
    void *(*allocate)(size_t) = (void *(*)(size_t))dlsym(library, name);
    int file = open(path, O_RDONLY);
    void *view = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, file, 0);
    if (allocate == NULL || file < 0 || view == MAP_FAILED) return 0;
    allocate_others();
    for (int call = 0; call < CALLS; call++) {
        void *block = born(site, allocate(size), size);
        if (call % 4 != 0) release(site, block, size);
    }
    allocate_others();
    return munmap(view, 4096) == 0 && close(file) == 0 && dlclose(library) == 0;
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    /* Neighbours that differ are not merged. */
    char *pages = mmap(NULL, MAPPINGS * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return 1;
    for (size_t page = 0; page < MAPPINGS; page += 2) {
        if (mprotect(pages + page * 4096, 4096, PROT_READ | PROT_WRITE) != 0) return 1;
    }
    for (int round = 0; round < ROUNDS; round++) {
        if (!use(argv[1], "first_plugin", &at_first_plugin, 40)) return 1;
        if (!use(argv[2], "second_plugin", &at_second_plugin, 60)) return 1;
    }
    say_sites();
    return 0;
}
