/* `static_storage LIBRARY…`: loads libraries that want their thread-local storage beside the thread's own, where there is
 * little room, and says how many it could. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>

int main(int argc, char **argv) {
    int loaded = 0;
    for (int i = 1; i < argc; i++) loaded += dlopen(argv[i], RTLD_NOW) != NULL;
    printf("loaded=%d\n", loaded);
    return 0;
}
