/* Threads that name themselves, wait until their events were written, and end. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

static void *work(void *unused) {
    (void)unused;
    void *volatile block = malloc(10);
    pthread_setname_np(pthread_self(), "renamed worker");
    void (*sync)(void) = (void (*)(void))dlsym(RTLD_DEFAULT, "memory_profiler_sync");
    if (sync != NULL) sync();
    free(block);
    return NULL;
}

int main(void) {
    pthread_t threads[3];
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    return 0;
}
