/* `counted FILE`: counts what it allocates in memory that outlives it, and goes on until it is killed. Each thread has a
 * line of two numbers there: allocations that have begun, and those that have come back. Their sizes tell them from others. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS 3

struct page {
    _Atomic uint64_t process;
    struct {
        _Atomic uint64_t begun, back;
        uint64_t padding[6];
    } of[THREADS];
};

static struct page *page;

__attribute__((noinline, noclone)) static void *counted_site(size_t size) {
    void *volatile block = malloc(size);
    return block;
}

static void *work(void *argument) {
    uintptr_t number = (uintptr_t)argument;
    for (uint64_t round = 0;; round++) {
        page->of[number].begun++;
        void *block = counted_site(5000 + round % 8);
        page->of[number].back++;
        if (round % 500 != 0) free(block);
    }
    return NULL;
}

int main(int argc, char **argv) {
    int file = argc > 1 ? open(argv[1], O_RDWR | O_CREAT, 0600) : -1;
    if (file < 0 || ftruncate(file, sizeof *page) != 0) return 1;
    page = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (page == MAP_FAILED) return 1;
    for (uintptr_t number = 1; number < THREADS; number++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, (void *)number) != 0) return 1;
    }
    page->process = (uint64_t)getpid();
    work((void *)0);
    return 0;
}
