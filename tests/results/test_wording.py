"""Codes in words: what is known is said once, what is not known is printed as it is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from genbench.results import wording
from genbench.results.wording import clauses, words, words_at

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
FIELDS = st.sampled_from(sorted(wording.WORDS)) | st.text()
CODES = st.sampled_from(sorted({code for known in wording.WORDS.values() for code in known}))
PLAIN = st.dictionaries(
    FIELDS,
    st.recursive(
        LEAVES | CODES, lambda inner: st.lists(inner) | st.dictionaries(FIELDS, inner), max_leaves=9
    ),
)


@pytest.mark.parametrize(
    ("codes", "said"),
    [
        (
            {"layer": "768", "statistic": "moments", "divisor": "n-1"},
            "layer 768, kept mean and covariance, divisor n - 1",
        ),
        ({"statistic": "first-images", "first": 16384}, "kept the first 16384 images, uint8"),
        (
            {"window": "gaussian", "side": 11, "sigma": 1.5, "k1": 0.01},
            "window Gaussian 11x11, sigma 1.5, inside the image, k1 0.01",
        ),
        (
            {"step": {"epsilon": 1e-4, "start": "uniform"}},
            "epsilon 0.0001, t uniform in [0, 1)",
        ),
        ({"percentiles": [1, 99]}, "percentiles kept 1 to 99"),
        (
            {"patches": 128, "side": 7, "levels": "laplacian", "coarsest": 16},
            "patches 128 of 7x7 an image and level, levels Laplacian pyramid down to 16",
        ),
        (
            {
                "network": {
                    "digest": "ab",
                    "name": "inception",
                    "resize": "tf1-bilinear",
                    "side": 299,
                }
            },
            "network inception, digest ab, resize tf1 bilinear to 299x299, no half-pixel offset, "
            "no antialiasing",
        ),
        ({"crop": "short-side-centre-128"}, "crop short side to 128, centre square 128"),
        ({"resize": "mean-to-256"}, "resize averaged down to 256 or less than twice that"),
        (
            {"checkpoint": "best-fid:768:2000-every-500"},
            "checkpoint best fid:768:2000 in training, measured every 500 images",
        ),
    ],
)
def test_codes_are_said_in_words(codes: dict[str, Any], said: str) -> None:
    assert ", ".join(f"{label} {text}" for label, text in clauses(codes)) == said


def test_codes_of_strangers_are_printed_as_they_are() -> None:
    mine = {"statistic": "my-sum", "kernel": "rbf", "bandwidth": 2.5, "window": "gaussian"}

    assert dict(clauses(mine)) == {
        "kept": "my-sum",
        "kernel": "rbf",
        "bandwidth": "2.5",
        "window": "gaussian",  # without its side and sigma the words would have a hole
    }


def test_one_field_has_the_words_of_those_beside_it() -> None:
    plain = {"inputs": {"real": {"statistic": "moments", "divisor": "n-1"}}}

    assert (
        words_at("inputs.real.statistic", "moments", plain) == "mean and covariance, divisor n - 1"
    )
    assert words_at("inputs.real.layer", None, plain) == "not there"
    assert words("statistic", "moments", {}) == "moments"


@given(PLAIN)
def test_anything_can_be_printed(plain: dict[str, Any]) -> None:
    """Whatever a stranger's protocol holds."""
    assert all(isinstance(text, str) for _, text in clauses(plain))
