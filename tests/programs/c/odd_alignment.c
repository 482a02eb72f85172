/* Code that is written by hand and calls with its stack off by eight: the allocator bears it. */
#define _GNU_SOURCE
#include "sites.h"

#define CALLS 1000

/* Calls `function(a, b, c)` with a stack that is eight bytes away from where the ABI wants it. */
__attribute__((naked)) static void *call_askew(void *function, long a, long b, long c) {
    (void)function, (void)a, (void)b, (void)c;
    __asm__("mov %rdi, %rax\n"
            "mov %rsi, %rdi\n"
            "mov %rdx, %rsi\n"
            "mov %rcx, %rdx\n"
            "sub $16, %rsp\n"
            ".cfi_adjust_cfa_offset 16\n"
            "call *%rax\n"
            "add $16, %rsp\n"
            ".cfi_adjust_cfa_offset -16\n"
            "ret\n");
}

SITE(askew)
APART static void *askew(size_t size) {
    return born(&at_askew, call_askew((void *)malloc, (long)size, 0, 0), size);
}

SITE(zeroed_askew)
APART static void *zeroed_askew(size_t size) {
    return born(&at_zeroed_askew, call_askew((void *)calloc, 1, (long)size, 0), size);
}

int main(void) {
    for (int call = 0; call < CALLS; call++) {
        void *block = askew(40);
        release(&at_askew, block, 40);
        zeroed_askew(24);
    }
    say_sites();
    return 0;
}
