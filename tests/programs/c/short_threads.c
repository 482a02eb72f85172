/* Many threads that live for a moment; each leaks one block from a destructor that runs late in its end.
 * argument: threads.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_key_t key;

__attribute__((noinline)) static void leak_at_end(void *value) {
    *(void **)malloc(24) = value;
}

static void *work(void *argument) {
    pthread_setspecific(key, argument);
    free(malloc(100));
    return NULL;
}

int main(int count, char **argument) {
    int threads = count > 1 ? atoi(argument[1]) : 2000;
    pthread_key_create(&key, leak_at_end);
    for (int n = 0; n < threads; n++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, work, &key)) return 3;
        pthread_join(thread, NULL);
    }
    printf("threads=%d\nleaked_by_leak_at_end=%d\nallocated_in_threads=%d\n", threads, threads, 2 * threads);
    return 0;
}
