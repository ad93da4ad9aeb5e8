"""How training fails, told from the scalars that models log.

Bounds are far from what healthy runs show, at the smallest size too: there kl_fake stays below
2 kl_real, the variance of codes above 0.01, gradient norms below 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from genbench.interfaces import Alarm

Windows: TypeAlias = Sequence[Mapping[str, float]]
AGAIN = 2  # windows that must show it, one after the other
FAR = 3.0  # kl_fake over kl_real where the encoder has won
APART = 2.5  # the same ratio where the terms have come apart and go on
ONE_CODE = 0.002  # mean of v_j d, which is 1 for codes all over the sphere
NATS = 0.5  # of all of a code


def _lately(sign: Callable[[Mapping[str, float]], bool]) -> Callable[[Windows], bool]:
    """Whether the last windows all show a sign."""
    return lambda windows: len(windows) >= AGAIN and all(map(sign, windows[-AGAIN:]))


def _apart(windows: Windows) -> bool:
    """K of real images falls, K of generated ones rises, window by window."""
    if len(windows) < 4:
        return False
    real, fake = ([w[name] for w in windows[-4:]] for name in ("kl_real", "kl_fake"))
    steady = real == sorted(real, reverse=True) and fake == sorted(fake)
    return steady and fake[-1] > APART * real[-1] > 0


# Balanced Pioneer, supplement: without a margin the encoder wins at 128x128, K of real images
# falls and that of generated ones rises.
ADVERSARIAL_CODES = (
    Alarm(
        "the encoder wins: kl_fake is three times kl_real",
        "try a smaller lr, or a margin (balanced_pioneer)",
        _lately(lambda w: w["kl_fake"] > FAR * w["kl_real"] > 0),
    ),
    Alarm(
        "the KL terms drift apart: kl_real falls while kl_fake rises",
        "try a wider margin (balanced_pioneer), or a smaller lr",
        _apart,
    ),
    Alarm(
        "the codes collapse: all images get nearly the same one",
        "try a smaller lr, or a wider margin in the first phases (balanced_pioneer)",
        _lately(lambda w: w["variance"] < ONE_CODE),
    ),
)


def empty_codes(scalar: str) -> Alarm:
    """The posterior is the prior: *scalar*, a KL summed over the latent, is nothing."""
    return Alarm(
        f"the codes collapse: {scalar} is below half a nat, so they say nothing of the image",
        "give reconstruction more weight",
        _lately(lambda w: w.get(scalar, NATS) < NATS),
    )


def sure_discriminator(real: str, fake: str) -> Alarm:
    """*real* and *fake* are mean probabilities of being real."""
    return Alarm(
        "the discriminator wins: it is sure of every image",
        "try a smaller lr of the discriminator",
        _lately(lambda w: w[real] > 0.99 and w[fake] < 0.01),
    )


def easy_discriminator(loss: str) -> Alarm:
    """*loss* is a cross-entropy in nats."""
    return Alarm(
        f"the discriminator wins: {loss} is below 0.02",
        "try a smaller lr, or noise on the discriminator's images",
        _lately(lambda w: w[loss] < 0.02),
    )


STEEP_CRITIC = Alarm(
    "the critic runs away: its gradient norm is above 10 where 1 is wanted",
    "try a smaller lr, or a heavier gradient penalty",
    _lately(lambda w: w.get("gradient_norm", 1.0) > 10),
)
