"""Images that another program has made, read as they are: no crop, no resize."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genbench.data import decode
from genbench.errors import BadInput


def read_images(folder: Path, resolution: int) -> Tensor:
    """All images in *folder*, in the order of their names, (n, 3, r, r) uint8.

    Raises:
        BadInput: none there, a damaged one, or one of another size than *resolution*:
            resizing samples would change the number, so whoever made them must choose how.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder of images")
    names = sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in decode.EXTENSIONS and not file.name.startswith(".")
    )
    if not names:
        raise BadInput(
            f"no images found in {folder}; extensions searched: {', '.join(decode.EXTENSIONS)}"
        )
    images = torch.empty(len(names), 3, resolution, resolution, dtype=torch.uint8)
    for row, file in enumerate(names):
        try:
            picture = decode.decode(file.read_bytes())
        except BadInput as error:
            raise BadInput(f"{file}: {error}") from error
        if picture.size != (resolution, resolution):
            raise BadInput(
                f"{file} is {picture.width}x{picture.height}, the data are "
                f"{resolution}x{resolution}; all images of a folder must have the size of the data"
            )
        images[row] = torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)
    return images
