"""Models of other libraries, given the methods that genbench measures."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from genbench.errors import BadInput


def wrap_diffusers(model: Any, shape: tuple[int, int, int] | None = None) -> DiffusersAutoencoder:
    """Give an autoencoder in the style of diffusers' ``AutoencoderKL`` the methods measured here.

        genbench.evaluate({"vae": genbench.wrap_diffusers(vae)}, data="celeba", ...)

    Args:
        model: has ``encode(images).latent_dist`` and ``decode(latents).sample``; images in [-1, 1].
        shape: (c, h, w) of a latent; by default that of the last images encoded.

    Raises:
        BadInput: it has not both methods.
    """
    return DiffusersAutoencoder(model, shape)


class DiffusersAutoencoder(nn.Module):
    """Encodes to the mean of the posterior; no prior of its own, so nothing to sample from."""

    def __init__(self, model: Any, shape: tuple[int, int, int] | None = None) -> None:
        super().__init__()
        for method in ("encode", "decode"):
            if not callable(getattr(model, method, None)):
                raise BadInput(
                    f"{type(model).__name__} has no method {method}; wrap_diffusers wants "
                    "encode(images).latent_dist and decode(latents).sample"
                )
        self.model, self.shape = model, shape

    def encode(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) in [-1, 1] -> (n, c h' w'), the mean of the posterior."""
        code = self.model.encode(images)
        posterior = getattr(code, "latent_dist", None)
        if posterior is None:
            raise BadInput(
                f"{type(self.model).__name__}.encode gives {type(code).__name__} without "
                "latent_dist; wrap_diffusers wants models in the style of AutoencoderKL"
            )
        mean: Tensor = posterior.mode()
        self.shape = (mean.shape[1], mean.shape[2], mean.shape[3])
        return mean.flatten(1)

    def decode(self, latents: Tensor) -> Tensor:
        """(n, c h' w') -> (n, 3, h, w)."""
        if self.shape is None:
            raise BadInput(
                "the shape of the latents is not known before anything is encoded; "
                "give it: wrap_diffusers(model, shape=(c, h, w))"
            )
        decoded: Tensor = self.model.decode(latents.view(-1, *self.shape)).sample
        return decoded

    def interpolate(self, a: Tensor, b: Tensor, t: float | Tensor) -> Tensor:
        """Along the straight line: (n, d), (n, d) -> (n, d); *t* a number or (n,)."""
        return torch.lerp(a, b, torch.as_tensor(t, dtype=a.dtype, device=a.device).reshape(-1, 1))
