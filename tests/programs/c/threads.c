/* Threads that allocate, and others that free what they got: addresses go back and forth between them. */
#include "sites.h"
#include <pthread.h>
#include <string.h>

#define PAIRS 4
#define BLOCKS 20000
#define ROOM 64

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    void *blocks[ROOM];
    int length;
};

static struct queue queues[PAIRS];

static size_t size_of(int number) { return 16 + number % 200; }

SITE(produce)
APART static void *produce(size_t size) {
    void *block = malloc(size);
    memset(block, 3, size);
    return born(&at_produce, block, size);
}

SITE(grow_elsewhere)
APART static void *grow_elsewhere(void *block, size_t size) {
    dies(&at_produce, size);
    return born(&at_grow_elsewhere, realloc(block, size + 500), size + 500);
}

static void put(struct queue *queue, void *block) {
    pthread_mutex_lock(&queue->lock);
    while (queue->length == ROOM) pthread_cond_wait(&queue->changed, &queue->lock);
    queue->blocks[queue->length++] = block;
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

/* In the order of a stack, so with the number that tells its size. */
static void *take(struct queue *queue) {
    pthread_mutex_lock(&queue->lock);
    while (queue->length == 0) pthread_cond_wait(&queue->changed, &queue->lock);
    void *block = queue->blocks[--queue->length];
    pthread_cond_broadcast(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
    return block;
}

static void *producer(void *queue) {
    for (int number = 0; number < BLOCKS; number++) {
        int *block = produce(size_of(number));
        *block = number;
        put(queue, block);
    }
    return NULL;
}

static void *consumer(void *queue) {
    for (int taken = 0; taken < BLOCKS; taken++) {
        int *block = take(queue);
        int number = *block;
        size_t size = size_of(number);
        if (number % 7 == 0) continue; /* leaks */
        if (number % 5 == 0)
            release(&at_grow_elsewhere, grow_elsewhere(block, size), size + 500);
        else
            release(&at_produce, block, size);
    }
    return NULL;
}

int main(void) {
    pthread_t threads[2 * PAIRS];
    for (int pair = 0; pair < PAIRS; pair++) {
        pthread_mutex_init(&queues[pair].lock, NULL);
        pthread_cond_init(&queues[pair].changed, NULL);
        pthread_create(&threads[2 * pair], NULL, producer, &queues[pair]);
        pthread_create(&threads[2 * pair + 1], NULL, consumer, &queues[pair]);
    }
    for (int i = 0; i < 2 * PAIRS; i++) pthread_join(threads[i], NULL);
    say_sites();
    return 0;
}
