"""Which device to work on, and how its arithmetic is kept exact."""

from __future__ import annotations

import torch

from genbench.errors import BadSetting


def choose(name: str = "auto") -> torch.device:
    """The device called *name*; "auto" is the first GPU, or the CPU where there is none.

    Raises:
        BadSetting: no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        raise BadSetting(f"no device is called {name!r}; use auto, cpu, cuda or cuda:1") from None
    if device.type == "cuda":
        found = torch.cuda.device_count()
        if (device.index or 0) >= found:
            raise BadSetting(
                f"{name} was asked for, but torch sees {found} GPUs here; "
                "use --device cpu, or install a torch built for your GPU"
            )
    elif device.type != "cpu":
        raise BadSetting(f"genbench runs on cpu and cuda, not on {device.type}")
    return device
