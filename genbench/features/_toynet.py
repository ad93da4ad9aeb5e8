"""The layers of toynet: four convolutions and a linear map, for pictures of 32x32.

In training a batch norm stands behind each of them; the file holds them folded together.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

SIDE = 32  # pixels looked at
CONVOLUTIONS = ((3, 32, 2), (32, 64, 2), (64, 96, 1), (96, 80, 2))  # in, out, stride; 3x3
FEATURES = 64  # d; a Fréchet distance of 500 images still has a full covariance


def trunk() -> nn.Sequential:
    """float32 (n, 3, 32, 32) in [-1, 1] -> features (n, 64)."""
    steps: list[nn.Module] = []
    for into, out, stride in CONVOLUTIONS:
        steps += [nn.Conv2d(into, out, 3, stride, padding=1), nn.ReLU()]
    return nn.Sequential(*steps, nn.Flatten(), _last())


def trunk_to_train() -> nn.Sequential:
    """The same with a batch norm behind each layer; the last leaves features of variance 1."""
    steps: list[nn.Module] = []
    for into, out, stride in CONVOLUTIONS:
        conv = nn.Conv2d(into, out, 3, stride, padding=1, bias=False)
        steps += [conv, nn.BatchNorm2d(out), nn.ReLU()]
    unit = nn.BatchNorm1d(FEATURES).requires_grad_(False)
    return nn.Sequential(*steps, nn.Flatten(), _last(), unit)


def folded(trained: nn.Sequential) -> nn.Sequential:
    """What `trunk_to_train` has learnt, as a `trunk`."""
    steps: list[nn.Module] = []
    for step in trained.eval():
        if isinstance(step, nn.BatchNorm2d):
            conv = steps[-1]
            assert isinstance(conv, nn.Conv2d)
            steps[-1] = fuse_conv_bn_eval(conv, step)
        elif isinstance(step, nn.BatchNorm1d):
            linear = steps[-1]
            assert isinstance(linear, nn.Linear)
            steps[-1] = fuse_linear_bn_eval(linear, step)
        else:
            steps.append(step)
    plain = trunk()
    plain.load_state_dict(nn.Sequential(*steps).state_dict())
    return plain.eval()


def head(outputs: int) -> nn.Sequential:
    """Features (n, 64) -> what is told of each face, (n, outputs); no metric looks at it."""
    return nn.Sequential(nn.ReLU(), nn.Linear(FEATURES, outputs))


def _last() -> nn.Linear:
    side = SIDE
    for _, _, stride in CONVOLUTIONS:
        side //= stride
    return nn.Linear(CONVOLUTIONS[-1][1] * side**2, FEATURES)


def tensors(trunk: nn.Module, head: nn.Module) -> dict[str, Tensor]:
    """Everything that the file holds, by name."""
    parts = {"trunk": trunk, "head": head}
    return {
        f"{part}.{name}": tensor
        for part, module in parts.items()
        for name, tensor in module.state_dict().items()
    }
