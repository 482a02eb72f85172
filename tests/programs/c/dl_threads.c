/* `dl_threads LIBRARY…`: threads load and unload libraries in a loop, all at once, and allocate in them, while others
 * allocate without. Each library has one function, named as its file. */
#include "sites.h"
#include <dlfcn.h>
#include <pthread.h>
#include <string.h>

#define LOADING 3
#define ROUNDS 60
#define CALLS 20

static int stop, wrong;

/* The functions are in the libraries. */
SITE(first_plugin)
SITE(second_plugin)

static struct site *site_of(const char *path) {
    return strstr(path, "first") != NULL ? &at_first_plugin : &at_second_plugin;
}

static int use(const char *path) {
    struct site *site = site_of(path);
    void *library = dlopen(path, RTLD_NOW);
    if (library == NULL) return 0;
    void *(*allocate)(size_t) = (void *(*)(size_t))dlsym(library, site->name);
    if (allocate == NULL) return 0;
    for (int call = 0; call < CALLS; call++) {
        void *block = born(site, allocate(30), 30);
        if (call % 5 != 0) release(site, block, 30);
    }
    return dlclose(library) == 0;
}

static void *load(void *path) {
    for (int round = 0; round < ROUNDS; round++)
        if (!use(path)) __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
    return NULL;
}

/* No site: how often depends on how long the loading takes. */
APART static void *beside(size_t size) {
    char *block = malloc(size);
    block[0] = 1;
    return block;
}

static void *allocate_beside(void *unused) {
    while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) free(beside(64));
    return unused;
}

int main(int argc, char **argv) {
    pthread_t threads[LOADING], other;
    pthread_create(&other, NULL, allocate_beside, NULL);
    for (int i = 0; i < LOADING; i++) pthread_create(&threads[i], NULL, load, argv[1 + i % (argc - 1)]);
    for (int i = 0; i < LOADING; i++) pthread_join(threads[i], NULL);
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    pthread_join(other, NULL);
    say_sites();
    return wrong != 0;
}
