"""What the values of a model's settings must keep to, and the words when one does not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, TypeAlias

from genbench.errors import BadSetting

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Rules: TypeAlias = Mapping[str, tuple[bool, str]]  # setting -> whether it is kept, what is wanted


def check_rules(owner: str, settings: DataclassInstance, rules: Rules, where: str = "") -> None:
    """Refuse the first setting that breaks its rule.

    Args:
        owner: public name of the model, for the message.
        settings: all of them.
        rules: in the order in which they are looked at.
        where: under which the rules hold, for the message: "at 64x64".

    Raises:
        BadSetting: the message says what is wanted and what was given.
    """
    for name, (kept, wanted) in rules.items():
        if not kept:
            wanted = f"{wanted} {where}" if where else wanted
            raise BadSetting(
                f"{owner}.{name} wants {wanted}, got {asdict(settings)[name]}; "
                f"change it with --set {name}=..."
            )
