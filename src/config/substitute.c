/* SPDX-License-Identifier: MIT */
#include "config/substitute.h"

#include <errno.h>
#include <stdlib.h>

#include "base/fd.h"
#include "base/mem.h"

struct job {
    struct yaml_tree *tree;
    const char *folder;
    struct diags *diags;
    const struct substitute_seen *seen; /* borrowed, may be NULL */
};

/* Length of one UTF-8 sequence (RFC 3629 section 4), or 0. */
static size_t utf8_len(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80) {
        return 1;
    }
    size_t n = p[0] >= 0xF0 ? 4 : p[0] >= 0xE0 ? 3 : 2;
    if (p[0] < 0xC2 || p[0] > 0xF4 || n > left) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    bool is_overlong = (p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xF0 && p[1] < 0x90);
    bool is_outside = (p[0] == 0xED && p[1] > 0x9F) || (p[0] == 0xF4 && p[1] > 0x8F);
    return is_overlong || is_outside ? 0 : n;
}

/* One line of text: valid UTF-8 without control characters. */
static bool is_line(struct str s)
{
    size_t i = 0;
    while (i < s.len) {
        const unsigned char *p = (const unsigned char *)s.ptr + i;
        size_t n = utf8_len(p, s.len - i);
        if (n == 0 || p[0] < 0x20 || p[0] == 0x7F) {
            return false;
        }
        i += n;
    }
    return true;
}

static bool is_name(struct str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool is_letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
        if (!is_letter && !(i > 0 && c >= '0' && c <= '9')) {
            return false;
        }
    }
    return name.len > 0;
}

static struct str chomp(struct str s)
{
    while (s.len > 0 && (s.ptr[s.len - 1] == '\n' || s.ptr[s.len - 1] == '\r')) {
        s.len--;
    }
    return s;
}

static int take_variable(const struct job *job, const struct yaml_node *node, struct str name,
                         struct buf *out)
{
    struct diag_place place = yaml_tree_place(job->tree, node);
    struct str shown = diag_cut(name);
    if (!is_name(name)) {
        diags_add(job->diags, DIAG_ERROR, place,
                  "found \"${%.*s}\"; expected ${NAME} or ${file:/path}; a plain ${ is written $${",
                  STR_FMT(shown));
        return ERR_SYNTAX;
    }
    char *copy = str_dup(name);
    const char *value = getenv(copy);
    free(copy);
    if (value == NULL) {
        diags_add(job->diags, DIAG_ERROR, place,
                  "found ${%.*s}, which is not set in the environment; expected it to be set",
                  STR_FMT(shown));
        return ERR_NOT_FOUND;
    }
    if (!is_line(str_of(value)) || buf_append_str(out, str_of(value)) != OK) {
        diags_add(
            job->diags, DIAG_ERROR, place,
            "found control characters, bytes that are not UTF-8, or more than 64k in ${%.*s}; "
            "expected one line of text",
            STR_FMT(shown));
        return ERR_SYNTAX;
    }
    return OK;
}

static int read_file(const struct job *job, const struct yaml_node *node, const char *path,
                     struct buf *out)
{
    struct diag_place place = yaml_tree_place(job->tree, node);
    struct buf content;
    buf_init(&content, SUBSTITUTE_MAX);
    errno = 0;
    int err = fd_read_file(path, &content);
    if (job->seen != NULL) {
        tls_digest_add(job->seen->digest, str_of(path));
        tls_digest_add(job->seen->digest, err == OK ? buf_str(&content) : STR("unreadable"));
    }
    if (err != OK) {
        diags_add(job->diags, DIAG_ERROR, place,
                  "found ${file:%.200s}, which cannot be read (%s); expected a readable file of "
                  "at most 64k",
                  path, err == ERR_IO && errno != 0 ? strerror(errno) : err_text(err));
    } else if (!is_line(chomp(buf_str(&content)))) {
        diags_add(job->diags, DIAG_ERROR, place,
                  "found several lines, control characters or bytes that are not UTF-8 in "
                  "${file:%.200s}; expected one line of text",
                  path);
        err = ERR_SYNTAX;
    } else if (buf_append_str(out, chomp(buf_str(&content))) != OK) {
        diags_add(job->diags, DIAG_ERROR, place, "found a text above 64k; expected a shorter one");
        err = ERR_LIMIT;
    }
    if (content.data != NULL) {
        mem_wipe(content.data, content.cap); /* secrets are what this is used for */
    }
    buf_fini(&content);
    return err;
}

static int take_file(const struct job *job, const struct yaml_node *node, struct str name,
                     struct buf *out)
{
    struct buf path;
    buf_init(&path, 8192);
    bool is_relative = name.len > 0 && name.ptr[0] != '/';
    int err = name.len == 0 || !is_line(name) ? ERR_SYNTAX : OK;
    if (err == OK) {
        err = buf_printf(&path, "%s%s%.*s", is_relative ? job->folder : "", is_relative ? "/" : "",
                         STR_FMT(name));
    }
    err = err != OK ? err : buf_append(&path, "", 1);
    if (err != OK) {
        diags_add(job->diags, DIAG_ERROR, yaml_tree_place(job->tree, node),
                  "found ${file:} without a usable path; expected ${file:/run/secrets/NAME}");
    } else {
        if (job->seen != NULL && buf_printf(job->seen->paths, "%s\n", buf_ptr(&path)) != OK) {
            err = ERR_LIMIT;
        }
        err = err != OK ? err : read_file(job, node, buf_ptr(&path), out);
    }
    buf_fini(&path);
    return err;
}

/* Copies up to the next "${" and takes what it names; *rest moves behind it. */
static int take_next(const struct job *job, const struct yaml_node *node, struct str *rest,
                     struct buf *out)
{
    size_t at = 0;
    while (at < rest->len && !str_starts(str_from(*rest, at), STR("${"))) {
        at++;
    }
    bool is_escaped = at < rest->len && at > 0 && rest->ptr[at - 1] == '$';
    int err = buf_append_str(out, str_sub(*rest, 0, is_escaped ? at - 1 : at));
    *rest = str_from(*rest, at);
    if (err != OK || rest->len == 0) {
        return err;
    }
    if (is_escaped) {
        *rest = str_from(*rest, 2);
        return buf_append_str(out, STR("${"));
    }
    ptrdiff_t end = str_find(*rest, '}');
    if (end < 0) {
        diags_add(job->diags, DIAG_ERROR, yaml_tree_place(job->tree, node),
                  "found \"${\" without \"}\"; expected ${NAME} or ${file:/path}; a plain ${ is "
                  "written $${");
        return ERR_SYNTAX;
    }
    struct str inner = str_sub(*rest, 2, (size_t)end - 2);
    *rest = str_from(*rest, (size_t)end + 1);
    if (str_starts(inner, STR("file:"))) {
        return take_file(job, node, str_from(inner, 5), out);
    }
    return take_variable(job, node, inner, out);
}

static bool has_variable(struct str s)
{
    for (size_t i = 0; i + 1 < s.len; i++) {
        if (s.ptr[i] == '$' && s.ptr[i + 1] == '{') {
            return true;
        }
    }
    return false;
}

static int substitute_scalar(const struct job *job, struct yaml_node *node)
{
    if (!has_variable(node->text)) {
        return OK;
    }
    struct buf out;
    struct str rest = node->text;
    int err = OK;
    buf_init(&out, SUBSTITUTE_MAX);
    while (err == OK && rest.len > 0) {
        err = take_next(job, node, &rest, &out);
    }
    if (err == OK) {
        node->text = arena_dup(&job->tree->arena, buf_str(&out));
        node->quoted = true; /* an empty variable is an empty text, not "nothing" */
    } else {
        node->kind = YAML_TREE_BAD;
    }
    if (out.data != NULL) {
        mem_wipe(out.data, out.cap);
    }
    buf_fini(&out);
    return err;
}

/* Depth is bounded by YAML_TREE_DEPTH. Goes on after a fault, so that all are reported. */
static int substitute_node(const struct job *job, struct yaml_node *node)
{
    int err = OK;
    if (node->kind == YAML_TREE_SCALAR) {
        return substitute_scalar(job, node);
    }
    for (size_t i = 0; i < node->count; i++) {
        int key_err = OK;
        if (node->kind == YAML_TREE_MAP) {
            key_err = substitute_scalar(job, &node->keys[i]);
        }
        int value_err = substitute_node(job, &node->values[i]);
        err = err != OK ? err : key_err != OK ? key_err : value_err;
    }
    return err;
}

int substitute_tree(struct yaml_tree *tree, const char *folder, struct diags *diags,
                    const struct substitute_seen *seen)
{
    struct job job = {.tree = tree, .folder = folder, .diags = diags, .seen = seen};
    return substitute_node(&job, &tree->root);
}
