/* SPDX-License-Identifier: MIT */
#include "http/framing.h"

/* Above this a length could not be a signed 64-bit number at the other side. */
#define LENGTH_MAX INT64_MAX

/* What the framing fields of a message say, whoever sent it. */
struct claim {
    bool has_length;
    bool is_chunked;
    uint64_t length;
};

/*
 * Other codings in front of one final "chunked", all well-formed: valid HTTP that is not built
 * here. Anything else leaves the length in doubt (RFC 9112 section 6.3, rule 4).
 */
static bool is_unbuilt_coding(struct str value)
{
    struct str coding;
    bool is_final = false;
    unsigned others = 0;
    while (str_next(&value, ',', &coding)) {
        coding = str_trim(coding);
        if (is_final || !field_is_token(coding)) {
            return false;
        }
        is_final = str_ieq(coding, STR("chunked"));
        others += !is_final;
    }
    return is_final && others > 0;
}

/* OK, ERR_UNSUPPORTED for an unknown coding, ERR_SYNTAX for everything ambiguous. */
static int read_claim(const struct message *m, struct claim *out_claim)
{
    size_t lengths = message_count(m, FIELD_CONTENT_LENGTH);
    size_t codings = message_count(m, FIELD_TRANSFER_ENCODING);
    struct claim claim = {.has_length = lengths > 0, .is_chunked = codings > 0};
    if (lengths + codings > 1) {
        return ERR_SYNTAX;
    }
    if (codings == 1) {
        struct str value = message_find(m, FIELD_TRANSFER_ENCODING)->value;
        if (m->version != HTTP_1_1) {
            return ERR_SYNTAX;
        }
        if (!str_ieq(value, STR("chunked"))) {
            return is_unbuilt_coding(value) ? ERR_UNSUPPORTED : ERR_SYNTAX;
        }
    }
    if (lengths == 1) {
        /* 1*DIGIT (RFC 9110 section 8.6) and nothing else, not even a list of equal ones. */
        struct str value = message_find(m, FIELD_CONTENT_LENGTH)->value;
        if (str_to_u64(value, LENGTH_MAX, &claim.length) != OK) {
            return ERR_SYNTAX;
        }
    }
    *out_claim = claim;
    return OK;
}

static struct body body_of(const struct claim *claim, enum body_kind otherwise)
{
    if (claim->is_chunked) {
        return (struct body){.kind = BODY_CHUNKED};
    }
    if (claim->has_length) {
        return (struct body){claim->length > 0 ? BODY_LENGTH : BODY_NONE, claim->length};
    }
    return (struct body){.kind = otherwise};
}

static bool has_blurred_claim(const struct message *m)
{
    for (size_t i = 0; m->has_blurred && i < m->field_count; i++) {
        const struct field *f = &m->fields[i];
        if (f->id == FIELD_OTHER &&
            (field_flags(field_lookup_blurred(f->name)) & FIELD_FRAMING) != 0) {
            return true;
        }
    }
    return false;
}

int framing_request(const struct message *m, struct body *out_body, enum why *out_why)
{
    struct claim claim;
    int err = has_blurred_claim(m) ? ERR_SYNTAX : read_claim(m, &claim);
    if (err != OK) {
        *out_why = err == ERR_UNSUPPORTED ? WHY_TRANSFER_CODING : WHY_BAD_FRAMING;
        return err;
    }
    *out_body = body_of(&claim, BODY_NONE);
    return OK;
}

int framing_response(const struct message *m, enum http_method request_method, bool upgrade_asked,
                     struct body *out_body, enum why *out_why)
{
    struct claim claim;
    bool is_bare = m->status < 200 || m->status == 204;
    int err = read_claim(m, &claim);
    /* RFC 9110 section 8.6 and RFC 9112 section 6.1 forbid both fields here; many services send
     * "Content-Length: 0" with 204, which says the same as nothing. */
    if (err != OK || (is_bare && (claim.is_chunked || claim.length > 0))) {
        *out_why = WHY_UPSTREAM_BAD_FRAMING;
        return ERR_SYNTAX;
    }
    if (m->status == 101) {
        if (!upgrade_asked || m->version != HTTP_1_1) {
            *out_why = WHY_UPSTREAM_BAD_UPGRADE;
            return ERR_PROTOCOL;
        }
        *out_body = (struct body){.kind = BODY_TUNNEL};
        return OK;
    }
    if (is_bare || m->status == 304 || request_method == METHOD_HEAD) {
        *out_body = (struct body){.kind = BODY_NONE};
        return OK;
    }
    *out_body = body_of(&claim, BODY_UNTIL_CLOSE);
    return OK;
}

bool framing_keeps_alive(const struct message *m)
{
    switch (m->version) {
    case HTTP_1_0:
        return message_lists(m, FIELD_CONNECTION, STR("keep-alive")) &&
               !message_lists(m, FIELD_CONNECTION, STR("close"));
    case HTTP_1_1: return !message_lists(m, FIELD_CONNECTION, STR("close"));
    case HTTP_2: break;
    }
    return true;
}
