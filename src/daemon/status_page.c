/* SPDX-License-Identifier: MIT */
/* The status for a browser: one page, nothing beside it. The script only puts a newer <main> in
 * place of the one shown; without scripts the browser asks for the page anew. */
#include "daemon/status.h"

static const char page_head[] =
    "<!doctype html>\n"
    "<html lang=\"en\">\n"
    "<head>\n"
    "<meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<title>Hivedoor</title>\n"
    "<style>\n"
    ":root { color-scheme: light dark; --line: #8884; --good: #18794e; --warn: #ad5700;"
    " --bad: #c62a2f; }\n"
    "@media (prefers-color-scheme: dark) { :root { --good: #4cc38a; --warn: #f1a10d;"
    " --bad: #ff6369; } }\n"
    "body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem;"
    " padding: 0 1rem; }\n"
    "h1 { font-size: 1.15rem; }\n"
    "h2 { font-size: 1rem; margin: 2rem 0 .4rem; }\n"
    ".table { overflow-x: auto; }\n"
    "table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }\n"
    "th, td { text-align: left; padding: .25rem 1.2rem .25rem 0; border-bottom: 1px solid"
    " var(--line); vertical-align: top; }\n"
    "th { font-weight: 600; white-space: nowrap; }\n"
    "td:last-child { overflow-wrap: anywhere; }\n"
    ".good { color: var(--good); } .warn { color: var(--warn); font-weight: 600; }\n"
    ".bad { color: var(--bad); font-weight: 600; }\n"
    "footer { margin-top: 2rem; color: #888; }\n"
    "</style>\n"
    "<noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>\n"
    "</head>\n"
    "<body>\n";

static const char page_tail[] =
    "<footer><span id=\"live\">as of this request</span>"
    " &middot; <a href=\"/state\">state</a> &middot; <a href=\"/metrics\">metrics</a></footer>\n"
    "<script>\n"
    "\"use strict\";\n"
    "const live = document.getElementById(\"live\");\n"
    "async function renew() {\n"
    "  try {\n"
    "    const answer = await fetch(\"/\", {cache: \"no-store\"});\n"
    "    const page = new DOMParser().parseFromString(await answer.text(), \"text/html\");\n"
    "    document.querySelector(\"main\").replaceWith(page.querySelector(\"main\"));\n"
    "    live.textContent = \"live\";\n"
    "    live.className = \"good\";\n"
    "  } catch (error) {\n"
    "    live.textContent = \"no answer from the daemon\";\n"
    "    live.className = \"bad\";\n"
    "  }\n"
    "  setTimeout(renew, document.hidden ? 10000 : 2000);\n"
    "}\n"
    "renew();\n"
    "</script>\n"
    "</body>\n"
    "</html>\n";

static const char *class_of(enum status_level level)
{
    switch (level) {
    case STATUS_PLAIN: return "";
    case STATUS_GOOD: return " class=\"good\"";
    case STATUS_WARN: return " class=\"warn\"";
    case STATUS_BAD: return " class=\"bad\"";
    }
    return "";
}

static int put_escaped(struct buf *out, struct str text)
{
    int rc = OK;

    for (size_t i = 0; i < text.len && rc == OK; i++) {
        switch (text.ptr[i]) {
        case '&': rc = buf_append_str(out, STR("&amp;")); break;
        case '<': rc = buf_append_str(out, STR("&lt;")); break;
        case '>': rc = buf_append_str(out, STR("&gt;")); break;
        case '"': rc = buf_append_str(out, STR("&quot;")); break;
        default: rc = buf_append(out, &text.ptr[i], 1); break;
        }
    }
    return rc;
}

static int put_element(struct buf *out, const char *name, enum status_level level, struct str text)
{
    int rc = buf_printf(out, "<%s%s>", name, class_of(level));

    rc = rc == OK ? put_escaped(out, text) : rc;
    return rc == OK ? buf_printf(out, "</%s>", name) : rc;
}

static int put_rows(struct buf *out, const struct status_table *t)
{
    int rc = buf_append_str(out, STR("<div class=\"table\"><table>\n<tr>"));

    REQUIRE(t->column_count > 0);
    for (size_t i = 0; i < t->column_count && rc == OK; i++) {
        rc = put_element(out, "th", STATUS_PLAIN, str_of(t->columns[i]));
    }
    for (size_t i = 0; i < t->cell_count && rc == OK; i++) {
        if (i % t->column_count == 0) {
            rc = buf_append_str(out, STR("</tr>\n<tr>"));
        }
        rc = rc == OK ? put_element(out, "td", t->cells[i].level, t->cells[i].text) : rc;
    }
    return rc == OK ? buf_append_str(out, STR("</tr>\n</table></div>\n")) : rc;
}

static int put_table(struct buf *out, const struct status_table *t)
{
    int rc = put_element(out, "h2", STATUS_PLAIN, str_of(t->title));

    if (rc == OK && t->cell_count == 0) {
        return put_element(out, "p", STATUS_PLAIN, str_of(t->empty));
    }
    return rc == OK ? put_rows(out, t) : rc;
}

int status_page(const struct status *s, struct buf *out)
{
    int rc = buf_append(out, page_head, sizeof(page_head) - 1);

    rc = rc == OK ? buf_append_str(out, STR("<main>\n")) : rc;
    rc = rc == OK ? put_element(out, "h1", s->level, s->headline) : rc;
    for (int i = 0; i < STATUS_PARTS && rc == OK; i++) {
        rc = put_table(out, &s->tables[i]);
    }
    rc = rc == OK ? buf_append_str(out, STR("</main>\n")) : rc;
    return rc == OK ? buf_append(out, page_tail, sizeof(page_tail) - 1) : rc;
}
