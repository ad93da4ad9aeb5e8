"""DINOv2: a vision transformer that has learnt from images alone; its class token.

Paper: M. Oquab et al., "DINOv2: Learning Robust Visual Features without Supervision", TMLR
    2024, arXiv:2304.07193; for a Fréchet distance: G. Stein et al., "Exposing Flaws of
    Generative Model Evaluation Metrics", NeurIPS 2023, arXiv:2306.04675, which takes ViT-L/14.
Weights: Apache-2.0, not part of genbench; the user gives the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from genbench.features._vit import LAYER, Block, Family, Transformer, Vit, linear
from genbench.features._vit import load as load_vit
from genbench.interfaces import Network

ADDRESS = "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitl14/dinov2_vitl14_pretrain.pth"


def load(*, weights_dir: Path | None, device: torch.device, download: bool = False) -> Vit:
    """The network of the user's file; see `genbench.features.load`.

    It is never fetched: no checksum of it is known here.
    """
    del download
    return load_vit(FAMILY, weights_dir, device)


def read(tensors: Mapping[str, Tensor]) -> Transformer:
    """Weights by the names of the published files.

    Raises:
        KeyError: another network, or a variant with registers or gated layers.
    """
    if "register_tokens" in tensors or "blocks.0.mlp.w12.weight" in tensors:
        raise KeyError("registers and gated layers are not known here")
    return Transformer(
        patches=linear(tensors, "patch_embed.proj"),
        token=tensors["cls_token"].float().flatten(),
        places=tensors["pos_embed"].float()[0],
        blocks=[_block(tensors, f"blocks.{i}") for i in range(_depth(tensors))],
        last=linear(tensors, "norm"),
    )


def _block(tensors: Mapping[str, Tensor], name: str) -> Block:
    return Block(
        norm1=linear(tensors, f"{name}.norm1"),
        qkv=linear(tensors, f"{name}.attn.qkv"),
        out=linear(tensors, f"{name}.attn.proj"),
        norm2=linear(tensors, f"{name}.norm2"),
        up=linear(tensors, f"{name}.mlp.fc1"),
        down=linear(tensors, f"{name}.mlp.fc2"),
        scale1=tensors[f"{name}.ls1.gamma"].float(),
        scale2=tensors[f"{name}.ls2.gamma"].float(),
    )


def _depth(tensors: Mapping[str, Tensor]) -> int:
    return len({name.split(".")[1] for name in tensors if name.startswith("blocks.")})


FAMILY = Family(
    name="dinov2",
    names=tuple(
        f"dinov2_vit{size}14_pretrain.{kind}" for size in "lbs" for kind in ("pth", "safetensors")
    ),
    advice=f"fetch {ADDRESS}",
    read=read,
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    eps=1e-6,
    side=224,
    quick=lambda file: False,
)

NETWORK = Network(load, (LAYER,))
