/* SPDX-License-Identifier: MIT */
/* What a peer of HTTP/2, client or service, is charged for: h2_guard's budgets, spent by frames. */
#include "h2_session_impl.h"

void h2_session_spend(struct h2_session *s, enum h2_guard_kind kind)
{
    enum why why = h2_guard_spend(&s->guard, kind, loop_now_ms(s->loop));
    if (why != WHY_OK) {
        h2_session_fail(s, why, NGHTTP2_ENHANCE_YOUR_CALM);
    }
}

static void charge_block(struct h2_session *s, const nghttp2_frame_hd *hd)
{
    if (hd->length == 0 && (hd->flags & NGHTTP2_FLAG_END_HEADERS) == 0) {
        h2_session_spend(s, H2_GUARD_EMPTY);
    }
    enum why why = h2_guard_block(&s->guard, hd->type == NGHTTP2_HEADERS, hd->length,
                                  s->limits.head.head_bytes);
    if (why != WHY_OK) {
        h2_session_fail(s, why, NGHTTP2_ENHANCE_YOUR_CALM);
    }
}

void h2_session_charge(struct h2_session *s, const nghttp2_frame_hd *hd)
{
    s->role->on_frame(s, hd);
    switch (hd->type) {
    case NGHTTP2_DATA:
        if (hd->length >= H2_GUARD_WORTH) {
            h2_guard_earn(&s->guard, hd->length);
        }
        break;
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION: charge_block(s, hd); break;
    case NGHTTP2_RST_STREAM: break; /* costs what the role says */
    case NGHTTP2_SETTINGS: h2_session_spend(s, H2_GUARD_SETTINGS); break;
    case NGHTTP2_PING: h2_session_spend(s, H2_GUARD_PING); break;
    case NGHTTP2_WINDOW_UPDATE: h2_session_spend(s, H2_GUARD_WINDOW); break;
    default: h2_session_spend(s, H2_GUARD_PRIORITY); break;
    }
}
