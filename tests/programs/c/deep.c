/* A recursion a hundred thousand calls deep, on a stack that has room for it, allocating on the way down, at the bottom
 * and on the way up. */
#include "sites.h"
#include <pthread.h>

#define DEPTH 100000
#define STACK ((size_t)64 << 20)

SITE(on_the_way_down)
APART static void *on_the_way_down(size_t size) { return born(&at_on_the_way_down, malloc(size), size); }

SITE(at_the_bottom)
APART static void *at_the_bottom(size_t size) { return born(&at_at_the_bottom, malloc(size), size); }

SITE(on_the_way_up)
APART static void *on_the_way_up(size_t size) { return born(&at_on_the_way_up, malloc(size), size); }

APART static void descend(int depth) {
    void *block = depth % 100 == 0 ? on_the_way_down(20) : NULL;
    if (depth > 0)
        descend(depth - 1);
    else
        for (int i = 0; i < 1000; i++) release(&at_at_the_bottom, at_the_bottom(40), 40);
    if (block != NULL) {
        release(&at_on_the_way_down, block, 20);
        on_the_way_up(8); /* leaks */
    }
}

static void *work(void *unused) {
    descend(DEPTH);
    descend(10);
    return unused;
}

int main(void) {
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    if (pthread_create(&thread, &attributes, work, NULL) != 0) return 1;
    pthread_join(thread, NULL);
    say_sites();
    return 0;
}
