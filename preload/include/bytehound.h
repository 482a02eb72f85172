/* bytehound.h: how a program steers its own capture.
 *
 * The functions are those of libbytehound.so, which is preloaded: nothing has to be linked. In a program that is not
 * captured they do nothing, and `bytehound_is_here` is 0. They may be called from any thread, but not from a signal
 * handler.
 *
 * For C99 and C++11 or later, with GCC or Clang. From other languages, look the functions up by their names with
 * `dlsym(RTLD_DEFAULT, "memory_profiler_start")`, say. */
#ifndef BYTEHOUND_H
#define BYTEHOUND_H

#include <stdint.h>

#ifdef __cplusplus
#define BYTEHOUND_C extern "C"
#else
#define BYTEHOUND_C
#endif

/* The address of a function, which is null where there is no library. Code that is compiled to lie at a fixed address
 * has to ask for it in so many words: linkers take a weak function that they do not find for one that never comes. */
#if defined(__x86_64__) && !defined(__PIC__) && !defined(__PIE__)
#define BYTEHOUND_ADDRESS(name, found) __asm__(".weak " #name "\n\tmovq " #name "@GOTPCREL(%%rip), %0" : "=r"(found))
#else
#define BYTEHOUND_ADDRESS(name, found) found = name
#endif

/* Declares a function of the library, and one that finds it. */
#define BYTEHOUND_FUNCTION(name, parameters)                                                                           \
    BYTEHOUND_C __attribute__((weak)) void name parameters;                                                            \
    typedef void(*name##_pointer) parameters;                                                                          \
    static inline name##_pointer name##_found(void) {                                                                  \
        name##_pointer found;                                                                                          \
        BYTEHOUND_ADDRESS(name, found);                                                                                \
        return found;                                                                                                  \
    }

BYTEHOUND_FUNCTION(memory_profiler_start, (void))
BYTEHOUND_FUNCTION(memory_profiler_stop, (void))
BYTEHOUND_FUNCTION(memory_profiler_sync, (void))
BYTEHOUND_FUNCTION(memory_profiler_set_marker, (uint32_t value))
BYTEHOUND_FUNCTION(memory_profiler_override_next_timestamp, (uint64_t microseconds))

/* Whether the program is captured, or would be if recording were started. */
static inline int bytehound_is_here(void) { return memory_profiler_start_found() != 0; }

/* Starts recording, or goes on with it: with MEMORY_PROFILER_DISABLE_BY_DEFAULT=1 it waits for this. The file is made
 * when recording starts for the first time. */
static inline void bytehound_start(void) {
    if (memory_profiler_start_found()) memory_profiler_start_found()();
}

/* Stops recording, until it is started again: into the same file. What is allocated meanwhile is not in the capture;
 * what was recorded and is freed meanwhile is freed there, too. */
static inline void bytehound_stop(void) {
    if (memory_profiler_stop_found()) memory_profiler_stop_found()();
}

/* Returns when everything that was recorded so far, by all threads, is in the file; after 10 seconds at the latest. */
static inline void bytehound_sync(void) {
    if (memory_profiler_sync_found()) memory_profiler_sync_found()();
}

/* Marks everything that is allocated from now on, by all threads, with this number, until another one is set. It is 0
 * at first. */
static inline void bytehound_set_marker(uint32_t value) {
    if (memory_profiler_set_marker_found()) memory_profiler_set_marker_found()(value);
}

/* Gives the next event that is recorded this time, in microseconds of CLOCK_MONOTONIC: for tests that need times which
 * are the same in every run. */
static inline void bytehound_override_next_timestamp(uint64_t microseconds) {
    if (memory_profiler_override_next_timestamp_found()) memory_profiler_override_next_timestamp_found()(microseconds);
}

#endif
