/* `sandboxed HOW`: shuts itself into a sandbox while it allocates, and must not be killed there for calls that it does not
 * make itself. */
#define _GNU_SOURCE
#include "sites.h"
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

SITE(before_it)
APART static void *before_it(size_t size) { return born(&at_before_it, malloc(size), size); }

SITE(inside_it)
APART static void *inside_it(size_t size) { return born(&at_inside_it, malloc(size), size); }

/* No site: is not captured where the capture has to end. */
APART static void *unseen(size_t size) {
    char *block = malloc(size);
    block[0] = 1;
    return block;
}

/* As `say_sites`, which would ask what kind of file it writes to. */
static void say_sites_by_write(void) {
    char line[200];
    for (struct site *site = sites; site != NULL; site = site->next) {
        int len = snprintf(line, sizeof line, "site=%s allocated=%lu bytes=%lu leaked=%lu leaked_bytes=%lu\n", site->name,
                           site->allocated, site->bytes, site->allocated - site->freed, site->bytes - site->freed_bytes);
        if (write(1, line, (size_t)len) != len) return;
    }
}

static void churn(int rounds) {
    for (int i = 0; i < rounds; i++) release(&at_inside_it, inside_it(40), 40);
}

/* All that is not listed ends the process. */
static int give_up_all_but(const int *calls, int count, int all_threads, int by_prctl) {
    struct sock_filter filter[40];
    int len = 0;
    filter[len++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < count; i++) {
        filter[len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i], 0, 1);
        filter[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    filter[len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    struct sock_fprog program = {(unsigned short)len, filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return -1;
    if (by_prctl) return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, all_threads ? SECCOMP_FILTER_FLAG_TSYNC : 0, &program);
}

static const int few[] = {SYS_read, SYS_write, SYS_mmap, SYS_munmap, SYS_brk, SYS_exit, SYS_exit_group};
#define FEW (int)(sizeof few / sizeof *few)

static int is_beside;

static void *beside(void *unused) {
    for (;;) {
        free(unseen(64));
        __atomic_store_n(&is_beside, 1, __ATOMIC_RELAXED);
    }
    return unused;
}

int main(int argc, char **argv) {
    const char *how = argc > 1 ? argv[1] : "";
    for (int i = 0; i < 20000; i++) release(&at_before_it, before_it(32), 32);
    churn(1);
    if (strcmp(how, "strict") == 0) {
        say_sites();
        if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0) != 0) return 9;
        for (int i = 0; i < 300000; i++) free(unseen(40));
        if (write(1, "alive\n", 6) != 6) return 9;
        /* What `exit` does is not allowed. This thread is all that there is, so the process ends. */
        syscall(SYS_exit, 3);
    }
    if (strcmp(how, "probe") == 0) {
        /* Asks whether there are filters at all, as programs do. */
        int result = prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0);
        dprintf(1, "prctl=%d errno=%d\n", result, errno);
        long other = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 1ul << 30, NULL);
        dprintf(1, "seccomp=%ld errno=%d\n", other, errno);
        churn(1000);
        say_sites();
        return 3;
    }
    if (strcmp(how, "all_threads") == 0) {
        pthread_t thread;
        say_sites();
        if (pthread_create(&thread, NULL, beside, NULL) != 0) return 9;
        for (int i = 0; i < 1000; i++) free(unseen(40));
        while (!__atomic_load_n(&is_beside, __ATOMIC_RELAXED)) usleep(1000);
        if (give_up_all_but(few, FEW, 1, 0) != 0) return 9;
        for (int i = 0; i < 300000; i++) free(unseen(40));
        return 3;
    }
    if (give_up_all_but(few, FEW, 0, strcmp(how, "prctl") == 0) != 0) return 9;
    churn(300000);
    say_sites_by_write();
    return 3;
}
