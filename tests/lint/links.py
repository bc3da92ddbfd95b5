# SPDX-License-Identifier: MIT
"""Every link of a Markdown page that points into the project leads somewhere."""
import re

from tree import ROOT, files, text, verdict

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.S | re.M)


def anchors(name):
    """The anchors GitHub makes of a page's headings."""
    heads = re.findall(r"^#+\s+(.*?)\s*$", FENCE.sub("", text(name)), re.M)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def broken(name, target):
    """Why a link leads nowhere, or None."""
    path, _, anchor = target.partition("#")
    page = (ROOT / name).parent / path if path else ROOT / name
    if not page.exists():
        return "no such file"
    if anchor and page.suffix == ".md" and anchor not in anchors(page.resolve().relative_to(ROOT)):
        return "no such heading"
    return None


def main():
    complaints = []
    for name in files("*.md"):
        for target in LINK.findall(FENCE.sub("", text(name))):
            if re.match(r"[a-z]+:", target):
                continue
            why = broken(name, target)
            if why:
                complaints.append(f"{name}: {target}: {why}")
    verdict(complaints)


if __name__ == "__main__":
    main()
