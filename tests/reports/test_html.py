"""The page as a parser and as a browser see it."""

from __future__ import annotations

import dataclasses
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest

from genbench.registry import plugin
from genbench.tables.table import NOT_MEASURED, Document

if TYPE_CHECKING:
    from pathlib import Path

    from tests.reports.conftest import Browser

NAMES = "[...document.querySelectorAll('tbody th')].filter(t => !t.parentNode.hidden)"
LABELS = f"{NAMES}.map(th => th.dataset.value)"


def typed(which: int, words: str) -> str:
    """A script that types *words* into a filter: 0 of rows, 1 of columns."""
    return (
        f"{{const i = document.querySelectorAll('.filter input')[{which}]; i.value = '{words}';"
        " i.dispatchEvent(new Event('input'))}"
    )


class Reader(HTMLParser):
    """Every tag with its attributes, and the text outside of style and script."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] not in ("script", "style"):
            self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def text(report: Document) -> str:
    rendered = plugin("report", "html").load().render(report)
    assert isinstance(rendered, str)
    return rendered


@pytest.fixture
def opened(text: str, page: Browser, tmp_path: Path) -> Browser:
    """The page, freshly loaded."""
    file = tmp_path / "report.html"
    file.write_text(text, encoding="utf-8")
    page.open(file)
    return page


def test_a_hostile_name_is_text(text: str, hostile: str) -> None:
    read = Reader(text)

    assert len(read.all("script")) == 1
    assert "alert" not in str(read.all("script"))
    assert hostile in read.words
    assert "cannot recall <b>anything</b>" in read.words
    assert {attributes.get("data-value") for attributes in read.all("th")} >= {hostile}


def test_control_characters_do_not_reach_the_page(text: str) -> None:
    assert "\x1b" not in text
    assert "genbench report \ufffd[31mred" in text


def test_nothing_in_the_page_points_outside(text: str) -> None:
    addresses = [
        value or ""
        for _, attributes in Reader(text).tags
        for name, value in attributes.items()
        if name in ("src", "href", "action", "srcset", "data")
    ]

    assert addresses
    assert all(address.startswith(("#", "data:")) for address in addresses)
    assert "url(" not in text
    assert "@import" not in text


def test_the_policy_forbids_everything_but_what_stands_in_the_file(text: str) -> None:
    policy = Reader(text).all("meta")[1]["content"] or ""

    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe-inline" not in policy


def test_every_link_inside_the_page_has_its_target(text: str) -> None:
    tags = Reader(text).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    links = [str(a["href"])[1:] for tag, a in tags if tag == "a"]

    assert len(ids) == len(set(ids))
    assert set(links) <= set(ids)


def test_the_browser_finds_no_fault_and_asks_for_nothing(opened: Browser) -> None:
    """No exception, no message in the console, no request but the file and the data in it."""
    opened.run("document.querySelectorAll('button').forEach(button => button.click())")
    methods = [event["method"] for event in opened.events]
    asked: list[Any] = [
        event["params"]["request"]["url"]
        for event in opened.events
        if event["method"] == "Network.requestWillBeSent"
    ]

    assert not {"Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded"} & {
        *methods
    }
    assert asked[0].endswith("/report.html")
    assert all(url.startswith("data:") for url in asked[1:])


def test_the_policy_stops_a_script_that_was_smuggled_in(opened: Browser) -> None:
    opened.run(
        "{const s = document.createElement('script'); s.textContent = 'window.hit = 1';"
        " document.body.append(s)}"
    )

    assert opened.run("window.hit === undefined") is True


def test_a_header_sorts_by_number_with_anchors_last(opened: Browser, hostile: str) -> None:
    """As text, 100 would come before 9."""
    before = opened.run(LABELS)
    opened.run("document.querySelectorAll('thead button')[1].click()")

    assert opened.run(LABELS) == [hostile, "ten", "hundred", "real images"]
    assert opened.run("document.querySelectorAll('thead th')[1].ariaSort") == "ascending"

    opened.run("document.querySelectorAll('thead button')[1].click()")
    assert opened.run(LABELS) == ["hundred", "ten", hostile, "real images"]

    opened.run("document.querySelectorAll('thead button')[1].click()")
    assert opened.run(LABELS) == before


@pytest.mark.parametrize(("clicks", "first"), [(1, "hundred"), (2, "ten")])
def test_what_was_not_measured_sorts_last_in_both_directions(
    opened: Browser, hostile: str, clicks: int, first: str
) -> None:
    """Recall: 0.7, 0.5 and one without a number; the first click puts the highest first."""
    for _ in range(clicks):
        opened.run("document.querySelectorAll('thead button')[3].click()")

    assert opened.run(LABELS)[0] == first
    assert opened.run(LABELS)[2] == hostile


def test_a_header_sorts_by_keyboard(opened: Browser, hostile: str) -> None:
    opened.run("document.querySelectorAll('thead button')[1].focus()")
    opened.press("Enter", 13, "\r")

    assert opened.run(LABELS)[0] == hostile


def test_the_filter_hides_other_rows_and_says_how_many_are_left(opened: Browser) -> None:
    opened.run(typed(0, "HUN"))

    assert opened.run(LABELS) == ["hundred"]
    assert opened.run("document.querySelector('[role=status]').textContent") == "1 of 4 rows"


def test_the_other_filter_hides_columns(opened: Browser) -> None:
    shown = (
        "[...document.querySelectorAll('tr')].map(r => [...r.cells].filter(c => !c.hidden).length)"
    )
    opened.run(typed(1, "rec"))

    assert set(opened.run(shown)) == {2}  # the model, and recall
    assert opened.run("document.querySelector('[role=status]').textContent") == "1 of 3 columns"

    opened.run(typed(1, ""))
    assert set(opened.run(shown)) == {4}
    assert opened.run("document.querySelector('[role=status]').textContent") == ""


def test_a_hidden_column_does_not_disturb_sorting(opened: Browser, hostile: str) -> None:
    opened.run(typed(1, "fid"))
    opened.run("document.querySelectorAll('thead button')[1].click()")

    assert opened.run(LABELS) == [hostile, "ten", "hundred", "real images"]


def test_a_footnote_opens_its_protocol_among_the_notes(opened: Browser) -> None:
    opened.run("document.querySelector('thead sup a').click()")

    assert opened.run("document.querySelector('details').open") is True
    assert opened.run("document.querySelector('details details').open") is True


def test_notes_are_folded_under_one_line(opened: Browser, report: Document) -> None:
    line = "document.querySelector('.fine > summary')"
    rest = f"document.querySelector('.fine').offsetHeight - {line}.offsetHeight"

    assert opened.run(f"{line}.textContent").startswith(report.tables[0].brief)
    assert opened.run(rest) == 0

    opened.run(f"{line}.click()")
    assert opened.run(rest) > 50


@pytest.fixture
def wide(report: Document, page: Browser, tmp_path: Path) -> Browser:
    """A page with six columns, two of them those that people look for, and a picture before."""
    (table, *_) = report.tables
    scores = [
        dataclasses.replace(table.columns[0], title=f"S{i}", headline=i < 2, about="What it says.")
        for i in range(6)
    ]
    rows = [dataclasses.replace(row, cells=row.cells[:1] * 6) for row in table.rows]
    first = dataclasses.replace(report.figures[0], first=True)
    table = dataclasses.replace(table, columns=tuple(scores), rows=tuple(rows))
    shown = dataclasses.replace(report, tables=(table,), figures=(first, *report.figures))
    file = tmp_path / "wide.html"
    file.write_text(plugin("report", "html").load().render(shown), encoding="utf-8")
    page.open(file)
    return page


HEADS = (
    "[...document.querySelectorAll('thead th')].filter(t => t.checkVisibility())"
    ".map(t => t.dataset.value)"
)


def test_other_columns_wait_behind_a_switch_that_the_keyboard_reaches(wide: Browser) -> None:
    assert wide.run(HEADS) == ["model", "S0", "S1"]

    wide.run("document.querySelector('.more').focus()")
    wide.press(" ", 32, " ")
    assert wide.run(HEADS) == ["model", *(f"S{i}" for i in range(6))]


def test_the_switch_works_without_a_script(wide: Browser, tmp_path: Path) -> None:
    wide.send("Emulation.setScriptExecutionDisabled", value=True)
    try:
        wide.open(tmp_path / "wide.html")
        root = wide.send("DOM.getDocument", depth=-1)["root"]["nodeId"]
        extra = wide.send("DOM.querySelector", nodeId=root, selector="thead .extra")["nodeId"]
        switch = wide.send("DOM.querySelector", nodeId=root, selector=".more")["nodeId"]

        def display() -> str:
            styles = wide.send("CSS.getComputedStyleForNode", nodeId=extra)["computedStyle"]
            return next(s["value"] for s in styles if s["name"] == "display")

        wide.send("DOM.enable")
        wide.send("CSS.enable")
        assert display() == "none"
        wide.send("DOM.focus", nodeId=switch)
        wide.press(" ", 32, " ")
        assert display() == "table-cell"
    finally:
        wide.send("Emulation.setScriptExecutionDisabled", value=False)


def test_a_filter_of_columns_also_finds_those_behind_the_switch(wide: Browser) -> None:
    wide.run(typed(1, "S5"))

    assert wide.run(HEADS) == ["model", "S5"]


def test_print_has_all_columns(wide: Browser) -> None:
    wide.send("Emulation.setEmulatedMedia", media="print")
    try:
        assert len(wide.run(HEADS)) == 1 + 6
    finally:
        wide.send("Emulation.setEmulatedMedia", media="")


def test_pictures_come_before_numbers(wide: Browser) -> None:
    top = "document.querySelector('{}').getBoundingClientRect().top"

    assert wide.run(f"{top.format('.first img')} < {top.format('table')}")
    assert wide.run("document.querySelectorAll('.gallery img').length") == 1


def test_a_column_says_in_a_sentence_what_it_is(wide: Browser) -> None:
    assert wide.run("document.querySelectorAll('thead th')[1].title") == "What it says."
    assert "What it says." in wide.run("document.querySelector('.fine dl').textContent")


def test_a_figure_opens_with_enter_and_closes_with_escape(opened: Browser) -> None:
    opened.run("document.querySelector('.zoom').focus()")
    opened.press("Enter", 13, "\r")
    assert opened.run("document.querySelector('dialog').open") is True

    opened.press("Escape", 27)
    assert opened.run("document.querySelector('dialog').open") is False


def test_an_enlarged_figure_grows_and_shrinks_by_keyboard(opened: Browser) -> None:
    width = "document.querySelector('{}').clientWidth"
    size = f"{width.format('#enlarged')} / {width.format('.stage')}"
    opened.run("document.querySelector('.zoom').click()")
    before = opened.run(size)
    for _ in range(2):
        opened.press("+", 187, "+")

    assert opened.run(size) == pytest.approx(2 * before, rel=0.05)  # a scroll bar takes some
    assert opened.run("document.getElementById('scale').textContent") == "200 %"

    for _ in range(5):
        opened.press("-", 189, "-")
    assert opened.run("document.getElementById('scale').textContent") == "100 %"


def test_everything_that_can_be_pressed_has_a_name(opened: Browser) -> None:
    """As assistive technology hears it: the browser's own accessibility tree."""
    opened.send("Accessibility.enable")
    nodes = opened.send("Accessibility.getFullAXTree")["nodes"]
    roles = {"button", "link", "searchbox", "table", "image", "region", "heading"}
    found = [n for n in nodes if not n["ignored"] and n["role"]["value"] in roles]
    opened.send("Accessibility.disable")

    assert {n["role"]["value"] for n in found} >= roles - {"link"}
    nameless = [n["role"]["value"] for n in found if not n.get("name", {}).get("value", "").strip()]
    assert nameless == []


def test_every_control_is_reached_by_the_tab_key(opened: Browser) -> None:
    wanted = opened.run(
        "[...document.querySelectorAll('a[href], button, input, summary, [tabindex]')]"
        ".filter(e => e.checkVisibility()).length"
    )
    seen = set()
    for _ in range(wanted + 2):
        opened.press("Tab", 9)
        seen.add(opened.run("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))

    assert (
        len(seen - {opened.run("[...document.querySelectorAll('*')].indexOf(document.body)")})
        >= wanted
    )


def test_the_colours_follow_the_system_and_the_button(opened: Browser) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    light = opened.run(paper)
    opened.run("document.getElementById('theme').click()")

    assert opened.run(paper) != light


@pytest.mark.parametrize("width", [360, 1280])
def test_the_page_is_never_wider_than_the_window(opened: Browser, width: int) -> None:
    """Wide tables scroll in their own frame."""
    opened.send(
        "Emulation.setDeviceMetricsOverride",
        width=width,
        height=800,
        deviceScaleFactor=1,
        mobile=width < 500,
    )

    assert opened.run("document.documentElement.scrollWidth") <= width


def test_an_empty_cell_says_so(text: str) -> None:
    assert NOT_MEASURED in Reader(text).words
    assert "NaN" not in text
