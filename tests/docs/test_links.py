"""What a page of the documentation points to is there: files, pictures, headings, paths in code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TREE = Path(__file__).resolve().parents[2]
PAGES = [
    *(TREE / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")),
    *sorted((TREE / "docs").rglob("*.md")),
]
# CHANGELOG tells of files that were; the others tell of files that are.
OF_TODAY = [page for page in PAGES if page.name != "CHANGELOG.md"]
FOLDERS = sorted(path.name for path in TREE.iterdir() if path.is_dir())
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def prose(text: str) -> str:
    """A page without its blocks of code, in which brackets are no links."""
    without_fences = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.DOTALL)
    return re.sub(r"^ {4}.*$", "", without_fences, flags=re.M)


def targets(text: str) -> Iterator[str]:
    """Of [text](target), ![text](target), [name]: target, src="target", href="target"."""
    text = prose(text)
    yield from re.findall(r"\]\(<?([^)\s>]+)", text)
    yield from re.findall(r"^\[[^\]]+\]:\s*(\S+)", text, re.M)
    yield from re.findall(r"\b(?:src|href)=\"([^\"]+)\"", text)


def anchors(text: str) -> set[str]:
    """The anchors that GitHub gives to headings: lower case, hyphens, a number when repeated."""
    found: set[str] = set()
    for heading in re.findall(r"^#{1,6} +(.+?) *#*$", prose(text), re.M):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"\]\([^)]*\)", "]", heading).lower())
        anchor, count = plain.replace(" ", "-"), 0
        while anchor in found:
            count += 1
            anchor = f"{plain.replace(' ', '-')}-{count}"
        found.add(anchor)
    return found


def lost(page: Path, text: str) -> list[str]:
    """Targets of the page that are not in the tree."""
    found = []
    for target in targets(text):
        if re.match(r"[a-z][a-z+.-]*:", target):
            continue  # an address, which no test goes to
        name, _, anchor = target.partition("#")
        file = page.parent / name if name else None  # None: this page
        there = text if file is None else ""
        if file and anchor and file.is_file():
            there = file.read_text(encoding="utf-8")
        if (file and not file.exists()) or (anchor and anchor not in anchors(there)):
            found.append(target)
    return found


@each_page
def test_what_a_page_points_to_is_there(page: Path) -> None:
    assert lost(page, page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", OF_TODAY, ids=lambda page: page.name)
def test_the_paths_that_a_page_names_are_there(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    named = re.findall(rf"`((?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]*)`", prose(text))

    assert [path for path in named if not (TREE / path).exists()] == []


def test_links_that_lead_nowhere_are_found() -> None:
    page = TREE / "docs" / "page.md"
    text = """# One: `two` & three
## Again
## Again
[a](#one-two--three) [b](#again-1) [c](commands.md#genbench-train) [d](../README.md)
[e](https://example.org/#x) [f](#again-2) ![g](gone.png) [h](commands.md#gone) <img src="i.png">
[j]: ../k.md

    [code](in-a-block.md)
"""

    assert lost(page, text) == ["#again-2", "gone.png", "commands.md#gone", "../k.md", "i.png"]
