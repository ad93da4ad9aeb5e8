"""What a run has logged, read back and drawn."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from genbench import runs
from genbench.errors import BadInput, BadSetting, NotEnoughData, UnknownName
from genbench.figures.events import Phase, Series, phases, scalars
from genbench.figures.training_curves import default_panels, running_mean, training_curves
from genbench.runs import find


def logged(
    folder: Path, rows: list[tuple[int, dict[str, float]]], purge: int | None = None
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from torch.utils.tensorboard import SummaryWriter

        writer = SummaryWriter(str(folder / "tensorboard"), purge_step=purge)
    for seen, values in rows:
        for name, value in values.items():
            writer.add_scalar(name, value, seen)
    writer.close()


def run_of(folder: Path, rows: list[tuple[int, dict[str, float]]]) -> runs.Run:
    facts = {"model": "pioneer", "resolution": 16, "dataset": "faces", "created": "2030"}
    facts["state"] = "finished"
    settings = {"model": {}, "training": {"seed": {"value": 3, "source": "default"}}}
    run = runs.create(folder, facts, settings)
    if rows:
        logged(folder, rows)
    return run


GROWING = [
    (100, {"kl_real": 3.0, "kl_fake": 4.0, "l1": 0.5, "resolution": 4, "alpha": 1.0}),
    (200, {"kl_real": 2.0, "kl_fake": 5.0, "l1": 0.4, "resolution": 4, "alpha": 1.0}),
    (300, {"kl_real": 2.5, "kl_fake": 4.5, "l1": 0.6, "resolution": 8, "alpha": 0.5}),
    (400, {"kl_real": 2.0, "kl_fake": 4.0, "l1": 0.3, "resolution": 8, "alpha": 1.0}),
]


def test_scalars_come_back_over_images_seen(tmp_path: Path) -> None:
    found = scalars(run_of(tmp_path / "a", GROWING))

    assert found["kl_real"] == Series([100, 200, 300, 400], [3.0, 2.0, 2.5, 2.0])


def test_work_that_was_lost_is_left_out(tmp_path: Path) -> None:
    """A run resumed at 300 images writes what comes after it once more."""
    run = run_of(tmp_path / "a", GROWING)
    logged(tmp_path / "a", [(300, {"l1": 9.0}), (350, {"l1": 8.0})], purge=300)

    assert scalars(run)["l1"].seen == [100, 200, 300, 350]
    assert scalars(run)["l1"].values[2:] == [9.0, 8.0]


def test_phases_change_midway_between_events(tmp_path: Path) -> None:
    found = phases(scalars(run_of(tmp_path / "a", GROWING)))

    assert found == [Phase(0, 250, 4, 0), Phase(250, 400, 8, 350)]


def test_both_kl_terms_stand_together_and_phases_are_named(tmp_path: Path) -> None:
    drawing = training_curves([run_of(tmp_path / "a", GROWING)])

    top, bottom = drawing.canvas.axes
    assert [line.get_label() for line in top.lines] == ["kl real", "kl fake"]
    assert [text.get_text() for text in top.texts] == ["4×4", "8×8"]
    assert bottom.get_xlabel() == "images seen"
    assert bottom.get_ylabel() == "l1"
    assert "hatched: the fade" in drawing.words.caption
    assert "model pioneer, faces at 16×16, seed 3" in drawing.words.caption


def test_several_runs_stand_beside_each_other(tmp_path: Path) -> None:
    many = [run_of(tmp_path / name, GROWING) for name in ("a", "$b")]

    drawing = training_curves(many, ["kl_real+kl_fake", "alpha"])

    assert len(drawing.canvas.axes) == 4
    assert drawing.canvas.axes[1].get_title() == r"\$b"
    assert drawing.render(".pdf").startswith(b"%PDF")


def test_panels_that_nobody_asked_for() -> None:
    names = [
        "kl_real",
        "kl_fake",
        "squared_error",
        "encoder_loss",
        "fid:768:2000",
        "rmse:500",
        "alpha",
        "cosine",
    ]

    assert default_panels(names) == [
        ("KL terms", ("kl_real", "kl_fake")),
        ("squared error", ("squared_error",)),
        ("fid:768:2000", ("fid:768:2000",)),
        ("rmse:500", ("rmse:500",)),
    ]
    assert default_panels(["loss", "alpha", "resolution"]) == [("loss", ("loss",))]


def test_a_running_mean_is_one_of_a_fiftieth() -> None:
    values = [float(i % 2) for i in range(200)]  # a window of 5

    found = running_mean(values)

    assert found[100] == pytest.approx((0 + 1 + 0 + 1 + 0) / 5)
    assert found[0] == pytest.approx((0 + 1 + 0) / 3)
    assert running_mean([1.0, 2.0]) == [1.0, 2.0]


def test_mistakes_are_one_line(tmp_path: Path) -> None:
    run = run_of(tmp_path / "pioneer", GROWING)

    with pytest.raises(
        UnknownName, match=r"no scalar 'kl_rael' was logged\. Did you mean kl_real\?"
    ):
        training_curves([run], ["kl_rael"])
    with pytest.raises(BadSetting, match="of 1 to 4 runs, got 5"):
        training_curves([run] * 5)
    with pytest.raises(NotEnoughData, match="empty has logged no scalars"):
        training_curves([run_of(tmp_path / "empty", [])])
    with pytest.raises(BadInput, match=r"no run is called 'poineer' in .*Did you mean pioneer\?"):
        find("poineer", tmp_path)
    assert find("pioneer", tmp_path).id == find(str(run.folder), Path("elsewhere")).id == run.id


def test_losses_are_drawn_where_there_is_nothing_else_of_the_model() -> None:
    assert default_panels(["discriminator_loss", "real", "fid:768:100"]) == [
        ("discriminator loss", ("discriminator_loss",)),
        ("real", ("real",)),
        ("fid:768:100", ("fid:768:100",)),
    ]
