/* SPDX-License-Identifier: MIT */
/*
 * Cells are filled from the first one on, so a reader touches only pages that are in use; the hash
 * table beside them is the writer's own and is built anew when a slot changes hands, because each
 * process may have another hash key and its predecessor may have died half-way.
 */
#include "stats/counter.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/map.h"
#include "stats/flight.h"

enum { TYPE_COUNTER, TYPE_GAUGE };

static const uint8_t counter_types[COUNTER_COUNT] = {
#define COUNTER_TYPE(name, metric, type, labels, help) [COUNTER_##name] = TYPE_##type,
    COUNTER_TABLE(COUNTER_TYPE)
#undef COUNTER_TYPE
};

static const uint8_t series_types[SERIES_COUNT] = {
#define SERIES_TYPE(name, metric, type, help) [SERIES_##name] = TYPE_##type,
    SERIES_TABLE(SERIES_TYPE)
#undef SERIES_TYPE
};

static int map_slots(int fd, size_t slot_count, struct counters *out)
{
    size_t bytes = slot_count * sizeof(struct slot);
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (p == MAP_FAILED) {
        return ERR_IO;
    }
    *out = (struct counters){.slots = p, .count = slot_count, .fd = fd};
    return OK;
}

int counters_create(size_t slot_count, struct counters *out)
{
    int fd;

    REQUIRE(slot_count > 0);
    int rc = fd_memory("hivedoor-counters", &fd);
    if (rc != OK) {
        return rc;
    }
    /* Nobody may cut the file under a reader. */
    if (ftruncate(fd, (off_t)(slot_count * sizeof(struct slot))) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0) {
        rc = ERR_IO;
    } else {
        rc = map_slots(fd, slot_count, out);
    }
    if (rc == OK) {
        uint64_t *key = out->slots[0].rate_key;
        REQUIRE(getrandom(key, sizeof(out->slots[0].rate_key), 0) > 0);
    }
    if (rc != OK) {
        int saved = errno;
        fd_close(&fd);
        errno = saved;
    }
    return rc;
}

int counters_open(int fd, size_t slot_count, struct counters *out)
{
    struct stat st;

    if (fstat(fd, &st) < 0) {
        return ERR_IO;
    }
    if ((size_t)st.st_size != slot_count * sizeof(struct slot) || slot_count == 0) {
        return ERR_MISMATCH;
    }
    return map_slots(fd, slot_count, out);
}

void counters_fini(struct counters *c)
{
    if (c->slots == NULL) {
        return;
    }
    (void)munmap(c->slots, c->count * sizeof(struct slot));
    fd_close(&c->fd);
    *c = (struct counters){.fd = -1};
}

static uint32_t hash_of(enum series which, struct str labels)
{
    uint64_t hash = map_hash(labels);

    return (uint32_t)(hash ^ hash >> 32) ^ (uint32_t)which * UINT32_C(0x9e3779b9);
}

static struct str cell_labels(const struct series_cell *cell)
{
    return str_n(cell->labels, strnlen(cell->labels, sizeof(cell->labels)));
}

/* The place in the index of these labels, or the empty one where they would go; never full, as it
 * has twice as many places as there are cells. */
static uint16_t *find_place(struct slot *s, enum series which, uint32_t hash, struct str labels)
{
    size_t i = hash % SERIES_INDEX_SIZE;

    while (s->series_index[i] != 0) {
        const struct series_cell *cell = &s->series[s->series_index[i] - 1];
        if (cell->hash == hash && cell->used == (uint32_t)which + 1 &&
            str_eq(cell_labels(cell), labels)) {
            break;
        }
        i = (i + 1) % SERIES_INDEX_SIZE;
    }
    return &s->series_index[i];
}

/* Takes over what a predecessor left: gauges back to 0, the index for our own hash key. */
static void adopt_series(struct slot *s)
{
    if (s->series_count == 0) {
        return;
    }
    s->series_count = s->series_count < SERIES_PER_SLOT ? s->series_count : SERIES_PER_SLOT;
    memset(s->series_index, 0, sizeof(s->series_index));
    for (uint32_t i = 0; i < s->series_count; i++) {
        struct series_cell *cell = &s->series[i];
        if (cell->used == 0 || cell->used > SERIES_COUNT) {
            continue;
        }
        enum series which = (enum series)(cell->used - 1);
        if (series_types[which] == TYPE_GAUGE) {
            __atomic_store_n(&cell->value, 0, __ATOMIC_RELAXED);
        }
        cell->hash = hash_of(which, cell_labels(cell));
        *find_place(s, which, cell->hash, cell_labels(cell)) = (uint16_t)(i + 1);
    }
}

struct slot *slot_adopt(struct counters *c, size_t index, enum slot_role role, uint32_t worker)
{
    REQUIRE(index < c->count);
    struct slot *s = &c->slots[index];

    for (size_t i = 0; i < COUNTER_COUNT; i++) {
        if (counter_types[i] == TYPE_GAUGE) {
            counter_set(s, (enum counter)i, 0);
        }
    }
    adopt_series(s);
    if (s->pid != 0) {
        flight_clear(s);
    }
    s->role = role;
    s->state = SLOT_STARTING;
    s->pid = getpid();
    s->index = worker;
    s->started_wall_ms = (uint64_t)clock_wall_ms();
    s->generation = 0;
    return s;
}

/*
 * The longest well-formed start of a label text: it ends behind a closing quote, or inside a value
 * at *out_open, which then needs its quote.
 */
static struct str fit_labels(struct str labels, bool *out_open)
{
    const size_t room = SERIES_LABELS_MAX - 2; /* the closing quote and the NUL */
    size_t end = 0;
    bool is_open = false;

    *out_open = false;
    if (labels.len < SERIES_LABELS_MAX) {
        return labels;
    }
    for (size_t i = 0; i < room; i++) {
        if (labels.ptr[i] == '"') {
            is_open = !is_open;
        } else if (is_open && labels.ptr[i] == '\\') {
            i++;
        }
        /* An escape that the edge cuts in two stays out as a whole. */
        end = (is_open || labels.ptr[i] == '"') && i < room ? i + 1 : end;
    }
    *out_open = is_open;
    return str_n(labels.ptr, end);
}

uint64_t *series_cell(struct slot *s, enum series which, struct str labels)
{
    char text[SERIES_LABELS_MAX];
    bool is_open;

    /* A NUL would end the stored text early and the cell would never be found again. */
    labels.len = labels.len == 0 ? 0 : strnlen(labels.ptr, labels.len);
    struct str fitted = fit_labels(labels, &is_open);
    size_t len = str_copy(text, sizeof(text), fitted);
    if (is_open) {
        len += str_copy(text + len, sizeof(text) - len, STR("\""));
    }
    struct str key = str_n(text, len);
    uint32_t hash = hash_of(which, key);
    uint16_t *place = find_place(s, which, hash, key);
    if (*place != 0) {
        return &s->series[*place - 1].value;
    }
    if (s->series_count >= SERIES_PER_SLOT) {
        cell_add(&s->series_overflow, 1);
        return &s->series_spill;
    }
    uint32_t number = s->series_count;
    struct series_cell *cell = &s->series[number];
    cell->value = 0;
    cell->hash = hash;
    memcpy(cell->labels, text, len + 1);
    /* Readers in other processes look at what the count covers. */
    __atomic_store_n(&cell->used, (uint32_t)which + 1, __ATOMIC_RELEASE);
    __atomic_store_n(&s->series_count, number + 1, __ATOMIC_RELEASE);
    *place = (uint16_t)(number + 1);
    return &cell->value;
}

uint64_t counters_sum(const struct counters *c, enum counter which)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < c->count; i++) {
        sum += __atomic_load_n(&c->slots[i].values[which], __ATOMIC_RELAXED);
    }
    return sum;
}

const char *slot_role_text(uint32_t role)
{
    switch ((enum slot_role)role) {
    case SLOT_FREE: return "free";
    case SLOT_SUPERVISOR: return "supervisor";
    case SLOT_KEEPER: return "keeper";
    case SLOT_WORKER: return "worker";
    }
    return "unknown";
}

const char *slot_state_text(uint32_t state)
{
    switch ((enum slot_state)state) {
    case SLOT_DOWN: return "down";
    case SLOT_STARTING: return "starting";
    case SLOT_READY: return "ready";
    case SLOT_DRAINING: return "draining";
    }
    return "unknown";
}
