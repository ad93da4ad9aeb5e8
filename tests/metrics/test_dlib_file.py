"""Networks in dlib's binary format: read exactly, and never trusted."""

from __future__ import annotations

import importlib
import math
import struct
from pathlib import Path

import pytest
import torch

from genbench.errors import WrongWeights

dlib_file = importlib.import_module("genbench.metrics._parts.dlib_file")
dlib_network = importlib.import_module("genbench.metrics._parts.face_descriptor")

PUBLISHED = "dlib_face_recognition_resnet_model_v1.dat"
KERNEL = (2, 3, 1, 1)  # filters, channels, rows, columns


# --- the format once more, written instead of read ------------------------------------------


def integer(value: int) -> bytes:
    size = max(1, (abs(value).bit_length() + 7) // 8)
    return bytes([size | (0x80 if value < 0 else 0)]) + abs(value).to_bytes(size, "little")


def integers(*values: int) -> bytes:
    return b"".join(map(integer, values))


def number(value: float) -> bytes:
    mantissa, exponent = math.frexp(value)
    return integers(int(mantissa * 2**53), exponent - 53)


def word(text: str) -> bytes:
    return integer(len(text)) + text.encode()


def tensor(*values: float) -> bytes:
    return integers(2, len(values), *(1, 1, 1)) + struct.pack(f"<{len(values)}f", *values)


def alias(*sizes: int) -> bytes:
    return integers(1, *sizes)


STATE = b"110" + 3 * integers(2, 0, 0, 0, 0)
RATES = 4 * number(1.0)
WEIGHTS = (0.5, -1.0, 2.0, 0.25, 3.0, -0.125, 7.0, -7.0)


def tiny_file(con_weights: tuple[float, ...] = WEIGHTS, filters: int = 2) -> bytes:
    """A convolution of 3 channels to 2, a tag, and full connections of 2 to 1."""
    con = word("con_4") + tensor(*con_weights) + integers(filters, 1, 1, 1, 1, 0, 0)
    con += alias(*KERNEL) + alias(1, 2, 1, 1) + RATES + STATE + integer(1)
    fc = word("fc_2") + integers(1, 2) + tensor(10.0, 20.0) + alias(2, 1, 1, 1)
    fc += alias(0, 0, 0, 0) + integer(1) + RATES + STATE
    head = integer(1) + word("loss_metric_2") + number(0.04) + number(0.6) + integers(2, 1, 3)
    means = number(122.5) + number(-117.25) + number(104.0)
    return head + word("input_rgb_image_sized") + means + integers(150, 150) + con + fc


def test_what_was_written_is_read() -> None:
    image, con, fc = dlib_file.read_layers(tiny_file(), "tiny.dat")

    assert (image.kind, image.numbers) == ("input", (122.5, -117.25, 104.0, 150, 150))
    assert (con.kind, con.numbers) == ("con", (2, 1, 1, 1, 1, 0, 0))
    assert torch.equal(con.weights[0], torch.tensor(WEIGHTS[:6]).view(KERNEL))
    assert con.weights[1].tolist() == [7, -7]
    assert (fc.kind, fc.numbers) == ("fc", (1, 2))
    assert fc.weights[0].tolist() == [[10], [20]]


def test_a_file_cut_off_anywhere_is_refused() -> None:
    whole = tiny_file()

    for length in range(len(whole)):
        with pytest.raises(WrongWeights, match=r"tiny\.dat is not a face network of dlib"):
            dlib_file.read_layers(whole[:length], "tiny.dat")


def test_a_file_that_goes_on_is_refused() -> None:
    with pytest.raises(WrongWeights, match="1 bytes are left at the end"):
        dlib_file.read_layers(tiny_file() + b"x", "tiny.dat")


@pytest.mark.parametrize("value", [0x00, 0x01, 0x08, 0x7F, 0x88, 0xFF])
def test_any_changed_byte_is_read_or_refused(value: int) -> None:
    """No other error, and nothing taken from memory on the word of the file."""
    whole = tiny_file()

    for place in range(len(whole)):
        changed = whole[:place] + bytes([value]) + whole[place + 1 :]
        try:
            layers = dlib_file.read_layers(changed, "tiny.dat")
        except WrongWeights:
            continue
        assert all(weight.isfinite().all() for layer in layers for weight in layer.weights)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (tiny_file(filters=3), "a kernel of (2, 3, 1, 1)"),
        (tiny_file(WEIGHTS[:7]), "7 weights where 8 belong"),
        (tiny_file((*WEIGHTS[:7], math.nan)), "weights that are not finite"),
        (tiny_file().replace(b"con_4", b"con_9"), "'con_9' where con_4 or affine_"),
        (tiny_file().replace(STATE, b"2" + STATE[1:]), "a flag is the letter 0 or 1"),
        (tiny_file().replace(tensor(10, 20), integers(2, *4 * [1 << 24])), "bytes were wanted"),
        (tiny_file().replace(tensor(10, 20), integers(2, 1 << 60, 1, 1, 1)), "counts nothing"),
        (tiny_file().replace(number(122.5), integers(1, 32000)), "no finite number"),
        (tiny_file().replace(integers(2, 1, 3), 2000 * integer(2)), "of layer 1000"),
        (b"\x80\x04\x95pickled, for example", "no integer begins with 0x80"),
        (b"", "1 more bytes were wanted"),
    ],
)
def test_message_says_what_is_wrong_and_what_to_do(data: bytes, words: str) -> None:
    with pytest.raises(WrongWeights) as caught:
        dlib_file.read_layers(data, "tiny.dat")

    message = str(caught.value)
    assert words in message
    assert message.startswith("tiny.dat is not a face network of dlib: ")
    assert message.endswith("; fetch the published file again")


def test_another_network_is_not_taken_for_the_face_network() -> None:
    layers = dlib_file.read_layers(tiny_file(), "tiny.dat")

    with pytest.raises(WrongWeights, match=r"layer 1 from the input is .*'con', \(2, 1,.*wanted"):
        dlib_network.FaceNetwork(layers, "tiny.dat")


@pytest.mark.assets
def test_the_published_file_is_the_face_network_and_nothing_less(weights: Path) -> None:
    layers = dlib_file.read_layers((weights / PUBLISHED).read_bytes(), PUBLISHED)
    dlib_network.FaceNetwork(layers, PUBLISHED)
    assert dlib_network.digest_of(layers) == dlib_network.DlibDescriptor().digest

    with pytest.raises(WrongWeights, match="is missing, wanted"):
        dlib_network.FaceNetwork(layers[:-1], PUBLISHED)


@pytest.mark.assets
@pytest.mark.parametrize("length", [0, 300, 10_000, 22_466_065])
def test_the_published_file_cut_off_is_refused(weights: Path, length: int) -> None:
    data = (weights / PUBLISHED).read_bytes()[:length]

    with pytest.raises(WrongWeights, match=f"of {length}; fetch the published file again"):
        dlib_file.read_layers(data, PUBLISHED)
