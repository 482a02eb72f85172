/* Code that is generated at run time: with a table that was registered for it, with a frame pointer, with neither; and
 * after the table was taken back, its memory too, and other code came to its place. */
#define _GNU_SOURCE
#include "sites.h"
#include <string.h>
#include <sys/mman.h>

#define ROUNDS 1000
#define PAGE 4096

void __register_frame(void *table);
void __deregister_frame(void *table);

typedef void *(*maker)(size_t);
typedef void *(*code)(maker, size_t);

SITE(from_tables)
APART static void *from_tables(size_t size) { return born(&at_from_tables, malloc(size), size); }
SITE(from_frame_pointer)
APART static void *from_frame_pointer(size_t size) { return born(&at_from_frame_pointer, malloc(size), size); }
SITE(from_neither)
APART static void *from_neither(size_t size) { return born(&at_from_neither, malloc(size), size); }
SITE(from_deregistered)
APART static void *from_deregistered(size_t size) { return born(&at_from_deregistered, malloc(size), size); }
SITE(from_other_code)
APART static void *from_other_code(size_t size) { return born(&at_from_other_code, malloc(size), size); }

/* push rbp; xor ebp, ebp; sub rsp, FRAME; call the first argument with the second; add rsp, FRAME; pop rbp; ret */
static const unsigned char USELESS_POINTER[] = {
    0x55, 0x31, 0xed, 0x48, 0x83, 0xec, 0x20, 0x48, 0x89, 0xf8, 0x48,
    0x89, 0xf7, 0xff, 0xd0, 0x48, 0x83, 0xc4, 0x20, 0x5d, 0xc3,
};
/* push rbp; mov rbp, rsp; sub rsp, 32; call the first argument with the second; leave; ret */
static const unsigned char FRAME_POINTER[] = {
    0x55, 0x48, 0x89, 0xe5, 0x48, 0x83, 0xec, 0x20, 0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0xff, 0xd0, 0xc9, 0xc3,
};
/* CFA = rsp + 8, return address at CFA - 8; addresses are absolute */
static const unsigned char COMMON[] = {
    20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0, 0x0c, 7, 8, 0x90, 1, 0, 0,
};
/* behind push: CFA = rsp + 16, rbp at CFA - 16; behind sub: rsp + FRAME + 16; and back again */
static const unsigned char STEPS[] = {0, 0x41, 0x0e, 16, 0x86, 2, 0x46, 0x0e, 48, 0x4c, 0x0e, 16, 0x41, 0x0e, 8, 0};

static void *memory(int protection) {
    void *pages = mmap(NULL, PAGE, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) abort();
    return pages;
}

static void generate(unsigned char *place, unsigned char frame) {
    memcpy(place, USELESS_POINTER, sizeof USELESS_POINTER);
    place[6] = place[18] = frame;
}

static unsigned char *register_table(unsigned char *place, unsigned char frame) {
    unsigned char *table = memory(PROT_READ | PROT_WRITE);
    unsigned head[2] = {36, sizeof COMMON + 4};
    unsigned long range[2] = {(unsigned long)place, sizeof USELESS_POINTER};
    unsigned char *entry = table + sizeof COMMON;
    memcpy(table, COMMON, sizeof COMMON);
    memcpy(entry, head, sizeof head);
    memcpy(entry + 8, range, sizeof range);
    memcpy(entry + 24, STEPS, sizeof STEPS);
    entry[24 + 8] = (unsigned char)(frame + 16);
    __register_frame(table);
    return table;
}

static void take_back(unsigned char *table) {
    __deregister_frame(table);
    munmap(table, PAGE);
}

/* Each block is held for a while, so that not every call finds the stack as it was. */
#define THROUGH(name, maker)                                                                       \
    APART static void name(code generated) {                                                       \
        for (size_t i = 1; i <= ROUNDS; i++) {                                                     \
            void *block = generated(maker, i % 100 + 1);                                           \
            if (i % 10 != 0) release(&at_##maker, block, i % 100 + 1);                             \
        }                                                                                          \
    }
THROUGH(with_tables, from_tables)
THROUGH(with_frame_pointer, from_frame_pointer)
THROUGH(with_neither, from_neither)
THROUGH(with_deregistered, from_deregistered)
THROUGH(with_other_code, from_other_code)

int main(void) {
    unsigned char *page = memory(PROT_READ | PROT_WRITE | PROT_EXEC);
    unsigned char *framed = page + 512, *bare = page + 1024;
    generate(page, 32);
    generate(bare, 32);
    memcpy(framed, FRAME_POINTER, sizeof FRAME_POINTER);
    unsigned char *table = register_table(page, 32);
    with_tables((code)page);
    with_frame_pointer((code)framed);
    with_neither((code)bare);
    take_back(table);
    with_deregistered((code)page);
    generate(page, 64);
    table = register_table(page, 64);
    with_other_code((code)page);
    take_back(table);
    say_sites();
    return 0;
}
