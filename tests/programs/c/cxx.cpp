/* C++: new and delete in their forms, exceptions through frames that allocate, and containers. */
#include "sites.h"
#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

constexpr int ROUNDS = 500;

SITE(by_new)
APART static int *by_new() { return static_cast<int *>(born(&at_by_new, new int(3), sizeof(int))); }

SITE(by_new_array)
APART static char *by_new_array(size_t size) {
    return static_cast<char *>(born(&at_by_new_array, new char[size], size));
}

struct alignas(128) Aligned {
    char content[256];
};

SITE(by_aligned_new)
APART static Aligned *by_aligned_new() {
    return static_cast<Aligned *>(born(&at_by_aligned_new, new Aligned, sizeof(Aligned)));
}

static volatile size_t too_much = PTRDIFF_MAX;

/* No site: the exception is a block too. */
static int new_fails() {
    try {
        born(&at_by_new, ::operator new(too_much), too_much);
    } catch (const std::bad_alloc &) {
        return ::operator new(too_much, std::nothrow) == nullptr;
    }
    return 0;
}

/* Each exception that is thrown lives in a block of its own, of a size that the runtime chooses. */
struct Wrong {
    int depth;
};

APART static void fail(int depth) { throw Wrong{depth}; }

SITE(before_the_exception)
APART static void before_the_exception(int depth) {
    std::unique_ptr<char, void (*)(char *)> block(
        static_cast<char *>(born(&at_before_the_exception, malloc(70), 70)),
        [](char *block) { release(&at_before_the_exception, block, 70); });
    if (depth == 0)
        born(&at_before_the_exception, malloc(10), 10); /* leaks */
    else
        before_the_exception(depth - 1);
}

SITE(while_unwinding)
struct OnTheWayOut {
    APART ~OnTheWayOut() { release(&at_while_unwinding, while_unwinding(), 90); }
    APART static void *while_unwinding() { return born(&at_while_unwinding, malloc(90), 90); }
};

APART static void descend_and_fail(int depth) {
    OnTheWayOut guard;
    if (depth == 0)
        fail(depth);
    else
        descend_and_fail(depth - 1);
}

APART static int catch_it(int depth) {
    try {
        before_the_exception(depth % 20);
        descend_and_fail(depth % 20);
    } catch (const Wrong &wrong) {
        return wrong.depth == 0;
    }
    return 0;
}

using Map = std::map<int, int>;

SITE(insert)
APART static void insert(Map &map, int key) {
    size_t before = map.size();
    map[key] = key;
    for (size_t added = before; added < map.size(); added++)
        born(&at_insert, &map, sizeof(std::_Rb_tree_node<Map::value_type>));
}

SITE(push)
APART static void push(std::vector<long> &vector, long value) {
    size_t before = vector.capacity();
    vector.push_back(value);
    if (vector.capacity() == before) return;
    born(&at_push, vector.data(), vector.capacity() * sizeof(long));
    if (before > 0) dies(&at_push, before * sizeof(long));
}

static void containers() {
    Map *map = new Map; /* leaks, with its nodes */
    for (int i = 0; i < ROUNDS; i++) insert(*map, i * 7 % 300);
    for (int i = 0; i < 100; i++)
        if (map->erase(i)) dies(&at_insert, sizeof(std::_Rb_tree_node<Map::value_type>));
    std::vector<long> vector;
    for (int i = 0; i < ROUNDS; i++) push(vector, i);
    dies(&at_push, vector.capacity() * sizeof(long));
}

int main() {
    int caught = 0;
    for (int i = 0; i < ROUNDS; i++) {
        int *number = by_new();
        if (i % 3 != 0) {
            dies(&at_by_new, sizeof(int));
            delete number;
        }
        char *text = by_new_array(i + 1);
        if (i % 5 != 0) {
            dies(&at_by_new_array, i + 1);
            delete[] text;
        }
        Aligned *aligned = by_aligned_new();
        if (i % 7 != 0) {
            dies(&at_by_aligned_new, sizeof(Aligned));
            delete aligned;
        }
        caught += catch_it(i);
    }
    std::thread([&caught] { caught += catch_it(10); }).join();
    dprintf(1, "caught=%d failed=%d\n", caught, new_fails());
    containers();
    say_sites();
    try {
        throw std::runtime_error("the end");
    } catch (const std::exception &exception) {
        dprintf(1, "what=%s\n", exception.what());
    }
    return 0;
}
