"""Text that came from elsewhere, made safe to stand in any form."""

from __future__ import annotations


def plain(text: object) -> str:
    """On one line, without anything that steers a terminal or turns the direction of text.

    Names of models come from folders and other distributions; an escape sequence or a
    right-to-left override among them would change what the reader sees of the rest.
    """
    line = " ".join(str(text).split())
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in line)
