"""The contract of a plug-in, whatever its kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from genbench import registry
from genbench.contracts.feature import check_network
from genbench.contracts.metric import check_metric
from genbench.contracts.model import check_model
from genbench.contracts.outcome import Outcome, Verdict
from genbench.errors import BadSetting, UnknownName, nearest

KINDS = ("model", "metric", "feature")  # those that have a contract


def check(
    name: str, kind: str | None = None, weights_dir: Path | None = None
) -> Iterator[tuple[str, Sequence[Outcome]]]:
    """Run the contract on a model, a metric and its variants, or a feature network.

    Args:
        name: as users give it: "pca", "fid", "fid:768", "my-package/my-metric".
        kind: of `KINDS`; needed where two have one name.
        weights_dir: where the user keeps weights.

    Yields:
        The name, and what became of each promise; for a metric its variants follow.

    Raises:
        UnknownName: nobody knows it; the message has the nearest name.
        BadSetting: it is the name of several kinds.
    """
    kind = kind or kind_of(name)
    if kind == "metric":
        yield name, check_metric(registry.metric(name), weights_dir)
        for variant, metric in registry.metric(name).variants.items():
            yield f"{name}:{variant}", check_metric(metric, weights_dir)
    elif kind == "feature":
        yield name, check_network(registry.network(name), weights_dir)
    else:
        found = check_model(name, registry.model(name))
        yield (
            name,
            [
                Outcome(promise, Verdict.BROKEN if why else Verdict.KEPT, why)
                for promise, why in found.items()
            ],
        )


def kind_of(name: str) -> str:
    """The one kind that has a plug-in of that name.

    Raises:
        UnknownName, BadSetting: see `check`.
    """
    base = name.partition(":")[0]
    known = {kind: registry.plugins(kind) for kind in KINDS}
    found = [kind for kind, plugins in known.items() if base in plugins]
    if not found:
        names = [each for plugins in known.values() for each in plugins]
        raise UnknownName(
            f"no {', '.join(KINDS[:-1])} or {KINDS[-1]} is called {base!r}."
            f"{nearest(base, names)} See: genbench list"
        )
    if len(found) > 1:
        raise BadSetting(
            f"{base} is the name of a {' and of a '.join(found)}; say which: --kind {found[0]}"
        )
    return found[0]
