/* Says how many blocks of `malloc` are not zeroed, of addresses that held something before. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 1000
#define SIZE 200

static unsigned char *blocks[BLOCKS];

int main(void) {
    for (int i = 0; i < BLOCKS; i++) memset(blocks[i] = malloc(SIZE), 0xff, SIZE);
    for (int i = 0; i < BLOCKS; i++) free(blocks[i]);
    int dirty = 0;
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(SIZE);
        int sum = 0;
        for (int at = 0; at < SIZE; at++) sum |= blocks[i][at];
        dirty += sum != 0;
    }
    printf("dirty=%d\n", dirty);
    return 0;
}
