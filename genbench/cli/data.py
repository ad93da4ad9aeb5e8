"""``genbench data``: what data sets there are, preparing them, and checking what was prepared."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from genbench.cli._groups import Family
from genbench.cli._json import json_option, say
from genbench.cli._options import Names, data_dir_option
from genbench.errors import CheckFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from genbench.data.inventory import Entry
    from genbench.interfaces import Origin


@dataclass(frozen=True)
class Asked:
    """The options that all commands of the group share."""

    data_dir: Path | None


class Sizes(Names):
    """Comma-separated resolutions, "32,64" -> ("32", "64")."""

    name = "sizes"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[str, ...]:
        """Split, and refuse what is no number of pixels."""
        found = super().convert(value, param, ctx)
        if wrong := next((each for each in found if not each.isdecimal()), None):
            self.fail(f"{wrong!r} is no number of pixels", param, ctx)
        return found


@click.group("data", cls=Family, about=Asked)
@data_dir_option
def data_command(**_: Any) -> None:
    """Prepare, verify and list data sets.

    Training and evaluation prepare what they need by themselves; this does it beforehand.

    \b
    Examples:
      genbench data list
      genbench data verify all
    """


@data_command.command()
@click.argument("spec")
@click.option(
    "-r",
    "--resolution",
    "sides",
    type=Sizes(),
    required=True,
    metavar="R,...",
    help="Sides of the square images, in pixels.",
)
@click.option(
    "--on-bad",
    type=click.Choice(["refuse", "skip"]),
    default="refuse",
    show_default=True,
    help="What to do about images that cannot be used.",
)
@click.pass_obj
def prepare(
    asked: Asked, spec: str, sides: tuple[str, ...], on_bad: Literal["refuse", "skip"]
) -> None:
    """Decode the data set SPEC into the cache; cut short, the same command goes on.

    \b
    Examples:
      genbench data prepare toyfaces:240 --resolution 16,32
      genbench data prepare celeba --resolution 64,128 --data-dir PATH
      genbench data prepare celeba-hq:PATH,split=introvae --resolution 256
    """
    from genbench.data import open_dataset

    for side in sides:
        found = open_dataset(spec, int(side), data_dir=asked.data_dir, on_bad=on_bad)
        if found.train.streamed:
            click.echo(f"{found.name} is a stream: a part was looked at, nothing is prepared")
        left_out = f", {found.left_out} left out" if found.left_out else ""
        click.echo(
            f"{found.name} {side}x{side}: {len(found.train):,} training and {len(found.test):,} "
            f"test images{left_out}, fingerprint {found.fingerprint[:16]}"
        )


@data_command.command()
@click.argument("spec")
@click.pass_obj
def verify(asked: Asked, spec: str) -> None:
    """Hash the pixels of what was prepared of SPEC, or of all, against the fingerprints.

    Ends with 1 if something is damaged.

    \b
    Examples:
      genbench data verify toyfaces:240
      genbench data verify all
    """
    from genbench.data.inventory import entries
    from genbench.runtime import paths

    found = list(entries(paths.cache_dir() / "data"))
    if spec != "all":
        found = _of(found, spec, asked.data_dir)
    whole = [_verified(entry) for entry in found]
    if not all(whole):
        raise CheckFailed(f"{whole.count(False)} of {len(whole)} are damaged")


@data_command.command("list")
@json_option
@click.pass_obj
def list_data(asked: Asked, as_json: bool) -> None:
    """List every data set with its recipe and licence, where it is, and what was prepared of it.

    \b
    Example:
      genbench data list
    """
    from genbench import registry
    from genbench.data.inventory import entries, partial_folders
    from genbench.runtime import paths

    root = paths.cache_dir() / "data"
    if as_json:
        say(
            datasets=[_plain(name, asked.data_dir) for name in registry.plugins("dataset")],
            cache=str(root),
            prepared=[_plain_entry(entry) for entry in entries(root)],
            partial=[{"folder": str(f), "bytes": size} for f, size in partial_folders(root)],
        )
        return
    sources, broken = registry.declarations("dataset")
    for name, plugin in registry.plugins("dataset").items():
        click.echo(f"{name}: {plugin.summary()}")
        for line in (
            [f"not available: {broken[name]}"]
            if name in broken
            else _about(name, sources[name].origin, asked.data_dir)
        ):
            click.echo(f"  {line}")
    click.echo(f"prepared, in {root}")
    for entry in entries(root):
        click.echo(f"  {entry.title}: {_images(entry)}, {_bytes(entry.size)}, {entry.folder.name}")
    for folder, size in partial_folders(root):
        click.echo(f"  {folder.name}: cut short, {_bytes(size)}; preparing it again goes on there")


def _plain(name: str, data_dir: Path | None) -> dict[str, Any]:
    """A data set, for programs."""
    from genbench import registry

    plugin = registry.plugin("dataset", name)
    why_not = _why_not(name, data_dir)
    sources, _ = registry.declarations("dataset")
    origin: Origin | None = sources[name].origin if name in sources else None
    return {
        "name": name,
        "summary": plugin.summary(),
        "found": why_not is None,
        "reason": why_not,
        "recipe": None if origin is None else origin.recipe,
        "licence": None if origin is None else origin.licence,
        "address": None if origin is None else origin.address,
        "files": [] if origin is None else list(origin.files),
        "options": {} if origin is None else dict(origin.options),
    }


def _plain_entry(entry: Entry) -> dict[str, Any]:
    """What was prepared, for programs; what its description does not say is null."""
    about = {name: entry.about.get(name) for name in ("name", "resolution", "images")}
    fingerprint = entry.about.get("fingerprint")
    return {
        **about,
        "fingerprint": fingerprint,
        "folder": str(entry.folder),
        "bytes": entry.size,
    }


def _of(found: list[Entry], spec: str, data_dir: Path | None) -> list[Entry]:
    """The entries of one data set, which need not be at hand any more."""
    from genbench.data.dataset import open_source
    from genbench.errors import BadInput, GenbenchError, UnknownName

    names = {spec}
    try:
        names.add(open_source(spec, data_dir).name)
    except UnknownName:
        raise
    except GenbenchError:
        kind, colon, argument = spec.partition(":")
        names.add(f"{kind}:{Path(argument).name}" if colon else kind)
    mine = [entry for entry in found if entry.about.get("name") in names]
    if not mine:
        raise BadInput(
            f"nothing of {spec} was prepared; genbench data list says what was, "
            f"genbench data prepare {spec} prepares it"
        )
    return mine


def _verified(entry: Entry) -> bool:
    from genbench.data.inventory import verify
    from genbench.errors import BadInput

    try:
        why = verify(entry)
    except BadInput as error:
        click.echo(
            f"not verified: {entry.title}: {error}; remove {entry.folder} and prepare it anew"
        )
        return True
    if why is None:
        click.echo(f"whole: {entry.title}, fingerprint {str(entry.about['fingerprint'])[:16]}")
        return True
    click.echo(
        f"damaged: {entry.title}: {why}; remove {entry.folder}, and the next run prepares it anew"
    )
    return False


def _about(name: str, origin: Origin | None, data_dir: Path | None) -> Iterator[str]:
    if origin is not None:
        yield f"recipe: {origin.recipe}"
        yield f"licence: {origin.licence}"
        for option, what in origin.options.items():
            yield f"{option}: {what}"
    why_not = _why_not(name, data_dir)
    yield _where(name, data_dir) if why_not is None else f"not found: {why_not}"
    if origin is not None and why_not is not None and origin.address:
        yield f"wanted: {'; '.join(origin.files)}"
        yield f"from {origin.address}"
        yield from origin.checksums


def _why_not(name: str, data_dir: Path | None) -> str | None:
    """Why the images cannot be had; None where they can."""
    from genbench.data.dataset import open_source
    from genbench.errors import GenbenchError

    try:
        open_source(name, data_dir)
    except GenbenchError as error:
        return str(error)
    return None


def _where(name: str, data_dir: Path | None) -> str:
    from genbench.runtime import paths

    where = paths.data_dir(data_dir)
    return "found" + (f" in {where}" if where is not None and name != "toyfaces" else "")


def _images(entry: Entry) -> str:
    counts = entry.about.get("images")
    if not isinstance(counts, dict):
        return "damaged; genbench data verify all says more"
    return " and ".join(f"{count:,} {split}" for split, count in counts.items()) + " images"


def _bytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e8 else f"{size / 1e6:.1f} MB"
