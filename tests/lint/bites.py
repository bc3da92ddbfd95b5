# SPDX-License-Identifier: MIT
"""The lints themselves: each says no to what it must, and nothing to what is fine."""
import cases
import forbidden
import globals as file_scope
import layers
import marks
from docs import is_explained, paths
from tree import code, functions

SOURCE = '''\
/* int not_code(int a) */
static int
long_one(int a, int (*f)(int, int),
         const char *s)
{
    return f(a, 1) + (s[0] == '"');
}

int main(void)
{
}
'''


def test_comments_and_strings_are_not_code():
    assert code('a /* b\nc */ "d" // e\nf') == 'a  \n "" ' + " \nf"
    assert not forbidden.CALL.findall(code('log("strcpy(a, b)"); /* strcpy(a) */'))


def test_functions_are_measured():
    one, two = functions(SOURCE)
    assert (one.name, one.length, one.parameters) == ("long_one", 1, 3)
    assert (two.name, two.length, two.parameters) == ("main", 0, 0)


def test_forbidden_calls_are_found():
    for line in ("strcpy(a, b);", "x = atoi (s);", "(void)sleep(1);", "return signal(1, f);"):
        assert forbidden.CALL.search(line), line
    for line in ("my_strcpy(a);", "timer.signal(x);", "t->sleep(x);", "snprintf(b, 1, s);"):
        assert not forbidden.CALL.search(line), line


def test_upward_includes_are_found():
    assert list(layers.upward("src/base/a.c", "base", 1, "net/stream.h"))
    assert list(layers.upward("src/http/a.c", "http", 1, "openssl/ssl.h"))
    assert not list(layers.upward("src/net/a.c", "net", 1, "base/str.h"))
    assert not list(layers.upward("src/tls/a.c", "tls", 1, "openssl/ssl.h"))


def test_mutable_objects_are_found():
    for line in ("static int count;", "struct table *shared = 0;", "static char name[8] = {0};"):
        assert file_scope.is_mutable_object(line), line
    for line in ("static const int LIMIT = 3;", "static int count(void);", "struct table;",
                 "typedef int number;", "    int local;", "static const char *const names[] = {"):
        assert not file_scope.is_mutable_object(line), line


def test_marks_and_places_are_found():
    assert marks.MARK.search("/* TO" + "DO: later */")
    assert marks.OUTSIDE.search("see ../sha" + "red/facts")
    assert not marks.MARK.search("todo_list")


def test_keys_are_looked_for_by_their_path():
    assert paths('{.path = "tls.min", .type') == ["tls.min"]
    assert paths('{.path = AT ".rate.burst", .type') == ["sites.NAME.rate.burst"]
    assert is_explained("sites.NAME.timeouts.idle", "... timeouts.idle ...")
    assert is_explained("sites.NAME.to", "the key `to`")
    assert not is_explained("tls.min", "minutes")


def test_cases_are_looked_for_by_their_beginning():
    assert cases.shown_by("| a | b | c |\n|---|---|---|\n| x `y` | z | `cl-`, `te-` |\n") == [
        "cl-", "te-"]
    assert cases.is_known("cl-", ["cl-te"], []) and not cases.is_known("cl-x", ["cl-te"], [])


def test_lines_of_the_tables_are_bytes():
    assert cases.table.line_bytes(r"a\r\x00\s\{{bc*2}") == b"a\r\0 {bcbc\r\n"
    assert cases.table.line_bytes("{{x*2}y*2}\\") == b"xxyxxy"
    for text in (r"\q", "{a*2", r"\x1"):
        try:
            cases.table.unescape(text)
        except ValueError:
            continue
        raise AssertionError(text)


if __name__ == "__main__":
    for name, test in sorted(globals().items()):
        if name.startswith("test_"):
            test()
            print(f"ok {name}")
