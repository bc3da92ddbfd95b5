/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../../src/proxy/tally.h"

#define SITES 40

struct rig {
    struct counters counters;
    struct slot *slot;
    struct tally *tally;
    struct model_site sites[SITES];
    char names[SITES][16];
};

static void rig_open(struct rig *r)
{
    assert_int_equal(counters_create(1, &r->counters), OK);
    r->slot = slot_adopt(&r->counters, 0, SLOT_WORKER, 0);
    r->tally = tally_new(r->slot);
    for (size_t i = 0; i < SITES; i++) {
        size_t len = str_put_u64(r->names[i], i);
        r->sites[i] = (struct model_site){.name = str_n(r->names[i], len)};
    }
}

static void rig_close(struct rig *r)
{
    tally_free(r->tally);
    counters_fini(&r->counters);
}

static uint64_t count_of(const struct rig *r, struct str labels)
{
    return *series_cell(r->slot, SERIES_REQUESTS, labels);
}

/* Many more kinds than are remembered, in turns: each is counted under its own name. */
static void test_tally_counts_each_kind(void **state)
{
    static struct rig r;
    (void)state;
    rig_open(&r);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < SITES; i++) {
            tally_request(r.tally, &r.sites[i], 200, WHY_OK);
            tally_request(r.tally, &r.sites[i], 404, WHY_OK);
            tally_request(r.tally, &r.sites[i], 502, WHY_UPSTREAM_CUT);
        }
        tally_request(r.tally, NULL, 400, WHY_BAD_HOST);
    }
    for (size_t i = 0; i < SITES; i++) {
        char labels[64] = "site=\"";
        size_t at = 6 + str_copy(labels + 6, sizeof(labels) - 6, r.sites[i].name);
        (void)str_copy(labels + at, sizeof(labels) - at, STR("\",code=\"404\",reason=\"ok\""));
        assert_int_equal(count_of(&r, str_of(labels)), 3);
    }
    assert_int_equal(count_of(&r, STR("site=\"0\",code=\"502\",reason=\"upstream_cut\"")), 3);
    assert_int_equal(count_of(&r, STR("site=\"-\",code=\"400\",reason=\"bad_host\"")), 3);
    rig_close(&r);
}

static void test_tally_without_room_says_so_each_time(void **state)
{
    static struct rig r;
    (void)state;
    rig_open(&r);
    r.slot->series_count = SERIES_PER_SLOT;
    tally_request(r.tally, &r.sites[0], 200, WHY_OK);
    tally_request(r.tally, &r.sites[0], 200, WHY_OK);
    assert_int_equal(r.slot->series_overflow, 2);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tally_counts_each_kind),
        cmocka_unit_test(test_tally_without_room_says_so_each_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
