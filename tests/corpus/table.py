# SPDX-License-Identifier: MIT
"""Reads the tables of malformed traffic (see README.md beside this file) into cases."""

import dataclasses
import pathlib
import re

FOLDER = pathlib.Path(__file__).resolve().parent
ESCAPES = {"r": b"\r", "n": b"\n", "t": b"\t", "s": b" ", "0": b"\0", "\\": b"\\", "{": b"{"}
TOKEN = re.compile(r"\\x([0-9a-fA-F]{2})|\\([rnts0\\{])|(\{)|\*(\d+)(\})|([^\\])", re.S)
SECTION = re.compile(r"== ([a-z0-9-]+): (\S.*)")
DIRECTIVE = re.compile(r"(h1|h2|asks|then): (\S.*)")


def unescape(text):
    """The bytes of a line: \\r \\n \\t \\s (space) \\0 \\xNN \\\\ \\{ and {TEXT*COUNT}, also nested."""
    open_ones, out, at = [], b"", 0
    while at < len(text):
        token = TOKEN.match(text, at)
        if not token:
            raise ValueError(f"unknown escape in {text!r}")
        at = token.end()
        hexadecimal, letter, opens, count, closes, plain = token.groups()
        if hexadecimal:
            out += bytes([int(hexadecimal, 16)])
        elif letter:
            out += ESCAPES[letter]
        elif opens:
            open_ones.append(out)
            out = b""
        elif closes and open_ones:
            out = open_ones.pop() + out * int(count)
        else:
            out += (plain or token[0]).encode()
    if open_ones:
        raise ValueError(f"a repetition without its end in {text!r}")
    return out


def line_bytes(text):
    """A line of a table stands for itself with CRLF, or without if it ends with a lone "\\"."""
    if re.search(r"(?<!\\)(\\\\)*\\$", text):
        return unescape(text[:-1])
    return unescape(text) + b"\r\n"


@dataclasses.dataclass
class Outcome:
    """What becomes of one message.

    verdict   "forwarded", a status as text, "cut" (ends inside, or without an answer)
    reason    label in the access record; "-": there is none
    closes    whether the connection ends afterwards
    expected  bytes of the normalised message that must arrive, or None
    """

    verdict: str
    reason: str
    closes: bool
    expected: bytes | None = None
    trailers: list = dataclasses.field(default_factory=list)  # that must arrive, "name: value"

    @property
    def is_forwarded(self):
        return self.verdict == "forwarded"


@dataclasses.dataclass
class Case:
    id: str
    note: str
    where: str  # file:line
    raw: bytes = b""
    asks: str = "GET"  # responses: the request that is answered so
    then: str = ""  # what the sender does behind its bytes: "", "end", "reset", "wait"
    h1: list = dataclasses.field(default_factory=list)
    h2: Outcome | None = None
    h2_fields: list | None = None  # [(name, value)] where not derived from `raw`
    h2_body: bytes = b""
    h2_trailers: list = dataclasses.field(default_factory=list)

    @property
    def interim(self):
        """Whether there are several heads: the first of them is informational."""
        return bool(self.h2_fields) and self.h2_fields[0] in [(b":status", b"103"),
                                                              (b":status", b"100")]

    def h2_message(self):
        """(fields, body) of the same message in HTTP/2."""
        if self.h2_fields is not None:
            return self.h2_fields, self.h2_body
        head, _, body = self.raw.partition(b"\r\n\r\n")
        line, *rest = head.split(b"\r\n")
        method, target, _ = line.split(b" ", 2)
        fields = [(b":method", method), (b":scheme", b"https"), (b":path", target)]
        rest = [tuple(f.split(b":", 1)) for f in rest]
        hosts = [value for name, value in rest if name.lower() == b"host"]
        if len(hosts) == 1:
            fields.insert(2, (b":authority", hosts[0].strip()))
        fields += [(name.lower(), value.strip(b" ")) for name, value in rest
                   if len(hosts) != 1 or name.lower() != b"host"]
        return fields, body


def _outcome(text, errors_close):
    words = text.split()
    verdict, rest = words[0], words[1:]
    says = [word for word in rest if word in ("open", "closes")]
    reason = next((word for word in rest if word not in ("open", "closes")),
                  "ok" if verdict == "forwarded" else "-")
    closes = verdict == "cut" or (errors_close and verdict != "forwarded")
    if says:
        closes = says[0] == "closes"
    return Outcome(verdict, reason, closes)


class _Reader:
    def __init__(self, path):
        self.path = path
        self.errors_close = path.parent.name == "requests"
        self.cases = []
        self.current = None  # the outcome that "<" lines belong to
        self.is_fresh = True  # it has none of its own yet
        self.second = None  # lines of the HTTP/2 form

    def fail(self, number, why):
        raise ValueError(f"{self.path}:{number}: {why}")

    def directive(self, case, name, value):
        if name == "h1":
            case.h1.append(_outcome(value, self.errors_close))
            self.current = case.h1[-1]
        elif name == "h2":
            case.h2 = _outcome(value, False)
            if case.h2.is_forwarded and case.h1 and case.h1[0].is_forwarded:
                case.h2.expected = case.h1[0].expected
                case.h2.trailers = case.h1[0].trailers
            self.current = case.h2
        else:
            setattr(case, name, value)

    def second_form(self, case, text):
        """A line of the HTTP/2 form: "name: value" each, an empty line, the body."""
        if case.h2_fields is None:
            case.h2_fields, self.second = [], "fields"
        if self.second == "body" and not text.startswith("+ "):
            case.h2_body += line_bytes(text)
        elif text == "":
            self.second = "body"
        elif text.startswith("+ "):
            name, _, value = text[2:].partition(": ")
            case.h2_trailers.append((unescape(name), unescape(value)))
        else:
            name, _, value = text.partition(": ")
            case.h2_fields.append((unescape(name), unescape(value)))

    def line(self, number, line):
        if section := SECTION.fullmatch(line):
            self.cases.append(Case(section[1], section[2], f"{self.path.name}:{number}"))
            self.current = self.second = None
            return
        if not line.strip() or line.startswith("#"):
            return
        if not self.cases:
            self.fail(number, "before the first case")
        case = self.cases[-1]
        mark, _, text = line.partition(" ")
        if mark == ">":
            case.raw += line_bytes(text)
        elif mark == "2>":
            self.second_form(case, text)
        elif mark == "<" and self.current is not None:
            before = b"" if self.is_fresh else self.current.expected
            self.current.expected = before + line_bytes(text)
            self.is_fresh = False
        elif mark == "<+" and self.current is not None:
            self.current.trailers = self.current.trailers + [unescape(text)]
        elif found := DIRECTIVE.fullmatch(line):
            self.is_fresh = True
            self.directive(case, found[1], found[2])
        else:
            self.fail(number, f"not understood: {line!r}")

    def read(self):
        for number, line in enumerate(self.path.read_text().split("\n"), 1):
            self.line(number, line)
        return self.cases


def load(kind):
    """Every case of "requests" or "responses"; ids are unique."""
    cases = []
    for path in sorted((FOLDER / kind).glob("*.txt")):
        cases += _Reader(path).read()
    ids = [case.id for case in cases]
    twice = sorted({i for i in ids if ids.count(i) > 1})
    if twice:
        raise ValueError(f"{kind}: two cases of one name: {twice}")
    for case in cases:
        if not case.h1 and case.h2 is None:
            raise ValueError(f"{case.where}: {case.id} expects nothing")
    return cases
