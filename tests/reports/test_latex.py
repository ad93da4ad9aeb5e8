"""The report as LaTeX: its structure, and where there is a LaTeX, what it makes of it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from genbench.registry import plugin
from genbench.reporting.report import write
from genbench.tables.table import Document

# Every letter that means something to TeX, and two that pdfTeX has no letter for.
TROUBLE = r"a\b{c}$d$ #1 %2 _3 ^4 ~5 & <6> |7| `8' ''9'' --- ,, ?` [0] *1 é 模 😀 \input{x} ^^41"


@pytest.fixture(scope="module")
def text(report: Document) -> str:
    rendered = plugin("report", "latex").load().render(report)
    assert isinstance(rendered, str)
    return rendered


def escape(words: str) -> str:
    escaped = plugin("report", "latex").open().escape(words)
    assert isinstance(escaped, str)
    return escaped


def bare(text: str) -> str:
    """Without escaped letters, so that what is left is markup."""
    return re.sub(r"\\[\\{}$&#%_]", "", text)


def test_braces_and_environments_are_balanced(text: str) -> None:
    left = bare(text)
    opened: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", left):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name

    assert opened == []
    assert left.count("{") == left.count("}")


def test_every_line_of_a_table_has_as_many_cells_as_its_head(text: str) -> None:
    lines = [line for line in text.splitlines() if line.endswith(r" \\")]

    assert len(lines) == 1 + 4
    assert {len(re.findall(r"(?<!\\)&", line)) for line in lines} == {3}
    assert r"\begin{longtable}{@{}lrrr@{}}" in text
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 2, 1]


def test_best_arrows_reasons_and_footnotes(text: str) -> None:
    assert r"$\mathbf{9.00} \pm 0.09$" in text
    assert r"$1.00 \pm 0.01$" in text
    assert r"FID \ensuremath{\downarrow}\textsuperscript{a}" in text
    assert r"not measured\textsuperscript{(1)}" in text
    assert r"\textsuperscript{b} FID: " in text
    assert "images.samples is 50000, in a it is 10000" in text


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (r"\input{x}", r"\textbackslash{}input\{x\}"),
        ("50 % & #1 $x_1^2$ ~", r"50 \% \& \#1 \$x\_1\textasciicircum{}2\$ \textasciitilde{}"),
        ("---", "-{}-{}-"),
        ("``", r"\textasciigrave{}\textasciigrave{}"),
        ("[2cm]", "{[}2cm{]}"),
        ("1.0 ± 0.1", r"1.0 \ensuremath{\pm} 0.1"),
        ("模", r"\unicodeletter{6A21}"),
        ("ﬁ", "fi"),
        ("a\nb\x1b", "a b\\unicodeletter{FFFD}"),
    ],
)
def test_words_stay_the_words_they_are(words: str, wanted: str) -> None:
    assert escape(words) == wanted


def test_a_comment_ends_with_its_line(text: str) -> None:
    comments = [line for line in text.splitlines() if line.startswith("% ---")]

    assert comments == ["% --- table: faces, 64x64 ---", "% --- end of the table ---"]


def test_it_compiles(report: Document, tmp_path: Path) -> None:
    """With a hostile title and hostile names; the words of the page are theirs."""
    program = shutil.which("pdflatex")
    if not program:
        pytest.skip("no pdflatex on the path")
    trouble = Document(
        TROUBLE, (TROUBLE,), report.tables, report.figures, ((TROUBLE, TROUBLE),), (TROUBLE,)
    )
    (file,) = write(trouble, {"latex": plugin("report", "latex").load()}, tmp_path)
    command = [program, "-interaction=nonstopmode", "-halt-on-error", file.name]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)

    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    assert b"Overfull" not in done.stdout
