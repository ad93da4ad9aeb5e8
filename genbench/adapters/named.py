"""Models that are named on the command line: a function in a file, an autoencoder of diffusers."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import re
import sys
from pathlib import Path
from typing import Any

import torch
from torch import nn

from genbench.adapters.calls import failure
from genbench.errors import BadInput, nearest

DIFFUSERS = "diffusers:"
PARTS = ("vae", "vqvae", "movq")  # of a pipeline of diffusers: its autoencoder


def is_named(name: str) -> bool:
    """Whether *name* is of one of these forms, "diffusers:PATH" or "FILE.py:NAME"."""
    return name.startswith(DIFFUSERS) or _in_file(name) is not None


def check(name: str) -> Path:
    """The file or folder that *name* speaks of, which is there.

    Raises:
        BadInput: it is not.
    """
    found = _in_file(name)
    if found is None:
        return _autoencoder(Path(name.removeprefix(DIFFUSERS)).expanduser())
    file = found[0]
    if not file.is_file():
        raise BadInput(f"{name}: there is no file {file}; give FILE.py:NAME")
    return file


def load(name: str, device: torch.device) -> Any:
    """The model, on *device* where it is a network. The user's own file is run for it.

    Raises:
        BadInput: there is none, or what makes it fails.
    """
    found = _in_file(name)
    if found is None:
        model = _from_diffusers(check(name))
    else:
        model = _made(_module(check(name)), *found, device)
    return model.to(device) if isinstance(model, nn.Module) else model


def title(name: str) -> str:
    """What it is called in a table: "my_file:make_model", or the folder's name."""
    found = _in_file(name)
    return check(name).resolve().name if found is None else f"{found[0].stem}:{found[1]}"


# --- a function, a class or an object in a file ------------------------------------------


def _in_file(name: str) -> tuple[Path, str] | None:
    """File and name, of "my_file.py:make_model"."""
    match = re.fullmatch(r"(.+\.py):(\w+)", name)
    return None if match is None else (Path(match[1]).expanduser(), match[2])


def _module(file: Path) -> Any:
    """The module that *file* is, run as `python FILE` would run it, its neighbours in reach."""
    folder = str(file.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    # A name of its own: a file called like a library must not stand in for it.
    spec = importlib.util.spec_from_file_location(f"genbench_user_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise BadInput(f"{file} is no file of Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there for the module of a class
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise BadInput(failure(str(file), error)) from error
    return module


def _made(module: Any, file: Path, name: str, device: torch.device) -> Any:
    """The object called *name*, or what it makes where it is a function or a class.

    A parameter called `device` gets the device.
    """
    if name not in vars(module):
        own = [each for each in vars(module) if not each.startswith("_")]
        raise BadInput(f"{file} has no {name}.{nearest(name, own)}")
    found = vars(module)[name]
    if not (inspect.isroutine(found) or inspect.isclass(found)):
        return found
    try:
        named = {"device": device} if "device" in inspect.signature(found).parameters else {}
        return found(**named)
    except (Exception, SystemExit) as error:
        raise BadInput(failure(f"{name}()", error)) from error


# --- diffusers --------------------------------------------------------------------------


def _autoencoder(folder: Path) -> Path:
    """*folder*, or the autoencoder's of the pipeline that it holds."""
    if not folder.is_dir():
        raise BadInput(
            f"diffusers:{folder} is no folder; give one that save_pretrained has written, or "
            "fetch the model first"
        )
    parts = [folder, *(folder / part for part in PARTS)]
    for part in parts:
        if (part / "config.json").is_file():
            return part
    raise BadInput(f"diffusers:{folder} has no config.json; give the folder of an autoencoder")


def _from_diffusers(folder: Path) -> Any:
    """Weights of safetensors only, in float32; the class is one of diffusers' own."""
    try:
        library: Any = importlib.import_module("diffusers")
    except ImportError as error:
        raise BadInput(
            f"diffusers:{folder} needs the package diffusers: pip install diffusers"
        ) from error
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        kind = getattr(library, str(config["_class_name"]), None)
    except (ValueError, LookupError, TypeError) as error:
        raise BadInput(f"{folder / 'config.json'} names no class of diffusers") from error
    if not (inspect.isclass(kind) and issubclass(kind, library.ModelMixin)):
        raise BadInput(
            f"{folder / 'config.json'} names {config['_class_name']}, which diffusers "
            f"{library.__version__} does not have as a model"
        )
    load: Any = kind.from_pretrained  # type: ignore[attr-defined]  # ModelMixin has it
    try:
        return load(folder, use_safetensors=True, local_files_only=True)
    except Exception as error:
        raise BadInput(failure(f"loading {folder}", error)) from error
