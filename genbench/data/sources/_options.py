"""What may follow the name of a data set: a path, then options: PATH,split=introvae."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from genbench.data.spec import options
from genbench.errors import BadSetting, nearest


def choices(
    name: str, argument: str | None, known: Mapping[str, Sequence[str]]
) -> tuple[str | None, dict[str, str]]:
    """The path, if there is one, and every option: the first of its values where it is not given.

    Args:
        known: option -> its values.

    Raises:
        BadSetting: an unknown option, or another value.
    """
    path, given = options(argument)
    for key, value in given.items():
        if key not in known:
            raise BadSetting(
                f"{name} has no option {key!r}.{nearest(key, known)} Known: "
                + (", ".join(f"{each}={'|'.join(known[each])}" for each in known) or "none")
            )
        if value not in known[key]:
            raise BadSetting(
                f"{name}: {key} is one of {', '.join(known[key])}, got {value!r}."
                f"{nearest(value, known[key])}"
            )
    return path, {key: given.get(key, values[0]) for key, values in known.items()}
