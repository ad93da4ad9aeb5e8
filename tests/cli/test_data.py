from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from genbench.cli import main

SPEC = "toyfaces:24"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["data", *arguments])


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of entries, with none in it yet."""
    monkeypatch.setenv("GENBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GENBENCH_DATA", raising=False)
    return tmp_path / "cache" / "data"


def entry(root: Path, side: int = 8) -> Path:
    (found,) = root.glob(f"toyfaces-24-{side}-*/")
    return found


def test_prepared_at_several_resolutions_and_then_whole(root: Path) -> None:
    prepared = run("prepare", SPEC, "--resolution", "8,16")
    verified = run("verify", SPEC)

    assert prepared.stdout.startswith("toyfaces:24 8x8: 20 training and 4 test images, fingerprint")
    assert len(prepared.stdout.splitlines()) == 2
    assert verified.exit_code == 0
    assert [line.split(",")[0] for line in verified.stdout.splitlines()] == [
        "whole: toyfaces:24 16x16",
        "whole: toyfaces:24 8x8",
    ]


def edit(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        before = (folder / name).read_bytes()
        after = change(before)
        assert after != before
        (folder / name).write_bytes(after)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (edit("train.npy", lambda c: c[:-1] + bytes([c[-1] ^ 1])), "train.npy has other pixels"),
        (edit("test.npy", lambda c: c[:200] + bytes([c[200] ^ 8]) + c[201:]), "test.npy has other"),
        (edit("train.npy", lambda c: c[:-5]), "train.npy has 3963 bytes, wanted 3968"),
        (
            edit("dataset.json", lambda c: c.replace(b'"resolution": 8', b'"resolution": 9')),
            "does not belong to its fingerprint",
        ),
        (
            edit("dataset.json", lambda c: c.replace(b'"files"', b'"fires"')),
            "dataset.json is not what genbench writes",
        ),
        (lambda folder: (folder / "test.npy").unlink(), "test.npy cannot be read"),
    ],
)
def test_a_damaged_entry_is_named_with_what_to_do(
    spoil: Callable[[Path], None], why: str, root: Path
) -> None:
    run("prepare", SPEC, "-r", "8,16")
    spoil(entry(root))

    result = run("verify", "all")

    assert result.exit_code == 1
    (line,) = [line for line in result.stdout.splitlines() if line.startswith("damaged: ")]
    assert why in line
    assert f"remove {entry(root)}, and the next run prepares it anew" in line
    assert "whole: toyfaces:24 16x16" in result.stdout


def test_the_advice_helps(root: Path) -> None:
    first = run("prepare", SPEC, "-r", "8").stdout
    edit("train.npy", lambda c: c[:-1] + bytes([c[-1] ^ 1]))(entry(root))
    for file in entry(root).iterdir():
        file.unlink()
    entry(root).rmdir()

    assert run("prepare", SPEC, "-r", "8").stdout == first
    assert run("verify", "all").exit_code == 0


def test_entries_of_an_older_version_are_said_not_to_be_verified(root: Path) -> None:
    run("prepare", SPEC, "-r", "8")
    file = entry(root) / "dataset.json"
    about = json.loads(file.read_text())
    del about["digests"]
    file.write_text(json.dumps(about))

    result = run("verify", "all")

    assert result.exit_code == 0
    assert result.stdout.startswith("not verified: toyfaces:24 8x8: made by an older genbench")


def test_list_says_recipe_licence_place_and_what_is_prepared(root: Path) -> None:
    run("prepare", SPEC, "-r", "8")
    (root / ".celeba-64-0123.partial").mkdir()

    text = run("list").stdout

    assert "cifar10: CIFAR-10" in text
    assert "  recipe: 32x32 as it is; official split; never mirrored" in text
    assert "  licence: CelebA terms: non-commercial research only" in text
    assert "  from https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz" in text
    assert "  split=introvae: first 29 000 train, last 1 000 test" in text
    assert "  toyfaces:24 8x8: 20 train and 4 test images, 0.0 MB, toyfaces-24-8-" in text
    assert ".celeba-64-0123.partial: cut short, 0.0 MB; preparing it again goes on there" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["verify", "toyfaces:99"], "nothing of toyfaces:99 was prepared; genbench data list"),
        (["verify", "toyface"], "no dataset is called 'toyface'. Did you mean toyfaces?"),
        (["prepare", "toyfaces:24", "-r", "8,x"], "'x' is no number of pixels"),
        (["prepare", "celeba-hq", "-r", "8"], "celeba-hq needs its images: --data celeba-hq:PATH"),
        (["prepare", "celeba-hq:split=pionier", "-r", "8"], "got 'pionier'. Did you mean pioneer?"),
    ],
)
def test_mistakes_are_one_clear_line(arguments: list[str], words: str) -> None:
    result = run(*arguments)

    assert result.exit_code == 2
    assert words in result.stderr
