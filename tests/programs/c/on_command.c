/* Allocates and frees as many blocks as each line of its input says, and says when it has: `on_command`. */
#include <stdio.h>
#include <stdlib.h>

#define SLOTS 1024

__attribute__((noinline)) static void work(long blocks) {
    static void *slots[SLOTS];
    for (long i = 0; i < blocks; i++) {
        void **slot = &slots[i * 7 % SLOTS];
        free(*slot);
        *slot = malloc(16 + i * 31 % 2000);
    }
}

int main(void) {
    long blocks;
    while (scanf("%ld", &blocks) == 1) {
        work(blocks);
        printf("done\n");
        fflush(stdout);
    }
    return 0;
}
