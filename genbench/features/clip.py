"""CLIP: a vision transformer that has learnt from captions; its projected class token.

Paper: A. Radford et al., "Learning Transferable Visual Models From Natural Language
    Supervision", ICML 2021, arXiv:2103.00020; for a Fréchet distance: T. Kynkäänniemi et al.,
    "The Role of ImageNet Classes in Fréchet Inception Distance", ICLR 2023, arXiv:2203.06026.
Weights: MIT, not part of genbench; the user gives the file, whose name says whose they are:
    OpenAI's networks have another activation than those of OpenCLIP.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from genbench.features._vit import LAYER, Block, Family, Transformer, Vit, linear
from genbench.features._vit import load as load_vit
from genbench.interfaces import Network


def load(*, weights_dir: Path | None, device: torch.device, download: bool = False) -> Vit:
    """The network of the user's file; see `genbench.features.load`.

    It is never fetched: no checksum of it is known here.
    """
    del download
    return load_vit(FAMILY, weights_dir, device)


def read(tensors: Mapping[str, Tensor]) -> Transformer:
    """Weights by the names of OpenAI and OpenCLIP, with or without the text half.

    Raises:
        KeyError: another network.
    """
    mine = {
        name.removeprefix("visual."): tensor
        for name, tensor in tensors.items()
        if name.startswith("visual.")
    } or tensors
    depth = len({name.split(".")[2] for name in mine if name.startswith("transformer.resblocks.")})
    return Transformer(
        patches=(mine["conv1.weight"].float(), None),
        token=mine["class_embedding"].float(),
        places=mine["positional_embedding"].float(),
        blocks=[_block(mine, f"transformer.resblocks.{i}") for i in range(depth)],
        last=linear(mine, "ln_post"),
        first=linear(mine, "ln_pre"),
        projection=mine["proj"].float(),
    )


def _block(tensors: Mapping[str, Tensor], name: str) -> Block:
    return Block(
        norm1=linear(tensors, f"{name}.ln_1"),
        qkv=(
            tensors[f"{name}.attn.in_proj_weight"].float(),
            tensors[f"{name}.attn.in_proj_bias"].float(),
        ),
        out=linear(tensors, f"{name}.attn.out_proj"),
        norm2=linear(tensors, f"{name}.ln_2"),
        up=linear(tensors, f"{name}.mlp.c_fc"),
        down=linear(tensors, f"{name}.mlp.c_proj"),
    )


FAMILY = Family(
    name="clip",
    names=tuple(
        f"clip_vit_{size}_{whose}.safetensors"
        for whose in ("openai", "openclip")
        for size in ("b_32", "l_14")
    ),
    advice="a state_dict of the published network, saved as safetensors; "
    "only its keys visual.* are read",
    read=read,
    mean=(0.48145466, 0.4578275, 0.40821073),
    std=(0.26862954, 0.26130258, 0.27577711),
    eps=1e-5,
    side=None,
    quick=lambda file: "openai" in file,
)

NETWORK = Network(load, (LAYER,))
