/* Exceptions of every kind, in several threads at once: thrown, thrown again, nested, carried to another thread, and
 * passing through frames whose destructors allocate and free. Whatever was made on the way is gone in the end. */
#include "sites.h"
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <new>
#include <pthread.h>
#include <string>
#include <thread>
#include <vector>

constexpr int ROUNDS = 1500;
constexpr int THREADS = 3;

SITE(in_the_exception)
/* An exception that has a block of its own. */
struct Trouble {
    void *block;
    int depth;
    explicit Trouble(int depth) : block(in_the_exception()), depth(depth) {}
    Trouble(const Trouble &other) : block(in_the_exception()), depth(other.depth) {}
    ~Trouble() { release(&at_in_the_exception, block, 72); }
    APART static void *in_the_exception() { return born(&at_in_the_exception, malloc(72), 72); }
};

SITE(in_a_frame)
/* A block of a frame, freed only by its destructor. */
struct Held {
    void *block = in_a_frame();
    ~Held() { release(&at_in_a_frame, block, 56); }
    APART static void *in_a_frame() { return born(&at_in_a_frame, malloc(56), 56); }
};

SITE(on_the_way_out)
struct Busy {
    APART ~Busy() {
        for (int i = 0; i < 3; i++) release(&at_on_the_way_out, on_the_way_out(), 24);
    }
    APART static void *on_the_way_out() { return born(&at_on_the_way_out, malloc(24), 24); }
};

SITE(left_behind)
APART static void left_behind() { born(&at_left_behind, malloc(11), 11); }

APART static void fall(int depth) {
    Held held;
    Busy busy;
    if (depth == 0) throw Trouble(7);
    fall(depth - 1);
    __asm__ volatile("");
}

/* Caught half way and thrown on, as it is. */
APART static void throw_again(int depth) {
    Held held;
    try {
        fall(depth);
    } catch (const Trouble &) {
        throw;
    }
}

/* A second exception while the first is still there. */
APART static void nest(int depth) {
    try {
        fall(depth);
    } catch (...) {
        Held held;
        std::throw_with_nested(Trouble(depth));
    }
}

/* Kept, and thrown again from elsewhere. */
APART static std::exception_ptr keep(int depth) {
    try {
        fall(depth);
    } catch (...) {
        return std::current_exception();
    }
    return nullptr;
}

/* A destructor that catches one of its own while another passes. */
struct Careful {
    ~Careful() {
        try {
            fall(2);
        } catch (const Trouble &) {
        }
    }
};

APART static void carefully(int depth) {
    Careful careful;
    fall(depth);
}

APART static int caught(const std::function<void()> &work) {
    try {
        work();
    } catch (const Trouble &trouble) {
        if (trouble.depth == 7) left_behind(); /* leaks */
        return 1;
    }
    return 0;
}

static int storm() {
    int count = 0;
    for (int round = 0; round < ROUNDS; round++) {
        int depth = round % 25;
        count += caught([=] { fall(depth); });
        count += caught([=] { throw_again(depth); });
        count += caught([=] { nest(depth); });
        count += caught([=] { carefully(depth); });
        std::exception_ptr kept = keep(depth);
        count += caught([=] { std::rethrow_exception(kept); });
    }
    return count;
}

/* Ends a thread by unwinding its stack. */
static void *cancelled(void *) {
    Held held;
    Busy busy;
    left_behind(); /* leaks */
    for (;;) pthread_testcancel();
}

int main() {
    std::vector<std::future<int>> storms;
    for (int i = 0; i < THREADS; i++) storms.push_back(std::async(std::launch::async, storm));
    int count = storm();
    for (auto &other : storms) count += other.get();
    auto thrown = std::async(std::launch::async, [] { fall(5); });
    count += caught([&] { thrown.get(); });
    for (int i = 0; i < 20; i++) {
        pthread_t thread;
        void *result = nullptr;
        if (pthread_create(&thread, nullptr, cancelled, nullptr) != 0) return 1;
        pthread_cancel(thread);
        pthread_join(thread, &result);
        count += result == PTHREAD_CANCELED;
    }
    dprintf(1, "caught=%d\n", count);
    say_sites();
    return 0;
}
