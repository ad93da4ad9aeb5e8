"""The report as a LaTeX document: tables as papers print them, with booktabs.

It compiles as it is, beside its folder of figures; a table is what stands between two
comments that name it, to be copied into a paper whose preamble loads booktabs and longtable.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from genbench.interfaces import Report
from genbench.tables.footnotes import Footnote
from genbench.tables.table import (
    NO_RECORD,
    NOT_MEASURED,
    Cell,
    Document,
    Figure,
    Row,
    Table,
    TableColumn,
    bodies,
    figure_file,
    printed,
    text,
)

from ._words import plain

PREAMBLE = r"""\documentclass[10pt]{article}
\usepackage[a4paper,landscape,margin=2cm]{geometry}
\usepackage{iftex}
\ifpdftex
  \usepackage[utf8]{inputenc}
  \usepackage[T1]{fontenc}
\fi
\usepackage{textcomp}
\usepackage{array,booktabs,longtable}
\usepackage{graphicx}
% A character that pdfTeX has no letter for: itself elsewhere, its code here.
\newcommand{\unicodeletter}[1]{\ifpdftex\texttt{U+#1}\else\char"#1\relax\fi}
\setlength{\parindent}{0pt}
\setlength{\parskip}{4pt}
\sloppy"""

# What is not the letter itself in LaTeX, or would join with its neighbour.
SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "`": r"\textasciigrave{}",
    "'": r"\textquotesingle{}",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",  # after the end of a row they would be its options
    "±": r"\ensuremath{\pm}",
    "×": r"\ensuremath{\times}",
    "·": r"\ensuremath{\cdot}",
    "−": r"\ensuremath{-}",
    "≤": r"\ensuremath{\leq}",
    "≥": r"\ensuremath{\geq}",
    "→": r"\ensuremath{\rightarrow}",
    "↑": r"\ensuremath{\uparrow}",
    "↓": r"\ensuremath{\downarrow}",
    "²": r"\textsuperscript{2}",
    "—": r"\textemdash{}",
    "–": r"\textendash{}",
    "“": r"\textquotedblleft{}",
    "”": r"\textquotedblright{}",
    "ε": r"\ensuremath{\varepsilon}",
    "σ": r"\ensuremath{\sigma}",
}
LATIN = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿŒœŠšŽžŁł"
WIDTH = 150  # letters that fit beside each other in a footnote-sized line of the page
GAP = 3  # letters of space that a column costs
NAMES = 34  # letters of the longest name that is not folded


def render(report: Document) -> str:
    """The whole document, one blank line between its blocks."""
    blocks = [
        PREAMBLE,
        r"\begin{document}",
        rf"\section*{{{escape(report.title)}}}",
        *map(escape, report.lead),
        *(block for table in report.tables for block in _table(table)),
    ]
    if report.figures:
        blocks += [r"\clearpage", r"\subsection*{Figures}", *map(_figure, report.figures)]
    if report.facts:
        facts = (rf"\textbf{{{escape(name)}}}: {escape(value)}" for name, value in report.facts)
        blocks += [r"\subsection*{How this was made}", _list(facts)]
    if report.next_steps:
        lines = [line for step in report.next_steps for line in step.splitlines()]
        blocks += [r"\subsection*{Next}", _list(rf"\texttt{{{escape(line)}}}" for line in lines)]
    return "\n\n".join([*blocks, r"\end{document}"]) + "\n"


def escape(words: str) -> str:
    """Words that stay the words they are, in any engine: no command, no ligature, on one line."""
    return re.sub("([-,])(?=\\1)", r"\1{}", "".join(map(_letter, plain(words))))


def _letter(letter: str) -> str:
    if letter in SPECIAL:
        return SPECIAL[letter]
    if letter.isascii() or letter in LATIN:
        return letter
    # Compatible forms of plain letters (full width, ligatures) are those letters.
    if (simple := unicodedata.normalize("NFKC", letter)) != letter and simple.isascii():
        return "".join(map(_letter, simple))
    return rf"\unicodeletter{{{ord(letter):04X}}}"


def _table(table: Table) -> Iterator[str]:
    yield rf"\subsection*{{{escape(table.title)}}}"
    yield f"% --- table: {_comment(table.title)} ---"
    for block in _blocks(table):
        yield _grid(table, block)
    reasons = [f"({i}) {escape(reason)}" for i, reason in enumerate(table.reasons, start=1)]
    if lines := [
        *reasons,
        *map(escape, (*table.notes, *table.remarks)),
        *map(_footnote, table.footnotes),
    ]:
        yield _list(lines)
    yield "% --- end of the table ---"


def _comment(words: str) -> str:
    """Nothing ends a comment but the end of its line, and *words* are on one line."""
    return plain(words).replace("×", "x").encode("ascii", "replace").decode()


def _blocks(table: Table) -> Iterator[list[int]]:
    """Columns that fit side by side, beside the models: at least one at a time."""
    names = min(NAMES, max((len(plain(row.label)) for row in table.rows), default=0))
    block: list[int] = []
    used = names
    for index, column in enumerate(table.columns):
        words = [text(row.cells[index], column) for row in table.rows]
        wants = GAP + max(map(len, [column.heading, *words]))
        if block and used + wants > WIDTH:
            yield block
            block, used = [], names
        block.append(index)
        used += wants
    if block:
        yield block


def _grid(table: Table, block: Sequence[int]) -> str:
    """A longtable: it may break between pages, and says its head again there."""
    folds = any(len(plain(row.label)) > NAMES for row in table.rows)
    names = r">{\raggedright\arraybackslash}p{5.5cm}" if folds else "l"
    rules = "\n\\midrule\n".join(
        "\n".join(_row(table, row, block) for row in rows) for rows in bodies(table)
    )
    return "\n".join(
        [
            rf"{{\footnotesize\begin{{longtable}}{{@{{}}{names}{'r' * len(block)}@{{}}}}",
            r"\toprule",
            _line(["model", *(_head(table.columns[index]) for index in block)]),
            r"\midrule\endhead",
            r"\bottomrule\endfoot",
            rules,
            r"\end{longtable}}",
        ]
    )


def _row(table: Table, row: Row, block: Iterable[int]) -> str:
    label = escape(row.label)
    cells = [_cell(table, row.cells[index], table.columns[index]) for index in block]
    return _line([rf"\textit{{{label}}}" if row.anchor else label, *cells])


def _line(cells: Iterable[str]) -> str:
    return rf"{' & '.join(cells)} \\"


def _head(column: TableColumn) -> str:
    arrow = rf" {escape(column.arrow)}" if column.arrow else ""
    marker = rf"\textsuperscript{{{column.marker}}}" if column.marker else ""
    return f"{escape(column.heading)}{arrow}{marker}"


def _cell(table: Table, cell: Cell, column: TableColumn) -> str:
    if cell.value is None:
        mark = rf"\textsuperscript{{({table.mark(cell)})}}" if cell.reason else ""
        return escape(NOT_MEASURED if cell.reason else NO_RECORD) + mark
    value, spread, exponent = printed(cell.value, cell.spread, column)
    words = rf"\mathbf{{{value}}}" if cell.best else value
    if spread:
        words += rf" \pm {spread}"
    if exponent:
        power = rf"\times 10^{{{int(exponent[1:])}}}"
        words = rf"({words}) {power}" if spread else f"{words} {power}"
    return f"${words}$"


def _footnote(note: Footnote) -> str:
    titles = escape(", ".join(note.titles))
    differs = rf" \textbf{{Differs:}} {escape('; '.join(note.differs))}." if note.differs else ""
    return rf"\textsuperscript{{{note.marker}}} {titles}: {escape(note.text)}.{differs}"


def _figure(figure: Figure) -> str:
    return "\n".join(
        [
            r"\begin{figure}[ht]\centering",
            rf"\includegraphics[width=\linewidth,height=.75\textheight,keepaspectratio]"
            rf"{{{figure_file(figure)}}}",
            rf"\par\small\textbf{{{escape(figure.title)}.}} {escape(figure.caption)}",
            r"\end{figure}",
        ]
    )


def _list(items: Iterable[str]) -> str:
    """Small paragraphs."""
    return "\n".join([r"{\footnotesize\raggedright", *(rf"{item}\par" for item in items), "}"])


REPORT = Report(".tex", render)
