"""What the progress bar says, on terminals of several widths and in a log file."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from genbench.runtime import progress
from genbench.runtime.durations import in_words
from genbench.runtime.progress import COLUMNS, Progress, bar, fitted, lines, live, rows
from genbench.runtime.rate import WINDOW, Rate

NOTE = "32x32 fade  alpha 0.45  0.5 GiB  kl_real 0.123  kl_fake 0.456  encoder_loss 1.234"


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def work(
    done: int = 1350, total: int = 3000, seconds: float = 48.0, title: str = "pioneer"
) -> Progress:
    """So many images in so many seconds."""
    clock = Clock()
    under_way = Progress(title, total, "images", Rate(clock=clock))
    clock.now = seconds
    under_way(done, note=NOTE)
    return under_way


def screen(under_way: Progress, width: int) -> list[str]:
    console = Console(
        width=width,
        force_terminal=True,
        file=io.StringIO(),
        color_system=None,
        legacy_windows=False,
    )
    with console.capture() as drawn:
        console.print(rows(under_way, width), end="")
    return [line.rstrip() for line in drawn.get().splitlines()]


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("title", ["pca", "balanced_pioneer on a-folder-with-a-long-name-of-faces"])
def test_two_rows_of_a_terminal_fit_and_say_everything(width: int, title: str) -> None:
    first, second = screen(work(title=title), width)
    assert max(len(first), len(second)) <= width
    assert first.startswith(title[:10] if len(title) > 10 else title)
    assert first.endswith(
        "45 %" + ("  1350/3000 images" if width > 100 else "") + "  28 images/s  59 s left"
    )
    assert "━" in first
    assert second.startswith("32x32 fade  alpha 0.45")
    assert (second == NOTE) is (width >= len(NOTE))


def test_without_remarks_there_is_one_row() -> None:
    under_way = work()
    under_way(1)
    assert len(screen(under_way, 80)) == 1


def test_a_live_bar_ends_with_the_whole_and_the_time_it_took() -> None:
    file = io.StringIO()
    console = Console(width=80, force_terminal=True, file=file, color_system=None)
    under_way = work()
    with live(under_way, console):
        under_way(1650)
    plain = re.sub(r"\x1b\[[0-9?;]*[A-Za-z]", "", file.getvalue())
    assert re.search(r"100 %  62 images/s  in 48 s\s*$", plain.strip())


def test_lines_of_a_log_file() -> None:
    first, second = lines(work())
    assert first == "pioneer: 45 %  1350/3000 images  28 images/s  59 s left"
    assert second == "  32x32 fade  alpha 0.45  0.5 GiB  kl_real 0.123  kl_fake 0.456"
    for title in ("p", "reading back what was prepared before " * 3):
        assert all(len(line) <= COLUMNS for line in lines(work(12_345_678, 99_999_999, 9e6, title)))


def test_a_log_file_ends_with_the_true_total(capsys: pytest.CaptureFixture[str]) -> None:
    with bar("pca", 100) as advance:
        advance(64)
        advance(36)
    (line,) = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"pca: 100 %  100/100 images  [\d.e+]+ images/s  in under 1 s", line)


def test_a_part_that_ends_early_is_taken_off_the_total(capsys: pytest.CaptureFixture[str]) -> None:
    with bar("pioneer", 300) as advance:
        with advance.part(100):
            advance(100)
        with advance.part(200):
            advance(50)
    assert "100 %  150/150 images" in (line := capsys.readouterr().err)
    assert line.endswith("  150 left out\n")
    with bar("pioneer", 200) as advance, advance.part(200):
        pass
    assert capsys.readouterr().err.startswith("pioneer: 0 %  0/0 images")


def test_nothing_is_said_within_something_bigger(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.silent(), bar("inner", 10) as advance:
        advance(10)
    with bar("second process", 10, shown=False) as advance:
        advance(10)
    assert capsys.readouterr().err == ""


def test_bytes_are_told_in_large_units() -> None:
    clock = Clock()
    fetching = Progress("fetching", 237_000_000, "bytes", Rate(clock=clock))
    clock.now = 10
    fetching(118_500_000)
    assert lines(fetching) == ["fetching: 50 %  118/237 MB  12 MB/s  10 s left"]


def test_a_slow_rate_keeps_its_digits() -> None:
    assert work(2, 100, 40).speed == "0.05 images/s"
    assert work(380, 1000, 100).speed == "3.8 images/s"


def test_the_rate_is_that_of_late() -> None:
    clock = Clock()
    rate = Rate(clock=clock)
    for _ in range(100):  # 100 a second, then one in two
        clock.now += 1
        rate.advance(100)
    for _ in range(round(WINDOW)):
        clock.now += 2
        rate.advance(1)
    assert rate.now == pytest.approx(0.5)
    assert rate.overall > 50


def test_a_unit_longer_than_the_window_is_seen_whole() -> None:
    clock = Clock()
    rate = Rate(clock=clock)
    for _ in range(3):
        clock.now += 10 * WINDOW
        rate.advance(30)
    assert rate.now == pytest.approx(30 / (10 * WINDOW))
    assert rate.left(120) == pytest.approx(10 * WINDOW)


@pytest.mark.parametrize("slower", [0.1, 1.0, 50.0])
@pytest.mark.parametrize("at", [1, 3, 99])
@pytest.mark.parametrize("speed", [0.01, 0.125, 100.0])
def test_time_left_is_right_before_the_slow_part_begins(
    slower: float, at: int, speed: float
) -> None:
    """A hundred units of one second each, a hundred that take *slower*, on another machine."""
    clock = Clock()
    rate = Rate(clock=clock, cost=lambda n: min(n, 100) + slower * max(n - 100, 0))
    for _ in range(at):
        clock.now += speed
        rate.advance(1)
    assert rate.left(200) == pytest.approx(speed * (100 - at + slower * 100))


def test_what_the_first_units_took_is_forgotten_once_others_have_followed() -> None:
    clock = Clock()
    rate = Rate(clock=clock)
    clock.now = 60  # torch imports its compiler
    rate.advance(16)
    assert rate.left(160) == pytest.approx(540)
    clock.now += 1
    rate.advance(16)
    assert rate.now == pytest.approx(16)
    assert rate.left(160) == pytest.approx(8)


def test_before_the_first_unit_nothing_is_known() -> None:
    rate = Rate(5, clock=Clock())
    assert rate.left(10) is None
    assert rate.now == 0


# --- durations


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "under 1 s"),
        (0.6, "1 s"),
        (40, "40 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (185, "3 min"),
        (3569, "59 min"),
        (3571, "1 h"),
        (3700, "1 h 2 min"),
        (86_000, "23 h 53 min"),
        (86_399, "1 d"),
        (496_808, "5 d 18 h"),
        (365 * 86_400 - 1, "1 y"),
        (400 * 86_400, "1 y 35 d"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


# Half of the smaller unit that is told, and up to which time
HALVES = ((0.5, 59.5), (30, 86_370), (1_800, 365 * 86_400 - 1_800), (43_200, float("inf")))


def test_durations_are_right_to_half_of_their_smaller_unit() -> None:
    size = {"s": 1, "min": 60, "h": 3600, "d": 86_400, "y": 365 * 86_400}
    for seconds in (1.003**k for k in range(7_000)):  # 1 s to 40 years
        words = in_words(seconds).split()
        told = sum(int(n) * size[sign] for n, sign in zip(words[::2], words[1::2], strict=True))
        unit = next(unit for unit, below in HALVES if seconds < below)
        assert abs(told - seconds) <= unit, in_words(seconds)


@pytest.mark.parametrize("seconds", [-1.0, float("inf"), float("nan")])
def test_what_is_no_time_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="are no time"):
        in_words(seconds)


def test_a_remark_loses_whole_items() -> None:
    assert fitted("one 1  two 2  three 3", 13) == "one 1  two 2"
    assert fitted("one 1  two 2", 80) == "one 1  two 2"
    assert fitted("an endless item", 5) == "an e…"
