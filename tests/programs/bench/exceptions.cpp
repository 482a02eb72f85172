// Exceptions through ten frames with destructors, and churn of std::map and std::string: `exceptions THROWS`.
#include <cstdio>
#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>

static long events;

// What new and delete do, and a count of it.
void *operator new(size_t size) {
    events++;
    void *block = malloc(size);
    if (block == nullptr) abort();
    return block;
}
void operator delete(void *block) noexcept {
    events++;
    free(block);
}
void operator delete(void *block, size_t) noexcept {
    events++;
    free(block);
}

using Map = std::map<std::string, std::string>;

__attribute__((noinline)) static void fall(int depth, Map &map) {
    std::string held = "a text that is too long to be kept in place, " + std::to_string(depth);
    if (depth == 0) throw std::runtime_error(held);
    fall(depth - 1, map);
    map[held] = held;
}

int main(int argc, char **argv) {
    long throws = argc > 1 ? atol(argv[1]) : 200000;
    size_t length = 0;
    Map map;
    for (long i = 0; i < throws; i++) {
        std::string key = "the key of an entry that changes with " + std::to_string(i % 1000);
        map[key] = key + " and has a value that is longer than the key";
        if (i % 7 == 0) map.erase(map.begin());
        try {
            fall(10, map);
        } catch (const std::exception &exception) {
            length += std::string(exception.what()).size();
            events += 2; // the exception itself
        }
    }
    fprintf(stderr, "length=%zu\n", length);
    map.clear();
    printf("events=%ld stacks=200 threads=1\n", events);
    return 0;
}
