"""Finding, checking and fetching files of weights."""

from __future__ import annotations

import functools
import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from genbench.errors import MissingWeights, NotMeasurable, WrongWeights
from genbench.runtime import atomic
from genbench.runtime.weights import WeightsFile, find

CONTENT = b"weights" * 1000
SHA = hashlib.sha256(CONTENT).hexdigest()
FULL = WeightsFile(("full.pth", "other-name.pth"), SHA, None, "made here", "everything")
PARTIAL = WeightsFile(
    ("part.safetensors",), hashlib.sha256(b"part").hexdigest(), None, "made here", "a part"
)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and no folder in the environment."""
    monkeypatch.setenv("GENBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GENBENCH_WEIGHTS", raising=False)
    return tmp_path / "cache" / "weights"


def put(folder: Path, name: str, content: bytes = CONTENT) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_request(self, *args: object) -> None:
        pass

    def log_error(self, *args: object) -> None:
        pass


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """A server of this test that publishes full.pth."""
    put(tmp_path / "published", "full.pth")
    handler = functools.partial(Quiet, directory=str(tmp_path / "published"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def published(url: str, sha256: str = SHA) -> WeightsFile:
    return WeightsFile(("full.pth",), sha256, url, "made here", "everything", len(CONTENT))


def test_places_are_tried_in_order(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder that was named, then the environment, then the cache."""
    monkeypatch.setenv("GENBENCH_WEIGHTS", str(tmp_path / "env"))

    third = put(cache, "full.pth")
    assert find([FULL], tmp_path / "given") == (FULL, third)
    second = put(tmp_path / "env", "full.pth")
    assert find([FULL], tmp_path / "given") == (FULL, second)
    first = put(tmp_path / "given", "full.pth")
    assert find([FULL], tmp_path / "given") == (FULL, first)


def test_any_of_its_names_will_do(tmp_path: Path) -> None:
    path = put(tmp_path, "other-name.pth")

    assert find([FULL], tmp_path) == (FULL, path)


def test_better_file_wins_wherever_it_is(tmp_path: Path, cache: Path) -> None:
    put(tmp_path, "part.safetensors", b"part")
    assert find([FULL, PARTIAL], tmp_path)[0] is PARTIAL

    path = put(cache, "full.pth")
    assert find([FULL, PARTIAL], tmp_path) == (FULL, path)


def test_wrong_content_is_named_with_both_digests(tmp_path: Path) -> None:
    path = put(tmp_path, "full.pth", b"something else")
    found = hashlib.sha256(b"something else").hexdigest()

    with pytest.raises(WrongWeights) as error:
        find([FULL], tmp_path)

    message = str(error.value)
    assert str(path) in message
    assert f"its sha256 is {found}, wanted {SHA}; remove it" in message


def test_missing_file_says_where_it_looked_and_what_to_do(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(MissingWeights) as error:
        find([published("https://example.org/full.pth"), PARTIAL], tmp_path)

    message = str(error.value)
    assert message.startswith(f"no full.pth or part.safetensors in {tmp_path}, {cache}; ")
    assert message.endswith(
        "run with --download, or fetch https://example.org/full.pth and put it into one of them"
    )


def test_missing_weights_are_a_reason_in_the_table() -> None:
    assert issubclass(MissingWeights, NotMeasurable)


def test_file_without_an_address_is_asked_for_by_hand(tmp_path: Path) -> None:
    with pytest.raises(MissingWeights, match="put it into one of them, or name its folder"):
        find([PARTIAL], tmp_path, download=True)


def test_content_is_hashed_once_until_it_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """95 MB are not read again for every metric."""
    read: list[Path] = []
    digest = atomic.sha256

    def counted(path: Path) -> str:
        read.append(path)
        return digest(path)

    monkeypatch.setattr(atomic, "sha256", counted)
    path = put(tmp_path, "full.pth")
    find([FULL], tmp_path)
    find([FULL], tmp_path)
    assert len(read) == 1

    path.write_bytes(b"changed, and of another length")
    with pytest.raises(WrongWeights):
        find([FULL], tmp_path)


def test_download_lands_in_the_cache_and_is_found_again(
    address: str, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = published(f"{address}/full.pth")

    found = find([file], None, download=True)

    assert found == (file, cache / "full.pth")
    assert found[1].read_bytes() == CONTENT
    assert find([file], None) == found
    assert "fetching full.pth" in capsys.readouterr().err


def test_download_fetches_the_best_even_beside_a_lesser_one(
    address: str, tmp_path: Path, cache: Path
) -> None:
    put(tmp_path, "part.safetensors", b"part")
    file = published(f"{address}/full.pth")

    assert find([file, PARTIAL], tmp_path, download=True) == (file, cache / "full.pth")


def test_download_of_other_content_leaves_nothing(address: str, cache: Path) -> None:
    file = published(f"{address}/full.pth", sha256="0" * 64)

    with pytest.raises(WrongWeights, match=f"sha256 {SHA}, wanted {'0' * 64}; nothing was kept"):
        find([file], None, download=True)

    assert [path.name for path in cache.iterdir()] == [".full.pth.lock"]


@pytest.mark.parametrize(
    ("path", "reason"), [("/absent.pth", "Not Found|not found"), (None, "refused")]
)
def test_network_errors_are_one_line(
    address: str, cache: Path, path: str | None, reason: str
) -> None:
    """A page that is not there; a port where nobody answers."""
    url = f"{address}{path}" if path else "http://127.0.0.1:9/full.pth"

    with pytest.raises(MissingWeights, match=reason) as error:
        find([published(url)], None, download=True)

    message = str(error.value)
    assert message.startswith(f"{url} cannot be fetched: ")
    assert message.endswith(f"or fetch it by hand and put it into {cache}")
    assert "\n" not in message
