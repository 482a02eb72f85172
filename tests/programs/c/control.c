/* `control HOW`: a program that steers its own capture, if there is one. `plain` ends itself; `killed` does not get to. */
#include "bytehound.h"
#include "sites.h"
#include <signal.h>
#include <string.h>

SITE(while_recording)
APART static void *while_recording(size_t size) { return born(&at_while_recording, malloc(size), size); }

/* No site: it is not to be found in a capture. */
APART static void *while_stopped(size_t size) {
    void *block = malloc(size);
    memset(block, 1, size);
    return block;
}

int main(int argc, char **argv) {
    const char *how = argc > 1 ? argv[1] : "";
    bytehound_start();
    void *early = while_recording(10);
    bytehound_stop();
    void *unseen = while_stopped(20);
    free(unseen);
    unseen = while_stopped(30);
    release(&at_while_recording, early, 10);
    bytehound_start();
    free(unseen);
    bytehound_set_marker(7);
    while_recording(40); /* leaks */
    bytehound_set_marker(0);
    bytehound_override_next_timestamp(123456789);
    while_recording(50); /* leaks */
    for (int i = 0; i < 1000; i++) release(&at_while_recording, while_recording(60), 60);
    dprintf(2, "here=%d\n", bytehound_is_here());
    say_sites();
    bytehound_sync();
    if (strcmp(how, "killed") == 0) raise(SIGKILL);
    return 4;
}
