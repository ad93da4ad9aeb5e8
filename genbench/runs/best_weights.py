"""The weights of a run that a metric liked most in training, and the rule that chose them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from genbench.errors import BadInput
from genbench.runtime.atomic import read_json

LATEST = "latest"  # which weights to load: these, or the best
BEST = "best"  # folder of a run that holds the weights which a metric liked most


def best(folder: Path) -> tuple[Path, dict[str, Any]]:
    """The best weights of a run, unread, and what best.json says of them.

    Args:
        folder: of the run.

    Raises:
        BadInput: training has kept none.
    """
    facts = folder / BEST / "best.json"
    if not facts.is_file():
        raise BadInput(
            f"{folder} has kept no best checkpoint: train with --evaluate METRIC:IMAGES, "
            "or take the latest one"
        )
    about = read_json(facts)
    about["rule"] = as_code(str(about["rule"]))
    # Before it stood there, the rule alone told which metric it was.
    about.setdefault("metric", about["rule"].removeprefix("best-").rpartition("-every-")[0])
    return folder / BEST / f"{int(about['seen']):010d}", about


def best_rule(metric: str, every: int) -> str:
    """The code, for protocols, of the rule by which the best weights of a run are chosen."""
    return f"best-{metric}-every-{every}"


def as_code(rule: str) -> str:
    """The code of a rule that best.json states; it was a sentence once."""
    found = re.fullmatch(r"best (.+) in training, measured every (\d+) images", rule)
    return best_rule(found[1], int(found[2])) if found else rule
