"""A DataFrame that shows itself as a table, and stays a DataFrame."""

from __future__ import annotations

import pickle
from html.parser import HTMLParser

import pandas as pd
import pytest
from made_up import recorded

from genbench.evaluation.results_frame import Results, frame

HOSTILE = "a|b<script>alert(1)</script>\x1b[31m"


class Cells(HTMLParser):
    """The tags of a fragment, and the words in them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture
def results() -> Results:
    return frame(
        [
            recorded(8.0912, spread=0.0534, spread_over="std over 5 sets", model="vae"),
            recorded(9.5, spread=0.0611, spread_over="std over 5 sets", model=HOSTILE),
            recorded(31.2384, metric="psnr", score="psnr", spread=0.0523, model="vae"),
            recorded(None, metric="psnr", score="psnr", reason="it <b>cannot</b>", model=HOSTILE),
        ]
    )


def test_a_notebook_sees_models_against_metrics_with_error_bars(results: Results) -> None:
    seen = Cells(results._repr_html_() or "")

    assert {"vae", "FID ↓", "PSNR (dB) ↑", "8.091 ± 0.053", "31.24 ± 0.05"} <= {*seen.words}
    assert "not measured" in seen.words
    assert not any(results.protocol[0] in words for words in seen.words)  # JSON of a screenful
    assert "A DataFrame, a row per number: 4 × 24." in " ".join(seen.words)


def test_the_best_is_bold(results: Results) -> None:
    assert "<strong>8.091 ± 0.053</strong>" in (results._repr_html_() or "")


def test_a_hostile_name_is_text(results: Results) -> None:
    page = results._repr_html_() or ""
    seen = Cells(page)

    assert "script" not in seen.tags
    assert "b" not in seen.tags
    assert "a|b<script>alert(1)</script>\ufffd[31m" in seen.words
    assert "\x1b" not in page


def test_a_prompt_sees_the_same_numbers(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    words = repr(results)

    assert "* 8.091 ± 0.053" in words
    assert "31.24 ± 0.05" in words
    assert "\x1b" not in words
    assert max(len(line.rstrip()) for line in words.splitlines()) <= 60


def test_rows_that_are_taken_out_are_shown_likewise(results: Results) -> None:
    mine = results[results.model == "vae"]

    assert isinstance(mine, Results)
    assert "31.24 ± 0.05" in (mine._repr_html_() or "")
    assert "script" not in (mine._repr_html_() or "")


@pytest.mark.parametrize("change", ["columns", "rename", "nothing", "words", "concat"])
def test_what_is_no_record_any_more_is_shown_as_pandas_does(results: Results, change: str) -> None:
    changed = {
        "columns": lambda: results[["model", "value"]],
        "rename": lambda: results.rename(columns={"score": "which"}),
        "nothing": lambda: results.head(0),
        "words": lambda: results.assign(value="high"),
        "concat": lambda: pd.concat([results, results], axis=1),
    }[change]()

    assert repr(changed) == repr(pd.DataFrame(changed))
    assert changed._repr_html_() == pd.DataFrame(changed)._repr_html_()


def test_it_stays_a_dataframe(results: Results) -> None:
    plain = pd.DataFrame(results)

    pd.testing.assert_frame_equal(pd.DataFrame(pickle.loads(pickle.dumps(results))), plain)
    assert isinstance(pickle.loads(pickle.dumps(results)), Results)
    merged = results.merge(pd.DataFrame({"model": ["vae"], "size": [3]}), on="model")
    assert list(merged["size"]) == [3, 3]
    assert "8.091 ± 0.053" in (merged._repr_html_() or "")  # a column more does not matter
    assert results.groupby("model").value.mean()["vae"] == pytest.approx((8.0912 + 31.2384) / 2)
    assert results.pivot_table(index="model", columns="score", values="value").shape == (2, 2)
    assert list(results.sort_values("value").value[:2]) == [8.0912, 9.5]
