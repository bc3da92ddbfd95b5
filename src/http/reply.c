/* SPDX-License-Identifier: MIT */
#include "http/reply.h"

#include "base/clock.h"

#include <sys/random.h>

enum form { FORM_TEXT, FORM_JSON, FORM_HTML };

/* Everything a page says; the reason is its label, never the internal text. */
struct page {
    uint16_t status;
    struct str title;
    struct str sentence;
    struct str id;
    struct str reason;
};

void reply_new_id(char dst[static REPLY_ID_MAX])
{
    static const char hex[] = "0123456789abcdef";
    uint8_t bytes[(REPLY_ID_MAX - 1) / 2];
    REQUIRE(getrandom(bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        dst[2 * i] = hex[bytes[i] >> 4];
        dst[2 * i + 1] = hex[bytes[i] & 15];
    }
    dst[REPLY_ID_MAX - 1] = '\0';
}

/* What a person is told; says what happened and what to do, nothing about the inside. */
static const char *sentence_of(uint16_t status)
{
    static const struct {
        uint16_t status;
        const char *text;
    } sentences[] = {
        {400, "Your browser or program sent a request that could not be understood."},
        {401, "This place asks for a name and a password."},
        {403, "This place is not open to you."},
        {404, "There is nothing at this address. Please check it for typing mistakes."},
        {405, "This address does not take this kind of request."},
        {408, "The request took too long to arrive. Please try again."},
        {413, "What you sent is larger than is allowed here."},
        {414, "The address is longer than is allowed here."},
        {417, "The request asked for something that is not offered here."},
        {421, "This connection belongs to another site. Please reload the page."},
        {429, "That was too much at once. Please try again a little later."},
        {431, "The request's header is larger than is allowed here. Deleting this site's cookies "
              "may help."},
        {500, "Something went wrong here. Please try again later."},
        {501, "The request uses something that is not supported here."},
        {502, "The site could not be reached just now. Please try again in a moment."},
        {503, "The site is not available just now. Please try again in a moment."},
        {504, "The site took too long to answer. Please try again in a moment."},
        {505, "This version of HTTP is not supported here."},
    };
    for (size_t i = 0; i < sizeof(sentences) / sizeof(sentences[0]); i++) {
        if (sentences[i].status == status) {
            return sentences[i].text;
        }
    }
    return status < 500 ? "The request could not be served." : "Something went wrong here.";
}

/* ---- which form: RFC 9110 section 12.5.1 ---- */

/* Whether a media type asks for one of the forms by name; wildcards ask for none. */
static bool form_of(struct str type, enum form *out_form)
{
    if (str_ieq(type, STR("text/html")) || str_ieq(type, STR("application/xhtml+xml"))) {
        *out_form = FORM_HTML;
    } else if (str_ieq(type, STR("application/json")) ||
               (type.len > 5 && str_ieq(str_from(type, type.len - 5), STR("+json")))) {
        *out_form = FORM_JSON;
    } else if (str_ieq(type, STR("text/plain"))) {
        *out_form = FORM_TEXT;
    } else {
        return false;
    }
    return true;
}

/* The form with the greatest weight, the first one named among equals; text without any. */
static enum form choose_form(const struct message *request)
{
    enum form best = FORM_TEXT;
    unsigned best_weight = 0;
    for (size_t i = 0; request != NULL && i < request->field_count; i++) {
        struct str rest = request->fields[i].value;
        struct str range;
        while (request->fields[i].id == FIELD_ACCEPT && field_next_element(&rest, &range)) {
            struct str type = str_n(range.ptr, 0);
            enum form form;
            (void)str_next(&range, ';', &type);
            if (!form_of(str_trim(type), &form)) {
                continue;
            }
            unsigned weight = field_weight(range);
            if (weight > best_weight) {
                best_weight = weight;
                best = form;
            }
        }
    }
    return best;
}

/* ---- escaping ---- */

static const char *html_escape_of(char c)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '"': return "&quot;";
    case '\'': return "&#39;";
    default: return NULL;
    }
}

#define HTML_ESCAPE_MAX 6
#define JSON_ESCAPE_MAX 6

static struct str escape_html(struct arena *arena, struct str s)
{
    char *dst = (char *)arena_alloc(arena, s.len * HTML_ESCAPE_MAX + 1);
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        const char *escape = html_escape_of(s.ptr[i]);
        if (escape == NULL) {
            dst[len++] = s.ptr[i];
            continue;
        }
        size_t n = strlen(escape);
        memcpy(dst + len, escape, n);
        len += n;
    }
    return str_n(dst, len);
}

/* RFC 8259 section 7; bytes outside ASCII are escaped too, as they need not be UTF-8. */
static struct str escape_json(struct arena *arena, struct str s)
{
    static const char hex[] = "0123456789abcdef";
    char *dst = (char *)arena_alloc(arena, s.len * JSON_ESCAPE_MAX + 1);
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        uint8_t c = (uint8_t)s.ptr[i];
        if (c >= 0x20 && c < 0x7f && c != '"' && c != '\\') {
            dst[len++] = (char)c;
            continue;
        }
        memcpy(dst + len, "\\u00", 4);
        dst[len + 4] = hex[c >> 4];
        dst[len + 5] = hex[c & 15];
        len += JSON_ESCAPE_MAX;
    }
    return str_n(dst, len);
}

/* ---- the three forms ---- */

static struct str page_text(struct arena *arena, const struct page *p)
{
    return arena_printf(arena, "%u %.*s\n%.*s\n\nRequest: %.*s\nReason: %.*s\n",
                        (unsigned)p->status, STR_FMT(p->title), STR_FMT(p->sentence),
                        STR_FMT(p->id), STR_FMT(p->reason));
}

static struct str page_json(struct arena *arena, const struct page *p)
{
    struct str title = escape_json(arena, p->title);
    struct str sentence = escape_json(arena, p->sentence);
    struct str id = escape_json(arena, p->id);
    struct str reason = escape_json(arena, p->reason);
    return arena_printf(arena,
                        "{\"status\":%u,\"title\":\"%.*s\",\"detail\":\"%.*s\","
                        "\"request_id\":\"%.*s\",\"reason\":\"%.*s\"}\n",
                        (unsigned)p->status, STR_FMT(title), STR_FMT(sentence), STR_FMT(id),
                        STR_FMT(reason));
}

#define HTML_STYLE                                                                                 \
    ":root{color-scheme:light dark}"                                                               \
    "body{font:1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1.5rem}"   \
    "h1{font-size:1.5rem;font-weight:600}"                                                         \
    "small{opacity:.65;overflow-wrap:anywhere}"

static struct str page_html(struct arena *arena, const struct page *p)
{
    struct str title = escape_html(arena, p->title);
    struct str sentence = escape_html(arena, p->sentence);
    struct str id = escape_html(arena, p->id);
    struct str reason = escape_html(arena, p->reason);
    return arena_printf(
        arena,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
        "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
        "<title>%u %.*s</title>\n<style>" HTML_STYLE "</style>\n</head>\n<body>\n"
        "<h1>%u %.*s</h1>\n<p>%.*s</p>\n<p><small>Request %.*s &middot; %.*s</small></p>\n"
        "</body>\n</html>\n",
        (unsigned)p->status, STR_FMT(title), (unsigned)p->status, STR_FMT(title), STR_FMT(sentence),
        STR_FMT(id), STR_FMT(reason));
}

static struct str page_write(struct arena *arena, enum form form, const struct page *p)
{
    switch (form) {
    case FORM_JSON: return page_json(arena, p);
    case FORM_HTML: return page_html(arena, p);
    case FORM_TEXT: break;
    }
    return page_text(arena, p);
}

static struct str form_type(enum form form)
{
    switch (form) {
    case FORM_JSON: return STR("application/json");
    case FORM_HTML: return STR("text/html; charset=utf-8");
    case FORM_TEXT: break;
    }
    return STR("text/plain; charset=utf-8");
}

/* ---- the replies ---- */

void reply_make(struct arena *arena, uint16_t status, struct str content_type, struct str body,
                struct reply *out_reply)
{
    struct message *m = &out_reply->head;
    char date[CLOCK_TEXT_MAX];
    message_init(m, arena);
    m->status = status;
    m->reason = message_reason(status);
    out_reply->body = body;
    (void)clock_print_http(clock_wall_ms(), date);
    message_add(m, STR("Date"), arena_dup(arena, str_of(date)));
    if (content_type.len > 0) {
        message_add(m, STR("Content-Type"), content_type);
    }
}

static void add_id(struct message *m, struct str id)
{
    if (id.len > 0 && field_is_value(id)) {
        message_add(m, STR("X-Request-Id"), id);
    }
}

/* Allow, RFC 9110 section 10.2.1: CONNECT is refused everywhere, other methods only where nothing
 * but reading makes sense. */
static struct str allowed_methods(const struct message *request)
{
    if (request != NULL && request->method == METHOD_CONNECT) {
        return STR("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    }
    return STR("GET, HEAD");
}

/* ---- gRPC, which knows no error pages ---- */

/* Of a client of gRPC itself: application/grpc, with "+proto" and the like, or parameters. Others
 * (grpc-web) read HTTP's own status. */
static bool is_grpc(const struct message *request)
{
    const struct field *type = request == NULL ? NULL : message_find(request, FIELD_CONTENT_TYPE);
    struct str grpc = STR("application/grpc");
    if (type == NULL || !str_ieq(str_sub(type->value, 0, grpc.len), grpc)) {
        return false;
    }
    struct str rest = str_from(type->value, grpc.len);
    return rest.len == 0 || rest.ptr[0] == '+' || rest.ptr[0] == ';' || rest.ptr[0] == ' ';
}

/* The codes of gRPC that our statuses mean ("HTTP to gRPC Status Code Mapping" of its
 * documentation, but what is beyond a limit is 8, RESOURCE_EXHAUSTED, as nginx says it). */
static unsigned grpc_code(int status)
{
    switch (status) {
    case 400:
    case 500: return 13; /* INTERNAL */
    case 401: return 16; /* UNAUTHENTICATED */
    case 403: return 7;  /* PERMISSION_DENIED */
    case 404:
    case 405:
    case 501: return 12; /* UNIMPLEMENTED */
    case 413:
    case 414:
    case 429:
    case 431: return 8; /* RESOURCE_EXHAUSTED */
    case 421:
    case 502:
    case 503:
    case 504: return 14; /* UNAVAILABLE */
    default: return 2;   /* UNKNOWN */
    }
}

/* An answer without messages: the trailers are its header ("Trailers-Only"). */
static void make_grpc(struct arena *arena, enum why why, struct str id, struct reply *out_reply)
{
    struct message *m = &out_reply->head;
    reply_make(arena, 200, STR("application/grpc"), STR(""), out_reply);
    message_add(m, STR("grpc-status"), arena_printf(arena, "%u", grpc_code(why_status(why))));
    /* A reason's label needs no percent-encoding. */
    message_add(m, STR("grpc-message"), str_of(why_label(why)));
    add_id(m, id);
}

void reply_error(struct arena *arena, enum why why, const struct message *request, struct str id,
                 struct reply *out_reply)
{
    if (is_grpc(request)) {
        make_grpc(arena, why, id, out_reply);
        return;
    }
    int status = why_status(why);
    struct page page = {.status = (uint16_t)(status != 0 ? status : 500), .id = id};
    page.title = message_reason(page.status);
    page.sentence = str_of(sentence_of(page.status));
    page.reason = str_of(why_label(why));

    enum form form = choose_form(request);
    struct message *m = &out_reply->head;
    reply_make(arena, page.status, form_type(form), page_write(arena, form, &page), out_reply);
    message_add(m, STR("Cache-Control"), STR("no-store"));
    message_add(m, STR("X-Content-Type-Options"), STR("nosniff"));
    if (form == FORM_HTML) {
        message_add(m, STR("Content-Security-Policy"),
                    STR("default-src 'none'; style-src 'unsafe-inline'"));
    }
    if (page.status == 405) {
        message_add(m, STR("Allow"), allowed_methods(request));
    }
    add_id(m, id);
}

void reply_retry_after(struct reply *reply, unsigned seconds)
{
    struct message *m = &reply->head;
    if ((m->status == 429 || m->status == 503) && seconds > 0) {
        message_add(m, STR("Retry-After"), arena_printf(m->arena, "%u", seconds));
    }
}

void reply_redirect(struct arena *arena, uint16_t status, struct str location, struct str id,
                    struct reply *out_reply)
{
    struct str body =
        arena_printf(arena, "%.*s: %.*s\n", STR_FMT(message_reason(status)), STR_FMT(location));
    reply_make(arena, status, STR("text/plain; charset=utf-8"), body, out_reply);
    message_add(&out_reply->head, STR("Location"), location);
    add_id(&out_reply->head, id);
}
