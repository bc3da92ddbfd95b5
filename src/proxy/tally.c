/* SPDX-License-Identifier: MIT */
#include "tally.h"

#include "base/buf.h"
#include "base/mem.h"
#include "stats/text.h"

#include <stdlib.h>

#define PLACES 64 /* more than what comes often differs in */

struct place {
    const struct model_site *site;
    uint64_t *cell; /* NULL: free */
    uint16_t status;
    enum why why;
};

struct tally {
    struct slot *slot;
    struct place places[PLACES];
};

struct tally *tally_new(struct slot *slot)
{
    struct tally *t = NEW(struct tally);
    t->slot = slot;
    return t;
}

void tally_free(struct tally *t)
{
    free(t);
}

static struct place *place_of(struct tally *t, const struct model_site *site, uint16_t status,
                              enum why why)
{
    size_t number = (uintptr_t)site / sizeof(*site) + (size_t)status * 5 + (size_t)why * 11;
    return &t->places[number % PLACES];
}

/* NULL where the label text does not fit: such a request is not counted by site; the sum still
 * holds. */
static uint64_t *find_cell(struct slot *slot, const struct place *p)
{
    struct buf labels;
    char code[STR_U64_DIGITS];
    uint64_t *cell = NULL;
    struct str site = p->site == NULL ? STR("-") : p->site->name;
    size_t digits = str_put_u64(code, p->status);
    buf_init(&labels, SERIES_LABELS_MAX);
    if (text_label(&labels, "site", site) != OK) {
        buf_clear(&labels);
    }
    if (text_label(&labels, "code", str_n(code, digits)) == OK &&
        text_label(&labels, "reason", str_of(why_label(p->why))) == OK) {
        cell = series_cell(slot, SERIES_REQUESTS, buf_str(&labels));
    }
    buf_fini(&labels);
    return cell;
}

void tally_request(struct tally *t, const struct model_site *site, uint16_t status, enum why why)
{
    struct place *place = place_of(t, site, status, why);
    bool is_known =
        place->cell != NULL && place->site == site && place->status == status && place->why == why;
    if (!is_known) {
        *place = (struct place){.site = site, .status = status, .why = why};
        place->cell = find_cell(t->slot, place);
    }
    if (place->cell != NULL) {
        cell_add(place->cell, 1);
    }
    if (place->cell == &t->slot->series_spill) {
        place->cell = NULL; /* what finds no cell of its own is asked for, and counted, each time */
    }
}
