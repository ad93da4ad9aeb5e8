"""The card of a run: everything that a stranger has to know, and nothing that breaks out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from genbench import runs
from genbench.cli import main
from genbench.registry import plugin, plugins
from genbench.reporting import run_card
from genbench.reporting.model_card import paper
from genbench.results.store import Store
from genbench.runs.compare import cost


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained run, measured once."""
    folder = tmp_path_factory.mktemp("card")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("GENBENCH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        data = ("--data", "toyfaces:60", "--resolution", "16")
        small = ("--set", "latent=4", "--images", "50")
        done = run("train", "pca", "--preset", "tiny", *small, *data, "--name", "p")
        assert done.exit_code == 0, done.output
        done = run("evaluate", "--models", "p", "--metrics", "rmse", "--anchors")
        assert done.exit_code == 0, done.output
    return folder


def test_a_card_has_results_with_their_protocol_and_where_everything_comes_from(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(place)
    done = run("card", "p")

    assert done.stdout == "runs/p/card.md\n"
    text = (place / "runs/p/card.md").read_text()
    (record,) = [r for r in Store("results").read() if r.model == "p" and r.score == "rmse"]
    assert f"protocol {record.protocol_id}" in text
    assert re.search(r"\| p \| [\d.]+ ", text)
    assert "*mean image*" in text
    for line in (
        "latent = 4  (command line)",
        "resolution = 16  (command line)",
        "images seen: 50",
        "licence: drawn by genbench, public domain",
        f"fingerprint: {runs.read(place / 'runs/p').facts['fingerprint']}",
    ):
        assert line in text
    assert re.search(r"^CPU hours: [\d.e-]+ on cpu", text, re.MULTILINE)
    assert re.search(r"^torch: \d", text, re.MULTILINE)
    assert str(paper(plugin("model", "pca"))) in text
    links = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
    assert links
    assert all((place / "runs/p" / link).is_file() for link in links)


def test_card_and_list_count_the_hours_of_all_devices(place: Path, tmp_path: Path) -> None:
    """Before, the card told those of one process of eight."""
    found = runs.read(place / "runs/p")
    facts = {**found.facts, "seconds": 1800.0, "processes": 8, "device": "cuda:0"}
    many = runs.Run(found.folder, facts, found.settings)

    run_card.write(many, [], tmp_path / "card.md")

    text = (tmp_path / "card.md").read_text()
    assert re.search(r"^GPU hours: 4 on ", text, re.MULTILINE)
    assert cost(many) == "4.00 GPU-hours"


def test_a_card_elsewhere_links_to_the_pictures_of_the_run(place: Path, tmp_path: Path) -> None:
    found = runs.read(place / "runs/p")

    run_card.write(found, [], tmp_path / "deep" / "card.md")

    text = (tmp_path / "deep/card.md").read_text()
    assert "Nothing was measured yet: genbench evaluate --models p" in text
    links = re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)
    assert links
    assert all((tmp_path / "deep" / link).resolve().is_file() for link in links)


def test_hostile_facts_stay_text(place: Path, tmp_path: Path) -> None:
    found = runs.read(place / "runs/p")
    evil = "```\n# <script>alert(1)</script>\x1b[31m"
    facts = {**found.facts, "dataset": evil, "licence": evil, "provenance": {"git": evil}}

    run_card.write(runs.Run(found.folder, facts, found.settings), [], tmp_path / "card.md")

    text = (tmp_path / "card.md").read_text()
    assert "\x1b" not in text
    outside = re.sub(r"^(`{3,})text\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    assert "<script>" not in outside.replace("\\<script\\>", "")
    assert not re.search(r"^# <", text, re.MULTILINE)


def test_what_is_not_a_run_is_said() -> None:
    done = run("card", "nobody")

    assert done.exit_code == 2
    assert "no run is called 'nobody' in runs" in done.stderr


@pytest.mark.parametrize("name", plugins("model"))
def test_every_model_says_which_paper_to_cite(name: str) -> None:
    assert re.search(r"(19|20)\d\d", str(paper(plugin("model", name))))
