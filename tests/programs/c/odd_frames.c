/* Frames that are hard to unwind: no unwind table, no frame pointer, a frame pointer that points to itself, a call that
 * is the last thing of its function, an entry point that nothing called. */
#define _GNU_SOURCE
#include "sites.h"
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/wait.h>

#define ROUNDS 1000

SITE(below)
APART void *below(size_t size) { return born(&at_below, malloc(size), size); }

/* Without any table, with all registers that a frame could be found by made useless. */
__asm__(".text\n"
        ".type without_tables, @function\n"
        "without_tables:\n"
        "    push %rbp\n"
        "    push %rbx\n"
        "    sub $40, %rsp\n"
        "    mov $1, %ebp\n"
        "    xor %ebx, %ebx\n"
        "    call below\n"
        "    add $40, %rsp\n"
        "    pop %rbx\n"
        "    pop %rbp\n"
        "    ret\n"
        ".size without_tables, . - without_tables\n"
        /* A chain of frames that never ends. */
        ".type in_a_circle, @function\n"
        "in_a_circle:\n"
        "    push %rbp\n"
        "    lea -16(%rsp), %rbp\n"
        "    sub $32, %rsp\n"
        "    mov %rbp, (%rbp)\n"
        "    lea without_tables(%rip), %rax\n"
        "    mov %rax, 8(%rbp)\n"
        "    call below\n"
        "    add $32, %rsp\n"
        "    pop %rbp\n"
        "    ret\n"
        ".size in_a_circle, . - in_a_circle\n"
        /* The frame pointer points to where there is nothing. */
        ".type into_the_void, @function\n"
        "into_the_void:\n"
        "    push %rbp\n"
        "    movabs $0x7fff12345678, %rbp\n"
        "    call below\n"
        "    pop %rbp\n"
        "    ret\n"
        ".size into_the_void, . - into_the_void\n"
        /* And beyond the end of the stack: the highest address there is. */
        ".type off_the_map, @function\n"
        "off_the_map:\n"
        "    push %rbp\n"
        "    mov $-8, %rbp\n"
        "    call below\n"
        "    pop %rbp\n"
        "    ret\n"
        ".size off_the_map, . - off_the_map\n");
void *without_tables(size_t size);
void *in_a_circle(size_t size);
void *into_the_void(size_t size);
void *off_the_map(size_t size);

static jmp_buf back;

SITE(before_it_jumps)
__attribute__((noreturn)) APART void before_it_jumps(size_t size) {
    born(&at_before_it_jumps, malloc(size), size); /* leaks */
    longjmp(back, 1);
}

/* The call is its last instruction: the return address is already that of the next function. */
__attribute__((noreturn)) APART void calls_at_its_end(size_t size) { before_it_jumps(size); }
APART int comes_after_it(int x) { return x + 1; }

SITE(at_the_entry)
APART void *at_the_entry(size_t size) { return born(&at_at_the_entry, malloc(size), size); }

/* The first function on a stack that `clone` was given, in the same memory. */
static int on_a_bare_stack(void *unused) {
    for (int i = 0; i < 100; i++) release(&at_at_the_entry, at_the_entry(24), 24);
    return unused != NULL;
}

int main(void) {
    for (volatile int round = 0; round < ROUNDS; round++) {
        release(&at_below, without_tables(30), 30);
        release(&at_below, in_a_circle(31), 31);
        release(&at_below, into_the_void(32), 32);
        release(&at_below, off_the_map(33), 33);
        if (setjmp(back) == 0) calls_at_its_end(9);
        comes_after_it(round);
    }
    static char stack[64 * 1024];
    pid_t pid = clone(on_a_bare_stack, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    int status = 1;
    waitpid(pid, &status, 0);
    dprintf(1, "status=%d\n", status);
    say_sites();
    return 0;
}
