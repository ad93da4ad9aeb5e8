"""Whether a training step ever makes the host wait for a number of the device."""

from __future__ import annotations

from typing import Any

from torch.utils._python_dispatch import TorchDispatchMode


class Waits(TorchDispatchMode):  # type: ignore[no-untyped-call]  # torch's
    """Notes every operation that makes the host wait for a number."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # torch's
        self.found: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.overloadpacket.__name__ in ("_local_scalar_dense", "nonzero", "equal"):
            self.found.append(str(func))
        return func(*args, **(kwargs or {}))
