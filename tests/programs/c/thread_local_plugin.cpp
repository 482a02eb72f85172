/* The library for `thread_locals`. */
#include <cstdlib>

extern "C" __attribute__((noinline, noipa)) void *thread_local_block() {
    char *block = static_cast<char *>(malloc(77));
    block[0] = 1;
    return block;
}

namespace {
struct Local {
    void *block = thread_local_block();
    ~Local() { free(block); }
};
thread_local Local local;
/* More than fits beside the thread's own: it is allocated at the first use. */
thread_local char large[5000];
}

extern "C" void *use_thread_local() {
    large[4999] = 1;
    return local.block;
}
