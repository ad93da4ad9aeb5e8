"""Autoencoders of diffusers, with random weights, are measured as they are; pythae's too.

Both are an extra of the tests: `pip install --group libraries`.
"""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from draws import rng
from torch import Tensor

import genbench
from genbench.adapters import named
from genbench.errors import BadInput, NotMeasurable

CPU = torch.device("cpu")
X = torch.rand(3, 3, 32, 32, generator=rng(0)) * 2 - 1
BLOCKS = {
    "down_block_types": ("DownEncoderBlock2D",) * 2,
    "up_block_types": ("UpDecoderBlock2D",) * 2,
    "block_out_channels": (8, 16),
    "norm_num_groups": 4,
    "layers_per_block": 1,
}
DEEP = {
    "latent_channels": 4,
    "attention_head_dim": 4,
    "encoder_block_types": "ResBlock",
    "decoder_block_types": "ResBlock",
    "encoder_block_out_channels": (8, 16),
    "decoder_block_out_channels": (8, 16),
    "encoder_layers_per_block": (1, 1),
    "decoder_layers_per_block": (1, 1),
    "encoder_qkv_multiscales": ((), ()),
    "decoder_qkv_multiscales": ((), ()),
}
TINY = {
    "encoder_block_out_channels": (8, 8),
    "decoder_block_out_channels": (8, 8),
    "num_encoder_blocks": (1, 1),
    "num_decoder_blocks": (1, 1),
}
MODELS: dict[str, dict[str, Any]] = {
    "AutoencoderKL": BLOCKS,
    "AutoencoderDC": DEEP,
    "AutoencoderTiny": TINY,
    "VQModel": {**BLOCKS, "num_vq_embeddings": 16},
    "AsymmetricAutoencoderKL": {
        "down_block_types": ("DownEncoderBlock2D",) * 2,
        "up_block_types": ("UpDecoderBlock2D",) * 2,
        "down_block_out_channels": (8, 16),
        "up_block_out_channels": (8, 16),
        "norm_num_groups": 4,
    },
}


def made(name: str) -> Any:
    library = pytest.importorskip("diffusers")
    torch.manual_seed(0)
    return getattr(library, name)(**MODELS[name]).eval()


def by_hand(model: Any) -> Tensor:
    """As the examples of diffusers have it."""
    with torch.inference_mode():
        code = model.encode(X)
        if "latent_dist" in code:
            latents = code.latent_dist.mode()
        else:
            latents = code.latents if "latents" in code else code.latent
        found: Tensor = model.decode(latents).sample
    return found


@pytest.mark.parametrize("name", MODELS)
def test_it_reconstructs_as_by_hand(name: str) -> None:
    model = made(name)
    wrapped = genbench.wrap(model)
    assert wrapped.reconstruct is not None

    with torch.inference_mode():
        found = wrapped.reconstruct(X)

    assert found.shape == X.shape
    assert torch.equal(found, by_hand(model))


def test_its_posterior_can_be_sampled() -> None:
    model = made("AutoencoderKL")
    wrapped = genbench.wrap(model)
    assert wrapped.encode is not None

    with torch.inference_mode():
        torch.manual_seed(5)
        found = wrapped.encode(X, "sample")
        torch.manual_seed(5)
        wanted = model.encode(X).latent_dist.sample()

    assert torch.equal(found, wanted)
    assert not torch.equal(found, wrapped.encode(X))


def test_it_is_measured_from_a_folder_and_from_that_of_its_pipeline(tmp_path: Path) -> None:
    model = made("AutoencoderKL")
    model.save_pretrained(tmp_path / "pipeline" / "vae")

    for folder in (tmp_path / "pipeline" / "vae", tmp_path / "pipeline"):
        loaded = named.load(f"diffusers:{folder}", CPU)
        assert torch.equal(by_hand(loaded), by_hand(model))
        assert named.title(f"diffusers:{folder}") == "vae"
    frame = genbench.evaluate(
        f"diffusers:{tmp_path / 'pipeline'}",
        data="toyfaces:60",
        resolution=32,
        metrics=["rmse", "swd"],
        pairs=8,
    )
    values = frame.set_index("score")
    assert values.loc["rmse", "value"] > 0
    assert values.loc["swd", "reason"] == "it has no method sample"


def test_pickled_weights_and_other_classes_are_refused(tmp_path: Path) -> None:
    made("AutoencoderKL").save_pretrained(tmp_path / "pickled", safe_serialization=False)
    with pytest.raises(BadInput, match=r"loading .*pickled raised"):
        named.load(f"diffusers:{tmp_path / 'pickled'}", CPU)
    for kind in ("DDIMScheduler", "os", None):
        (tmp_path / "config.json").write_text(json.dumps({"_class_name": kind}), encoding="utf-8")
        with pytest.raises(BadInput, match=r"which diffusers .* does not have as a model"):
            named.load(f"diffusers:{tmp_path}", CPU)


def test_the_range_of_rae_is_known() -> None:
    """It takes images of [0, 1], as its encoder was trained with; nothing else of it is needed."""
    library = pytest.importorskip("diffusers")

    class Small(library.AutoencoderRAE):  # type: ignore[misc,name-defined]
        def __init__(self) -> None:
            torch.nn.Module.__init__(self)

        def encode(self, x: Tensor) -> Any:
            assert float(x.min()) >= 0
            return library.models.autoencoders.vae.EncoderOutput(latent=x)

        def decode(self, z: Tensor) -> Any:
            return library.models.autoencoders.vae.DecoderOutput(sample=z)

    wrapped = genbench.wrap(Small())
    assert wrapped.reconstruct is not None

    assert torch.allclose(wrapped.reconstruct(X), X, atol=1e-6)


CONFIGS = {"VAE_IAF": "VAE_IAF_Config"}


def pythae(name: str) -> Any:
    models = pytest.importorskip("pythae.models")
    torch.manual_seed(0)
    config = getattr(models, CONFIGS.get(name, f"{name}Config"))(
        input_dim=(3, 32, 32), latent_dim=4
    )
    return getattr(models, name)(config).eval()


@pytest.mark.parametrize("name", ["AE", "VAE", "VQVAE"])
def test_a_model_of_pythae_reconstructs_as_its_own_functions_do(name: str) -> None:
    model = pythae(name)
    wrapped = genbench.wrap(model)
    assert wrapped.reconstruct is not None

    with torch.inference_mode():
        found = wrapped.reconstruct(X)
        inputs = (X + 1) / 2
        own = model.reconstruct(inputs) if name == "VQVAE" else model.predict(inputs).recon_x

    assert torch.allclose(found, own * 2 - 1, atol=1e-6)


def test_samplers_of_pythae_are_given_to_wrap() -> None:
    model = pythae("VAE")
    samplers = importlib.import_module("pythae.samplers")
    wrapped = genbench.wrap(model, sample=samplers.NormalSampler(model).sample)
    assert wrapped.sample is not None

    with torch.inference_mode():
        assert wrapped.sample(5, rng(0)).shape == (5, 3, 32, 32)


def test_a_posterior_that_only_draws_says_so() -> None:
    wrapped = genbench.wrap(pythae("VAE_IAF"))
    assert wrapped.encode is not None

    with pytest.raises(NotMeasurable, match="from draws of its posterior only"):
        wrapped.encode(X)
    assert wrapped.encode(X, "sample").shape == (3, 4)
