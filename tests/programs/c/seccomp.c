/* `seccomp HOW`: enters a sandbox in the middle of its life and goes on allocating, in old and new threads.
 * `error`: all that is not on the list fails; `kill`: it ends the process; `thread`: the list holds for the main thread
 * alone, and is as short as can be. */
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

#define BLOCKS 200000
#define LEN(array) (sizeof(array) / sizeof *(array))

SITE(outside)
APART static void *outside(size_t size) { return born(&at_outside, malloc(size), size); }

SITE(in_the_sandbox)
APART static void *in_the_sandbox(size_t size) { return born(&at_in_the_sandbox, malloc(size), size); }

/* What a program with threads does; nothing with files but to read and write those that are open. */
static const unsigned allowed[] = {
    SYS_read,      SYS_write,          SYS_close,           SYS_mmap,           SYS_munmap,      SYS_mprotect,
    SYS_mremap,    SYS_madvise,        SYS_brk,             SYS_futex,          SYS_clone,       SYS_clone3,
    SYS_exit,      SYS_exit_group,     SYS_rt_sigprocmask,  SYS_rt_sigreturn,   SYS_set_robust_list, SYS_rseq,
    SYS_gettid,    SYS_sched_yield,    SYS_nanosleep,       SYS_clock_nanosleep, SYS_clock_gettime, SYS_getrandom,
};
/* What a single thread cannot do without. */
static const unsigned allowed_to_a_thread[] = {
    SYS_read, SYS_write, SYS_mmap, SYS_munmap, SYS_brk, SYS_exit, SYS_exit_group, SYS_rt_sigreturn,
};

static int enter(const unsigned *calls, size_t count, unsigned otherwise, unsigned flags) {
    static struct sock_filter filter[LEN(allowed) + 3];
    size_t next = 0;
    filter[next++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < count; i++)
        filter[next++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i], count - i, 0);
    filter[next++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, otherwise);
    filter[next++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = {.len = (unsigned short)next, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 0;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0;
}

static void *work(void *unused) {
    for (int i = 0; i < BLOCKS; i++) {
        void *block = in_the_sandbox(16 + i % 100);
        if (i % 100 != 0) release(&at_in_the_sandbox, block, 16 + i % 100);
    }
    return unused;
}

/* Of the capture library, if it is there: what was recorded is in the file, which later is perhaps not to be opened. */
__attribute__((weak)) void memory_profiler_sync(void);

static int wait_in_a_thread[2];

static void *work_when_told(void *unused) {
    char byte;
    if (read(wait_in_a_thread[0], &byte, 1) != 1) return (void *)1;
    return work(unused);
}

int main(int argc, char **argv) {
    const char *how = argc == 2 ? argv[1] : "";
    for (int i = 0; i < 10000; i++) release(&at_outside, outside(32), 32);
    if (memory_profiler_sync) memory_profiler_sync();
    if (strcmp(how, "thread") == 0) {
        if (!enter(allowed_to_a_thread, LEN(allowed_to_a_thread), SECCOMP_RET_KILL_PROCESS, 0)) return 2;
        work(NULL);
        say_sites();
        return 3;
    }
    pthread_t old, new;
    if (pipe(wait_in_a_thread) != 0 || pthread_create(&old, NULL, work_when_told, NULL) != 0) return 1;
    unsigned otherwise = strcmp(how, "kill") == 0 ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | EPERM;
    if (!enter(allowed, LEN(allowed), otherwise, SECCOMP_FILTER_FLAG_TSYNC)) return 2;
    if (pthread_create(&new, NULL, work, NULL) != 0) return 1;
    work(NULL);
    if (write(wait_in_a_thread[1], "x", 1) != 1) return 1;
    pthread_join(new, NULL);
    pthread_join(old, NULL);
    say_sites();
    return 3;
}
