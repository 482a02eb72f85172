/* `thread_locals LIBRARY`: thread-local objects whose constructors and destructors allocate, in the program and in a
 * library that is loaded while threads run. */
#include "sites.h"
#include <dlfcn.h>
#include <thread>
#include <vector>

constexpr int THREADS = 100;

SITE(when_it_begins)
SITE(when_it_ends)
struct Local {
    void *block = when_it_begins();
    ~Local() {
        release(&at_when_it_ends, when_it_ends(), 90);
        release(&at_when_it_begins, block, 60);
    }
    APART static void *when_it_begins() { return born(&at_when_it_begins, malloc(60), 60); }
    APART static void *when_it_ends() { return born(&at_when_it_ends, malloc(90), 90); }
};

static thread_local Local local;

/* In the library: a thread-local block, made at the first use, freed at the end of the thread. */
SITE(thread_local_block)

int main(int argc, char **argv) {
    std::vector<std::thread> threads;
    void *library = nullptr;
    void *(*use)() = nullptr;
    for (int i = 0; i < THREADS; i++) {
        if (i == THREADS / 4 && argc == 2) {
            library = dlopen(argv[1], RTLD_NOW);
            if (library == nullptr) return 1;
            use = reinterpret_cast<void *(*)()>(dlsym(library, "use_thread_local"));
        }
        threads.emplace_back([use] {
            if (local.block == nullptr) abort();
            if (use == nullptr) return;
            born(&at_thread_local_block, use(), 77);
            dies(&at_thread_local_block, 77);
        });
        if (i % 10 == 9) {
            for (auto &thread : threads) thread.join();
            threads.clear();
        }
    }
    if (library == nullptr || dlclose(library) != 0) return 1;
    say_sites();
    return 0;
}
