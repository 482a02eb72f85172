/* A program with an allocator of its own inside, or of a library: jemalloc or tcmalloc under the names of the C library's
 * functions, called by these names, by those of their own, by C++ and by the C library. */
#include "sites.h"
#include <cstring>
#include <list>
#include <malloc.h>
#include <map>
#include <new>
#include <string>
#include <thread>
#include <vector>

static size_t room;

static void release_all(struct site *site, void *block, size_t size) {
    room += malloc_usable_size(block);
    release(site, block, size);
}

static volatile size_t too_much = (size_t)1 << 62;
static const size_t sizes[] = {1, 8, 100, 5000, 100000, 5000000};

SITE(standard)
APART static void standard() {
    struct site *site = &at_standard;
    for (size_t size : sizes) {
        release_all(site, born(site, malloc(size), size), size);
        void *block = born(site, calloc(3, size), 3 * size);
        block = born(site, realloc(block, size), size);
        dies(site, 3 * size);
        block = born(site, realloc(block, 10 * size), 10 * size);
        dies(site, size);
        release_all(site, block, 10 * size);
        release_all(site, born(site, memalign(64, size), size), size);
        release_all(site, born(site, aligned_alloc(4096, 8192), 8192), 8192);
        void *stored;
        if (posix_memalign(&stored, 256, size) == 0) born(site, stored, size);
        born(site, malloc(size), size);
    }
    /* Nobody has so much: it counts if it works. */
    born(site, malloc(too_much), 1);
    free(NULL);
}

SITE(in_the_c_library)
APART static void in_the_c_library() {
    born(&at_in_the_c_library, strdup("seven."), 7);
    release_all(&at_in_the_c_library, born(&at_in_the_c_library, strndup("seven and more", 5), 6), 6);
}

SITE(arrays)
APART static void arrays() {
    struct site *site = &at_arrays;
    void *block = born(site, reallocarray(NULL, 5, 100), 500);
    block = born(site, reallocarray(block, 5, 1000), 5000);
    dies(site, 500);
    release_all(site, block, 5000);
}

SITE(objects)
APART static void objects() {
    struct site *site = &at_objects;
    for (size_t size : sizes) {
        void *block = born(site, ::operator new(size), size);
        ::operator delete(block);
        dies(site, size);
        block = born(site, ::operator new[](size), size);
        ::operator delete[](block);
        dies(site, size);
        block = born(site, ::operator new(size, std::nothrow), size);
        ::operator delete(block, std::nothrow);
        dies(site, size);
        block = born(site, ::operator new(size, std::align_val_t(128)), size);
        ::operator delete(block, std::align_val_t(128));
        dies(site, size);
        block = born(site, ::operator new[](size, std::nothrow), size);
        ::operator delete[](block, std::nothrow);
        dies(site, size);
        block = born(site, ::operator new(size), size);
        ::operator delete(block, size);
        dies(site, size);
        born(site, ::operator new(size), size);
    }
}

SITE(after_exceptions)
APART static void after_exceptions() {
    born(&at_after_exceptions, ::operator new(50), 50);
}

#ifdef THROWS
/* Exceptions are blocks themselves, of no call site. */
APART static void exceptions() {
    unsigned thrown = 0;
    for (int count = 0; count < 100; count++) {
        try {
            (void)born(&at_after_exceptions, ::operator new(too_much), too_much);
        } catch (const std::bad_alloc &) {
            thrown++;
        }
        after_exceptions();
    }
    dprintf(1, "thrown=%u nothrow=%d\n", thrown, ::operator new(too_much, std::nothrow) == NULL);
}
#endif

template <typename Type> struct Counting {
    using value_type = Type;
    Counting() = default;
    template <typename Other> Counting(const Counting<Other> &) {}
    Type *allocate(size_t count);
    void deallocate(Type *block, size_t count);
    bool operator==(const Counting &) const { return true; }
    bool operator!=(const Counting &) const { return false; }
};

SITE(in_containers)
template <typename Type> Type *Counting<Type>::allocate(size_t count) {
    void *block = ::operator new(count * sizeof(Type));
    return (Type *)born(&at_in_containers, block, count * sizeof(Type));
}

template <typename Type> void Counting<Type>::deallocate(Type *block, size_t count) {
    ::operator delete(block);
    dies(&at_in_containers, count * sizeof(Type));
}

static std::list<int, Counting<int>> list;

APART static void in_containers() {
    std::map<int, int, std::less<int>, Counting<std::pair<const int, int>>> map;
    std::vector<int, Counting<int>> numbers;
    for (int number = 0; number < 3000; number++) {
        map[number * 7 % 3001] = number;
        numbers.push_back(number);
    }
    for (int number = 0; number < 100; number++) list.push_back(number);
}

/* What one thread has allocated, another frees. */
APART static void emptied_elsewhere() {
    in_containers();
    std::thread([] { list.clear(); }).join();
}

#ifdef JEMALLOC
extern "C" {
void *mallocx(size_t size, int flags);
void *rallocx(void *block, size_t size, int flags);
size_t xallocx(void *block, size_t size, size_t extra, int flags);
size_t sallocx(const void *block, int flags);
size_t nallocx(size_t size, int flags);
void dallocx(void *block, int flags);
void sdallocx(void *block, size_t size, int flags);
int mallctl(const char *name, void *old, size_t *old_len, void *value, size_t len);
}

SITE(extended)
APART static void extended() {
    struct site *site = &at_extended;
    for (size_t size : {16, 1000, 40000, 3000000})
        for (int flags : {0, 10, 0x40, 0x46}) {
            void *block = born(site, mallocx(size, flags), size);
            room += sallocx(block, flags) - nallocx(size, flags);
            if (xallocx(block, size - 8, 0, flags) >= size - 8) {
                dies(site, size);
                born(site, block, size - 8);
            }
            block = born(site, rallocx(block, 7 * size, flags), 7 * size);
            dies(site, size - 8);
            sdallocx(block, 7 * size, flags);
            dies(site, 7 * size);
            born(site, mallocx(size, flags), size);
            dallocx(born(site, mallocx(size, flags), size), flags);
            dies(site, size);
        }
}
#endif

int main() {
#ifdef JEMALLOC
    extended();
    /* Its own counters are those of a program that nobody looks at. */
    unsigned long before = 0, after = 0;
    size_t len = sizeof before;
    mallctl("thread.allocated", &before, &len, NULL, 0);
#endif
    standard();
    in_the_c_library();
    arrays();
    objects();
#ifdef THROWS
    exceptions();
#endif
#ifdef JEMALLOC
    mallctl("thread.allocated", &after, &len, NULL, 0);
    dprintf(1, "allocated=%lu\n", after - before);
#endif
    emptied_elsewhere();
    dprintf(1, "room=%zu\n", room);
    say_sites();
}
