/* `loads_busy LIBRARY`: loads a library whose constructor makes a million allocations. */
#include "sites.h"
#include <dlfcn.h>

/* The functions are in the library; what it does is known. */
SITE(by_the_constructor)
SITE(by_the_destructor)

int main(int argc, char **argv) {
    void *library = argc == 2 ? dlopen(argv[1], RTLD_NOW) : NULL;
    if (library == NULL || dlclose(library) != 0) return 1;
    at_by_the_constructor = (struct site){"by_the_constructor", 1000000, 24000000, 999000, 23976000, at_by_the_constructor.next};
    at_by_the_destructor = (struct site){"by_the_destructor", 1000, 40000, 1000, 40000, at_by_the_destructor.next};
    say_sites();
    return 0;
}
