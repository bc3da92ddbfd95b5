/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/list.h"

struct item {
    int number;
    struct list node;
};

static void test_list_order_and_removal(void **state)
{
    struct list head;
    struct item items[4];
    int seen = 0;

    (void)state;
    list_init(&head);
    assert_true(list_is_empty(&head));
    for (int i = 0; i < 4; i++) {
        items[i].number = i;
        list_init(&items[i].node);
    }
    list_push_back(&head, &items[1].node);
    list_push_back(&head, &items[3].node);
    list_push_front(&head, &items[0].node);
    list_insert_before(&items[3].node, &items[2].node);
    assert_int_equal(LIST_FIRST(&head, struct item, node)->number, 0);
    LIST_EACH (&head, it, tmp) {
        assert_int_equal(CONTAINER_OF(it, struct item, node)->number, seen);
        seen++;
        list_remove(it);
        list_remove(it); /* harmless */
    }
    assert_int_equal(seen, 4);
    assert_true(list_is_empty(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_order_and_removal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
