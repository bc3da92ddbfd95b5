/* SPDX-License-Identifier: MIT */
#include "yaml_error.h"

/* A piece of libyaml's message, and what we say instead. The first that fits is taken. */
struct phrase {
    const char *context; /* part of parser->context, or NULL for any */
    const char *problem; /* part of parser->problem */
    const char *text;
};

#define INDENT "expected every key of one block to start in the same column"

static const struct phrase phrases[] = {
    {"quoted scalar", "unexpected end of stream",
     "found a quote that is never closed; expected the closing quote"},
    {"quoted scalar", "unexpected document indicator",
     "found --- inside a quoted text; expected the closing quote before it"},
    {"quoted scalar", "unknown escape character",
     "found an unknown escape after \\; expected \\\\ for a backslash, or single quotes around "
     "the text"},
    {"quoted scalar", "hexdecimal number",
     "found a broken escape after \\; expected hexadecimal digits, or single quotes around the "
     "text"},
    {"quoted scalar", "Unicode character escape",
     "found an escape that is no character; expected a valid one"},
    {"alias", "alphabetic or numeric",
     "found an unquoted \"*\"; expected quotes around a text that starts with *"},
    {"anchor", "alphabetic or numeric",
     "found an unquoted \"&\"; expected quotes around a text that starts with &"},
    {"tag", "", "found an unquoted \"!\"; expected quotes around a text that starts with !"},
    {"directive", "",
     "found a line that starts with %; expected a key; such a text stands in quotes"},
    {"block scalar", "",
     "found a block text (| or >) that is not well formed; expected the value on "
     "the line of its key"},
    {NULL, "mapping values are not allowed",
     "found a colon where no key can be; " INDENT ", one \"key: value\" a line, and quotes around "
     "a text that contains \": \""},
    {NULL, "block sequence entries are not allowed",
     "found a \"-\" where no list can start; expected the list on the lines below its key"},
    {NULL, "block mapping", "found a key where none can start; " INDENT},
    {NULL, "could not find expected ':'", "found a line without \": \"; expected \"key: value\""},
    {"block mapping", "did not find expected key",
     "found something that does not belong to this block; " INDENT
     ", and every { [ \" closed on the lines above"},
    {"block collection", "did not find expected '-'",
     "found a key inside a list; expected \"- \" in front of every item, all in one column"},
    {"flow mapping", "did not find expected ',' or '}'",
     "found no , or } behind a value; expected \"{key: value, key: value}\""},
    {"flow sequence", "did not find expected ',' or ']'",
     "found no , or ] behind a value; expected \"[value, value]\""},
    {NULL, "did not find expected node content",
     "found no value here; expected one, without a comma or bracket too many"},
    {NULL, "did not find expected <document start>",
     "found something behind the end of the document; " INDENT},
    {NULL, "control characters are not allowed",
     "found a control character; expected text; save the file as UTF-8"},
    {NULL, "UTF-8", "found bytes that are not UTF-8; expected the file saved as UTF-8"},
    {NULL, "Unicode", "found bytes that are not UTF-8; expected the file saved as UTF-8"},
};

static bool has(const char *text, const char *part)
{
    return part == NULL || (text != NULL && strstr(text, part) != NULL);
}

static struct str line_of(struct str text, uint32_t line)
{
    struct str rest = text;
    struct str found = {"", 0};
    for (uint32_t i = 0; i < line; i++) {
        if (!str_next(&rest, '\n', &found)) {
            return (struct str){"", 0};
        }
    }
    return found;
}

/* "a.com:http://x": a colon with no space behind it, and none that has one. */
static bool lacks_space(struct str line)
{
    struct str rest = str_trim(line);
    if (rest.len > 0 && rest.ptr[rest.len - 1] == '\r') {
        rest.len--;
    }
    if (rest.len == 0 || rest.ptr[0] == '#' || rest.ptr[0] == '-') {
        return false;
    }
    bool tight = false;
    for (size_t i = 1; i < rest.len; i++) {
        if (rest.ptr[i] != ':' || str_starts(str_from(rest, i), STR("://"))) {
            continue;
        }
        if (i + 1 == rest.len || rest.ptr[i + 1] == ' ') {
            return false;
        }
        tight = true;
    }
    return tight;
}

static bool has_tab(struct str line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] == '\t') {
            return true;
        }
        if (line.ptr[i] != ' ') {
            return false;
        }
    }
    return false;
}

/* Counts lines up to byte `offset`, for faults that libyaml gives only as an offset. */
static void place_of_offset(struct str text, size_t offset, struct diag_place *place)
{
    place->line = 1;
    place->column = 1;
    for (size_t i = 0; i < offset && i < text.len; i++) {
        place->column++;
        if (text.ptr[i] == '\n') {
            place->line++;
            place->column = 1;
        }
    }
}

static const char *phrase_for(const yaml_parser_t *parser)
{
    for (size_t i = 0; i < sizeof(phrases) / sizeof(phrases[0]); i++) {
        if (has(parser->context, phrases[i].context) && has(parser->problem, phrases[i].problem)) {
            return phrases[i].text;
        }
    }
    return NULL;
}

/* The remedies that need a look at the line itself; true if one fitted. */
static bool report_by_line(const yaml_parser_t *parser, struct str text, struct diag_place place,
                           struct diags *diags)
{
    struct str line = line_of(text, place.line);
    char at = place.column >= 1 && place.column <= line.len ? line.ptr[place.column - 1] : '\0';
    if (at == '\t' || has_tab(line)) {
        diags_add(diags, DIAG_ERROR, place,
                  "found a tab; expected spaces: YAML does not indent with tabs");
        return true;
    }
    for (uint32_t back = 0; back < 2 && place.line > back; back++) {
        uint32_t number = place.line - back;
        struct str whole = line_of(text, number);
        struct str tight = str_trim(whole);
        if (lacks_space(tight)) {
            struct str key = str_sub(tight, 0, (size_t)str_find(tight, ':'));
            key = diag_cut(key);
            uint32_t indent = (uint32_t)(tight.ptr - whole.ptr);
            diags_add(diags, DIAG_ERROR, (struct diag_place){place.file, number, indent + 1},
                      "found no space behind the colon of \"%.*s\"; expected \"%.*s: VALUE\"",
                      STR_FMT(key), STR_FMT(key));
            return true;
        }
    }
    if (has(parser->problem, "cannot start any token")) {
        diags_add(diags, DIAG_ERROR, place,
                  "found an unquoted \"%c\"; expected quotes around a text that starts with it",
                  at);
        return true;
    }
    return false;
}

void yaml_error_report(const yaml_parser_t *parser, struct str text, struct str file,
                       struct diags *diags)
{
    struct diag_place place = {file, (uint32_t)parser->problem_mark.line + 1,
                               (uint32_t)parser->problem_mark.column + 1};
    if (parser->error == YAML_READER_ERROR) {
        place_of_offset(text, parser->problem_offset, &place);
    } else if (has(parser->context, "quoted scalar") && parser->context != NULL) {
        /* The opening quote says more than the end of the file. */
        place.line = (uint32_t)parser->context_mark.line + 1;
        place.column = (uint32_t)parser->context_mark.column + 1;
    } else if (report_by_line(parser, text, place, diags)) {
        return;
    }
    const char *phrase = phrase_for(parser);
    if (phrase != NULL) {
        diags_add(diags, DIAG_ERROR, place, "%s", phrase);
        return;
    }
    diags_add(diags, DIAG_ERROR, place, "found text that is not YAML (%s); expected \"key: value\"",
              parser->problem == NULL ? "no reason given" : parser->problem);
}
