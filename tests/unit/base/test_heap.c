/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/heap.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KIB = 1024, MIB = 1024 * 1024, SPAN = 64 * KIB };

static bool is_filled(const unsigned char *p, size_t len, unsigned char with)
{
    for (size_t i = 0; i < len; i++) {
        if (p[i] != with) {
            return false;
        }
    }
    return true;
}

static void test_heap_every_size_has_room_and_alignment(void **state)
{
    size_t before = heap_used();

    (void)state;
    for (size_t size = 0; size < 3 * MIB; size += size < 4 * KIB ? 1 : size / 7) {
        unsigned char *p = heap_take(size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        assert_true(heap_room(p) >= size);
        /* An eighth above small sizes, the rest of a page or of a span above large ones. */
        size_t lost = size > 32 * KIB ? SPAN : size > 5 * KIB ? 4 * KIB : size / 8 + 16;
        assert_true(heap_room(p) <= size + lost || size > MIB);
        assert_true(size <= 5 * KIB || (uintptr_t)p % 4096 == 0);
        memset(p, 0x5a, heap_room(p));
        heap_give(p);
    }
    heap_give(NULL);
    assert_int_equal(heap_used(), before);
}

static void test_heap_pieces_do_not_overlap(void **state)
{
    enum { COUNT = 4000 };
    static unsigned char *pieces[COUNT];

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        pieces[i] = heap_take(i);
        assert_non_null(pieces[i]);
        memset(pieces[i], (int)(i & 0xff), i);
    }
    for (size_t i = 0; i < COUNT; i += 2) {
        heap_give(pieces[i]);
        pieces[i] = heap_take(COUNT - i);
        memset(pieces[i], 1, COUNT - i);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(i % 2 == 0 || is_filled(pieces[i], i, (unsigned char)(i & 0xff)));
        heap_give(pieces[i]);
    }
}

static void test_heap_zeroed_is_zero_where_others_wrote(void **state)
{
    static const size_t sizes[] = {1, 100, 5000, 40 * KIB, 300 * KIB, 2 * MIB};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        void *p = heap_take(sizes[i]);
        memset(p, 0xff, sizes[i]);
        heap_give(p);
        unsigned char *q = heap_take_zeroed(sizes[i]);
        assert_true(is_filled(q, sizes[i], 0));
        heap_give(q);
    }
}

static void test_heap_resize_keeps_the_bytes(void **state)
{
    static const size_t sizes[] = {1,       16,      17,      4000,    30 * KIB, 70 * KIB, 64 * KIB,
                                   2 * MIB, 9 * MIB, 3 * MIB, 1 * MIB, 200,      8};
    size_t before = heap_used();
    unsigned char *p = heap_resize(NULL, 1);
    size_t had = 1;

    (void)state;
    p[0] = 7;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        size_t both = had < sizes[i] ? had : sizes[i];
        p = heap_resize(p, sizes[i]);
        assert_non_null(p);
        assert_true(is_filled(p, both, 7));
        memset(p, 7, sizes[i]);
        had = sizes[i];
    }
    heap_give(p);
    assert_int_equal(heap_used(), before);
}

static void test_heap_aligned(void **state)
{
    (void)state;
    for (size_t alignment = 1; alignment <= HEAP_ALIGN_MAX; alignment *= 2) {
        for (size_t size = 1; size <= 100 * KIB; size *= 10) {
            void *p = heap_take_aligned(alignment, size);
            assert_non_null(p);
            assert_int_equal((uintptr_t)p % alignment, 0);
            memset(p, 1, size);
            heap_give(p);
        }
    }
    assert_null(heap_take_aligned(2 * HEAP_ALIGN_MAX, 1));
}

static void test_heap_too_much_is_refused(void **state)
{
    (void)state;
    errno = 0;
    assert_null(heap_take(SIZE_MAX));
    assert_int_equal(errno, ENOMEM);
    assert_null(heap_take(SIZE_MAX - 3 * MIB));
    assert_null(heap_take_zeroed(SIZE_MAX / 2));
    char *p = heap_take(5 * MIB);
    assert_null(heap_resize(p, SIZE_MAX));
    memset(p, 1, 5 * MIB); /* still there */
    heap_give(p);
}

static size_t resident(const void *ptr, size_t bytes)
{
    unsigned char pages[1024];
    size_t count = 0;

    assert_true(bytes / 4096 <= sizeof(pages));
    assert_int_equal(mincore((void *)(uintptr_t)ptr, bytes, pages), 0);
    for (size_t i = 0; i < bytes / 4096; i++) {
        count += pages[i] & 1;
    }
    return count * 4096;
}

static void test_heap_trim_gives_pages_back(void **state)
{
    enum { COUNT = 64 };
    void *pieces[COUNT];

    (void)state;
    heap_trim();
    assert_int_equal(heap_spare(), 0);
    for (size_t i = 0; i < COUNT; i++) {
        pieces[i] = heap_take(SPAN);
        memset(pieces[i], 1, SPAN);
    }
    assert_int_equal(resident(pieces[0], SPAN), SPAN);
    for (size_t i = 0; i < COUNT; i++) {
        heap_give(pieces[i]);
    }
    assert_int_equal(heap_spare(), COUNT * SPAN);
    heap_trim();
    assert_int_equal(heap_spare(), 0);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(resident(pieces[i], SPAN), 0);
    }
}

/* What a storm leaves: of many pieces nearly all are given back, and one stays here and there. */
static void test_heap_few_that_stay_keep_few_spans(void **state)
{
    enum { COUNT = 20000, EVERY = 1000, BYTES = 500 };
    static void *pieces[COUNT];

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        pieces[i] = heap_take(BYTES);
    }
    for (size_t i = 0; i < COUNT; i++) {
        if (i % EVERY != 0) {
            heap_give(pieces[i]);
            pieces[i] = NULL;
        }
    }
    assert_true(heap_spare() >= (COUNT * BYTES / SPAN - COUNT / EVERY - 2) * SPAN);
    /* What comes now fills the gaps. */
    size_t spare = heap_spare();
    for (size_t i = 1; i < EVERY; i++) {
        pieces[i] = heap_take(BYTES);
    }
    assert_int_equal(heap_spare(), spare);
    for (size_t i = 0; i < COUNT; i++) {
        heap_give(pieces[i]);
    }
    heap_trim();
}

static void test_heap_used_is_exact(void **state)
{
    size_t before = heap_used();
    void *small = heap_take(100);
    void *large = heap_take(100 * KIB);
    void *huge = heap_take(3 * MIB);

    (void)state;
    assert_int_equal(heap_used(), before + heap_room(small) + heap_room(large) + heap_room(huge));
    assert_int_equal(heap_room(small), 112);
    assert_int_equal(heap_room(large), 2 * SPAN);
    assert_int_equal(heap_room(huge), 3 * MIB);
    heap_give(small);
    heap_give(large);
    heap_give(huge);
    assert_int_equal(heap_used(), before);
}

/* ---- misuse aborts ---- */

static void give_twice(void)
{
    void *p = heap_take(100);
    void *q = heap_take(100);

    heap_give(p);
    heap_give(q);
    heap_give(p);
}

static void give_run_twice(void)
{
    void *p = heap_take(100 * KIB);

    heap_give(p);
    heap_give(p);
}

static void write_after_give(void)
{
    unsigned char *p = heap_take(100);

    heap_give(p);
    memset(p, 0x41, 16);
    (void)heap_take(100);
}

static void link_elsewhere(void)
{
    uintptr_t *p = heap_take(100);

    heap_give(p);
    p[0] ^= UINT64_C(0x7f0000000000);
    (void)heap_take(100);
}

static void give_within(void)
{
    char *p = heap_take(100 * KIB);

    heap_give(p + SPAN);
}

static void give_foreign(void)
{
    static char bytes[2 * 4 * MIB];

    heap_give(bytes + 4 * MIB);
}

static void test_heap_misuse_aborts(void **state)
{
    static void (*const misuses[])(void) = {give_twice,     give_run_twice, write_after_give,
                                            link_elsewhere, give_within,    give_foreign};

    (void)state;
    for (size_t i = 0; i < sizeof(misuses) / sizeof(misuses[0]); i++) {
        int status = 0;
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            (void)close(STDERR_FILENO);
            misuses[i]();
            _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heap_every_size_has_room_and_alignment),
        cmocka_unit_test(test_heap_pieces_do_not_overlap),
        cmocka_unit_test(test_heap_zeroed_is_zero_where_others_wrote),
        cmocka_unit_test(test_heap_resize_keeps_the_bytes),
        cmocka_unit_test(test_heap_aligned),
        cmocka_unit_test(test_heap_too_much_is_refused),
        cmocka_unit_test(test_heap_trim_gives_pages_back),
        cmocka_unit_test(test_heap_few_that_stay_keep_few_spans),
        cmocka_unit_test(test_heap_used_is_exact),
        cmocka_unit_test(test_heap_misuse_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
