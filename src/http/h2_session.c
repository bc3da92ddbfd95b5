/* SPDX-License-Identifier: MIT */
/* The life of a connection and its output. */
#include "http/h2_session.h"

#include "base/mem.h"
#include "h2_session_impl.h"

#include <stdlib.h>

/* Frames of a turn gather up to this much, then go to the stream in one write. */
#define GATHER_BYTES (64 * 1024)
/* Beside that: one frame of data, and whatever header block nghttp2 hands over at once. */
#define OUT_MAX (GATHER_BYTES + 4 * 1024 * 1024)
/* A peer that asks for answers without taking any is not read beyond this many waiting frames. */
#define QUEUE_MAX 1000
/* nghttp2's usual bound (64 kB) is below what limits.header may be. */
#define SEND_BLOCK_MAX (2 * 1024 * 1024)
/* The first type beyond those of RFC 9113. */
#define UNKNOWN_FRAMES 0x0a
/* What our compression context may hold, whatever the peer allows. */
#define DEFLATE_TABLE_MAX 4096

static void on_stream(void *arg, unsigned ready);
static void on_work(void *arg);

const char *h2_session_version_running(void)
{
    return nghttp2_version(0)->version_str;
}

const char *h2_session_version_built(void)
{
    return NGHTTP2_VERSION;
}

/* ---- beginning ---- */

/* Bounds of newer versions (and of Debian's 1.52) that h2_guard has of its own, made for what is
 * configured here. */
static void raise_bounds(nghttp2_option *option, const struct h2_limits *limits)
{
#ifdef HIVEDOOR_NGHTTP2_BOUNDS
    nghttp2_option_set_max_continuations(option, 16 + limits->head.head_bytes / 1024);
    nghttp2_option_set_stream_reset_rate_limit(option, 1000000, 1000000);
#else
    (void)option;
    (void)limits;
#endif
}

static nghttp2_session *make_nghttp2(struct h2_session *s)
{
    nghttp2_session_callbacks *callbacks = h2_session_callbacks();
    nghttp2_option *option = NULL;
    nghttp2_session *ng = NULL;
    REQUIRE(nghttp2_option_new(&option) == 0);
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_http_messaging(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    for (unsigned type = UNKNOWN_FRAMES; type <= UINT8_MAX; type++) {
        /* Ignored (RFC 9113 section 4.1), but not unseen: on_frame counts them. */
        nghttp2_option_set_user_recv_extension_type(option, (uint8_t)type);
    }
    nghttp2_option_set_max_send_header_block_length(option, SEND_BLOCK_MAX);
    nghttp2_option_set_max_deflate_dynamic_table_size(option, DEFLATE_TABLE_MAX);
    raise_bounds(option, &s->limits);
    nghttp2_mem memory = h2_memory_init(&s->memory);
    int rv = s->role->is_server ? nghttp2_session_server_new3(&ng, callbacks, s, option, &memory)
                                : nghttp2_session_client_new3(&ng, callbacks, s, option, &memory);
    REQUIRE(rv == 0);
    h2_memory_close(&s->memory);
    nghttp2_option_del(option);
    nghttp2_session_callbacks_del(callbacks);
    return ng;
}

/* RFC 9113 section 6.5.2, RFC 8441 section 3, RFC 9218 section 2.1. */
static void submit_settings(struct h2_session *s)
{
    const struct h2_limits *l = &s->limits;
    uint32_t list = l->head.head_bytes < UINT32_MAX ? (uint32_t)l->head.head_bytes : UINT32_MAX;
    bool is_server = s->role->is_server;
    nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, l->streams},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, l->window},
        {NGHTTP2_SETTINGS_MAX_FRAME_SIZE, l->frame},
        {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, l->table},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, list},
        {is_server ? NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL : NGHTTP2_SETTINGS_ENABLE_PUSH,
         is_server},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    size_t count = sizeof(entries) / sizeof(entries[0]);
    REQUIRE(nghttp2_submit_settings(s->ng, NGHTTP2_FLAG_NONE, entries, count) == 0);
    REQUIRE(nghttp2_session_set_local_window_size(s->ng, NGHTTP2_FLAG_NONE, 0,
                                                  (int32_t)l->connection_window) == 0);
}

static void on_block_deadline(void *arg)
{
    h2_session_fail(arg, WHY_HEADER_TIMEOUT, NGHTTP2_ENHANCE_YOUR_CALM);
}

static void on_part_deadline(void *arg)
{
    h2_session_part_final(arg);
}

void h2_session_init(struct h2_session *s, const struct h2_role *role, struct stream *stream,
                     const struct h1_scratch *scratch, const struct h2_limits *limits)
{
    s->role = role;
    s->stream = stream;
    s->loop = stream->loop;
    h2_guard_init(&s->guard, loop_now_ms(s->loop));
    s->scratch = scratch;
    s->limits = *limits;
    s->state = H2_SESSION_OPEN;
    s->failure = WHY_NONE;
    list_init(&s->streams);
    list_init(&s->dead);
    buf_init(&s->out, OUT_MAX);
    loop_task_init(&s->work, on_work, s);
    deadline_init(&s->block_deadline, on_block_deadline, s);
    deadline_init(&s->part_deadline, on_part_deadline, s);
    s->ng = make_nghttp2(s);
    submit_settings(s);
    stream_set_owner(stream, on_stream, s);
}

void h2_session_set_timing(struct h2_session *s, const struct h2_timing *timing)
{
    s->timing = *timing;
}

void h2_session_start(struct h2_session *s, struct str early)
{
    if (early.len > 0) {
        h2_session_take(s, early);
    }
    h2_session_wake(s);
}

void h2_session_wake(struct h2_session *s)
{
    loop_defer(s->loop, &s->work);
}

/* ---- rest ---- */

/* Before anything that may look at `ng`: the doors of this file that others call, and the loop's.
 * All else runs within one of them. */
static void stir(struct h2_session *s)
{
    if (s->memory.folded != NULL) {
        h2_memory_stir(&s->memory);
    }
}

/* Resting, unless something is under way: so a PING does not end it for long. */
static void settle_down(struct h2_session *s)
{
    bool is_quiet = s->state == H2_SESSION_OPEN && list_is_empty(&s->streams) && !s->blocked;
    if (s->rests && is_quiet && h2_session_is_flushed(s) &&
        nghttp2_session_want_write(s->ng) == 0) {
        h2_memory_rest(&s->memory);
        stream_rest(s->stream);
    }
}

void h2_session_rest(struct h2_session *s)
{
    stir(s);
    s->rests = true;
    settle_down(s);
}

/* ---- end ---- */

static void dispose(struct h2_session *s)
{
    s->state = H2_SESSION_CLOSED;
    deadline_clear(&s->block_deadline);
    deadline_clear(&s->part_deadline);
    LIST_EACH (&s->streams, it, tmp) {
        deadline_clear(&CONTAINER_OF(it, struct h2_stream, node)->stall);
    }
    stream_close(s->stream);
    buf_fini(&s->out);
    h2_session_wake(s);
}

void h2_session_close(struct h2_session *s)
{
    if (s->state == H2_SESSION_CLOSED) {
        return;
    }
    dispose(s);
    LIST_EACH (&s->streams, it, tmp) {
        (void)h2_stream_let_go(CONTAINER_OF(it, struct h2_stream, node));
    }
}

/* Every owner is told that its stream is over; the structs stay as long as nghttp2 knows them. */
static void abort_streams(struct h2_session *s, enum why why)
{
    LIST_EACH (&s->streams, it, tmp) {
        struct h2_stream *st = CONTAINER_OF(it, struct h2_stream, node);
        enum why of = s->role->why_of == NULL ? why : s->role->why_of(st, why);
        const struct channel_events *events = h2_stream_let_go(st);
        st->is_reset = true;
        deadline_clear(&st->stall);
        if (events != NULL) {
            events->on_abort(st->channel.arg, of);
        }
    }
}

void h2_session_end(struct h2_session *s, enum why why)
{
    if (s->state == H2_SESSION_CLOSED) {
        return;
    }
    dispose(s);
    abort_streams(s, why);
    s->role->on_closed(s, why);
}

void h2_session_fail(struct h2_session *s, enum why why, uint32_t code)
{
    if (s->state != H2_SESSION_OPEN) {
        return;
    }
    const char *text = why_text(why);
    stir(s);
    s->state = H2_SESSION_ENDING;
    s->failure = why;
    int32_t last = s->role->is_server ? nghttp2_session_get_last_proc_stream_id(s->ng) : 0;
    (void)nghttp2_submit_goaway(s->ng, NGHTTP2_FLAG_NONE, last, code, (const uint8_t *)text,
                                strlen(text));
    h2_session_wake(s);
}

void h2_session_part(struct h2_session *s, enum why why)
{
    static const uint8_t opaque[8] = {'g', 'o', 'a', 'w', 'a', 'y', 0, 0};
    if (s->state != H2_SESSION_OPEN || s->parting != H2_PARTING_NONE) {
        return;
    }
    stir(s);
    s->parting = H2_PARTING_NOTICE;
    s->part_why = why;
    (void)nghttp2_submit_shutdown_notice(s->ng);
    (void)nghttp2_submit_ping(s->ng, NGHTTP2_FLAG_NONE, opaque);
    if (s->timing.grace != NULL) {
        deadline_set(&s->part_deadline, s->timing.grace);
    }
    h2_session_wake(s);
}

void h2_session_part_final(struct h2_session *s)
{
    if (s->state != H2_SESSION_OPEN || s->parting != H2_PARTING_NOTICE) {
        return;
    }
    stir(s);
    deadline_clear(&s->part_deadline);
    s->parting = H2_PARTING_FINAL;
    int32_t last = s->role->is_server ? nghttp2_session_get_last_proc_stream_id(s->ng) : 0;
    (void)nghttp2_submit_goaway(s->ng, NGHTTP2_FLAG_NONE, last, NGHTTP2_NO_ERROR, NULL, 0);
    h2_session_wake(s);
}

void h2_session_note_reset(struct h2_session *s, int32_t id)
{
    if (s->reset_ids == NULL) {
        s->reset_ids = mem_array(H2_RESETS, sizeof(*s->reset_ids));
    }
    s->reset_ids[s->reset_count++ % H2_RESETS] = id;
}

bool h2_session_was_reset(const struct h2_session *s, int32_t id)
{
    for (unsigned i = 0; s->reset_ids != NULL && i < H2_RESETS; i++) {
        if (s->reset_ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* ---- output ---- */

/* Frames into `out`, as many as fit one write. */
static int gather(struct h2_session *s)
{
    while (buf_len(&s->out) < GATHER_BYTES) {
        const uint8_t *bytes = NULL;
        ssize_t n = nghttp2_session_mem_send(s->ng, &bytes);
        if (n < 0) {
            return ERR_PROTOCOL;
        }
        if (n == 0) {
            return OK; /* nothing, or all that there was went through send_data */
        }
        if (buf_append(&s->out, bytes, (size_t)n) != OK) {
            return ERR_LIMIT;
        }
    }
    return OK;
}

static int flush(struct h2_session *s)
{
    while (!s->blocked) {
        int err = gather(s);
        if (err != OK) {
            return err;
        }
        if (s->state == H2_SESSION_CLOSED || buf_len(&s->out) == 0) {
            break;
        }
        struct iovec iov = {.iov_base = s->out.data + s->out.head, .iov_len = buf_len(&s->out)};
        size_t n = 0;
        err = stream_write(s->stream, &iov, 1, &n);
        if (err == ERR_AGAIN) {
            s->blocked = true;
            break;
        }
        if (err != OK) {
            return err;
        }
        buf_consume(&s->out, n);
    }
    if (s->state == H2_SESSION_CLOSED) {
        return OK;
    }
    buf_release(&s->out);
    return stream_flush(s->stream);
}

bool h2_session_is_flushed(const struct h2_session *s)
{
    return buf_len(&s->out) == 0 && stream_unsent(s->stream) == 0;
}

/* Interest in the stream, from state and buffers; the only place that sets it. */
static void arm(struct h2_session *s)
{
    unsigned want = STREAM_READABLE;
    bool is_last = s->state != H2_SESSION_OPEN || list_is_empty(&s->streams);
    if (s->state == H2_SESSION_OPEN && s->blocked &&
        nghttp2_session_get_outbound_queue_size(s->ng) > QUEUE_MAX) {
        want = 0;
    }
    if (s->blocked || (is_last && stream_unsent(s->stream) > 0)) {
        want |= STREAM_WRITABLE;
    }
    stream_want(s->stream, want);
}

/* ---- the end of a turn ---- */

static void settle_streams(struct h2_session *s)
{
    LIST_EACH (&s->streams, it, tmp) {
        h2_stream_settle(CONTAINER_OF(it, struct h2_stream, node));
        if (s->state == H2_SESSION_CLOSED) {
            return;
        }
    }
}

static void bury(struct h2_session *s)
{
    while (!list_is_empty(&s->dead)) {
        h2_stream_free(LIST_FIRST(&s->dead, struct h2_stream, node));
    }
}

static void dissolve(struct h2_session *s)
{
    nghttp2_session_del(s->ng);
    h2_memory_fini(&s->memory);
    free(s->reset_ids);
    buf_fini(&s->out); /* again: closed from inside a callback of nghttp2's */
    while (!list_is_empty(&s->streams)) {
        h2_stream_free(LIST_FIRST(&s->streams, struct h2_stream, node));
    }
    bury(s);
    s->role->on_free(s);
}

/* The last stream of a parting connection is over, or neither side has anything to say. */
static bool is_finished(const struct h2_session *s)
{
    return list_is_empty(&s->streams) &&
           (s->parting == H2_PARTING_FINAL ||
            (nghttp2_session_want_read(s->ng) == 0 && nghttp2_session_want_write(s->ng) == 0));
}

/* From open to ending to lingering, as far as it goes. */
static void advance(struct h2_session *s)
{
    if (s->state == H2_SESSION_OPEN && is_finished(s)) {
        s->state = H2_SESSION_ENDING;
        s->failure = s->parting == H2_PARTING_NONE ? WHY_NOT_KEPT_ALIVE : s->part_why;
    }
    if (s->state == H2_SESSION_ENDING) {
        abort_streams(s, s->failure);
    }
    if (s->state == H2_SESSION_ENDING && buf_len(&s->out) == 0) {
        s->state = H2_SESSION_LINGER;
        int err = stream_shutdown(s->stream);
        if (err != OK && err != ERR_AGAIN) {
            h2_session_end(s, s->failure);
            return;
        }
        s->role->on_linger(s, s->failure);
    }
}

static void on_work(void *arg)
{
    struct h2_session *s = arg;
    stir(s);
    if (s->state == H2_SESSION_CLOSED) {
        dissolve(s);
        return;
    }
    settle_streams(s);
    if (s->state == H2_SESSION_ENDING) {
        abort_streams(s, s->failure);
    }
    int err = s->state < H2_SESSION_LINGER ? flush(s) : OK;
    if (err != OK && err != ERR_AGAIN && s->state != H2_SESSION_CLOSED) {
        /* Whoever was to be sent away and is gone already ends for what it did. */
        h2_session_end(s, s->failure != WHY_NONE ? s->failure : s->role->gone_why(s, err));
    }
    if (s->state < H2_SESSION_LINGER) {
        settle_streams(s); /* what was sent made room, or ended a stream */
    }
    bury(s);
    s->window_changed = false;
    if (s->state < H2_SESSION_LINGER) {
        advance(s);
    }
    if (s->state == H2_SESSION_OPEN) {
        s->role->on_settled(s);
    }
    if (s->state != H2_SESSION_CLOSED) {
        arm(s);
        settle_down(s);
    }
}

static void on_writable(struct h2_session *s)
{
    s->blocked = false;
    if (s->state == H2_SESSION_LINGER) {
        int err = stream_shutdown(s->stream);
        if (err != OK && err != ERR_AGAIN) {
            h2_session_end(s, s->failure);
            return;
        }
    }
    h2_session_wake(s);
}

static void on_stream(void *arg, unsigned ready)
{
    struct h2_session *s = arg;
    stir(s);
    if (ready & STREAM_WRITABLE) {
        on_writable(s);
    }
    if ((ready & STREAM_READABLE) && s->state != H2_SESSION_CLOSED) {
        h2_session_on_readable(s);
    }
}
