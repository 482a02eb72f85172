// Exceptions through frames with destructors, nested and rethrown, and longjmp; nothing may leak.
#include <csetjmp>
#include <cstdio>
#include <exception>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

static int caught, rethrown, jumped;

[[gnu::noinline]] static void descend(int depth) {
    auto kept = std::make_unique<std::string>(100 + depth, 'x');
    std::map<int, std::string> values;
    for (int i = 0; i < 5; i++) values[i] = *kept;
    if (depth == 0) throw std::runtime_error(*kept);
    try {
        descend(depth - 1);
    } catch (const std::logic_error &) {
        std::terminate();
    } catch (...) {
        rethrown++;
        throw;
    }
}

static std::jmp_buf target;

[[gnu::noinline]] static void jump(int depth) {
    if (depth == 0) std::longjmp(target, 1);
    char *volatile block = new char[64];
    delete[] block;
    jump(depth - 1);
}

int main() {
    for (int round = 0; round < 1000; round++) {
        try {
            descend(round % 20);
        } catch (const std::exception &) {
            caught++;
        }
        if (setjmp(target) == 0) jump(round % 10);
        else jumped++;
    }
    std::exception_ptr kept;
    try {
        descend(3);
    } catch (...) {
        kept = std::current_exception();
    }
    try {
        std::rethrow_exception(kept);
    } catch (const std::exception &) {
        caught++;
    }
    std::printf("caught=%d\nrethrown=%d\njumped=%d\n", caught, rethrown, jumped);
    return caught == 1001 && jumped == 1000 ? 0 : 1;
}
