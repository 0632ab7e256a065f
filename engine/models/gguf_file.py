"""A GGUF file becomes, once, a model folder like any other: its weights unpacked to float16, its tokenizer written out.

What a GGUF holds as integers can be neither trained nor converted for answering; and reading one takes transformers
half a minute each time, where safetensors take a quarter of a second.
"""

from __future__ import annotations

import json
import stat
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from engine.errors import ModelError, translated
from engine.models.assembly import require_all
from engine.models.safety import (
    CONFIG,
    MAX_WEIGHTS_BYTES,
    MEBIBYTE,
    SPECIAL_TOKEN_KEYS,
    TOKENIZER,
    TOKENIZER_CONFIG,
    WEIGHTS,
)

if TYPE_CHECKING:
    import torch
    from gguf import GGUFReader

SUFFIX = ".gguf"
LICENCE_FILES = ("LICENSE*", "LICENCE*", "README.md")  # of the folder it lies in, taken along
MOST_LICENCE_BYTES = MEBIBYTE
BYTES_PER_PARAMETER = 6  # while it is unpacked: float16, a copy on its way to the disk, the integers themselves
_MAGIC = b"GGUF"
# transformers' name of a generator, by the one a GGUF has; what is not here it can't read or this program not run.
_ARCHITECTURES = frozenset({"llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3", "phi3", "t5"})


def find_gguf(path: Path) -> Path | None:
    """Return the GGUF file that `path` is, or that lies alone in the folder `path`; None where it is no GGUF.

    Raises ModelError for a folder with several: the same model in several precisions, of which one is to be chosen.
    """
    if path.suffix.lower() == SUFFIX and not path.is_dir():
        return path
    if not path.is_dir() or (path / WEIGHTS).exists():
        return None
    found = sorted(one for one in path.iterdir() if one.suffix.lower() == SUFFIX)
    if len(found) > 1:
        raise ModelError(
            f"{path.name} holds {len(found)} GGUF files.",
            hint=f"Import one of them by itself, the largest that fits the memory: {found[0].name}, {found[1].name} …",
        )
    return found[0] if found else None


def unpack_gguf(path: Path, folder: Path) -> None:
    """Write into the new `folder` the model folder that the GGUF file at `path` stands for.

    Raises ModelError where the file is no GGUF, is damaged, of an architecture that isn't known here, or too large for
    the free memory. Only numbers and names are read from it; the chat template it carries is not taken over.
    """
    _check_file(path)
    with _readable(path):
        from gguf import GGUFReader

        reader = GGUFReader(path)
        name = _text(reader, "general.architecture")
        parameters = sum(int(tensor.n_elements) for tensor in reader.tensors)
    if name not in _ARCHITECTURES:
        raise ModelError(
            f"{path.name} is a model of the kind {name[:60] or 'not said'}, which can't be taken from a GGUF file.",
            hint=f"These can: {', '.join(sorted(_ARCHITECTURES))}. Others come as a folder with model.safetensors.",
        )
    _check_memory(path, parameters)
    with _readable(path):
        weights, config, tokenizer = _read(path)
    from safetensors.torch import save_file

    folder.mkdir()
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})
    (folder / CONFIG).write_text(json.dumps(config), encoding="utf-8")
    tokenizer.backend_tokenizer.save(str(folder / TOKENIZER), pretty=False)
    special: dict[str, Any] = {
        key: str(tokenizer.special_tokens_map[key]) for key in SPECIAL_TOKEN_KEYS if key in tokenizer.special_tokens_map
    }
    special["model_max_length"] = config.get("max_position_embeddings")
    (folder / TOKENIZER_CONFIG).write_text(json.dumps(special), encoding="utf-8")
    _take_licence(path, folder, stated=_text(reader, "general.license"))


def _check_file(path: Path) -> None:
    """Only a regular file of a bounded size that begins as a GGUF does."""
    try:
        status = path.lstat()
        with path.open("rb") as file:
            magic = file.read(len(_MAGIC))
    except OSError as error:
        raise ModelError(f"{path.name} can't be opened.", hint="Choose a file that is there and readable.") from error
    if not stat.S_ISREG(status.st_mode):
        raise ModelError(f"{path.name} is not a file of its own.", hint="Copy what it links to and import the copy.")
    if magic != _MAGIC:
        raise ModelError(f"{path.name} is no GGUF file.", hint="Copy it again from its source.")
    if status.st_size > MAX_WEIGHTS_BYTES:
        raise ModelError(
            f"{path.name} has {status.st_size // MEBIBYTE:,} MiB; at most {MAX_WEIGHTS_BYTES // MEBIBYTE:,} are read.",
            hint="Choose a smaller model.",
        )


def _readable(path: Path) -> AbstractContextManager[None]:
    return translated(
        ModelError,
        f"{path.name} can't be read: it is damaged, or of a form of GGUF that is not known here.",
        hint="Copy it again from its source, or bring the model as a folder with model.safetensors.",
        foreign=Exception,  # gguf and transformers raise whatever the numbers of a damaged file lead to
    )


def _check_memory(path: Path, parameters: int) -> None:
    needed, free = parameters * BYTES_PER_PARAMETER, psutil.virtual_memory().available
    if needed > free:
        raise ModelError(
            f"{path.name} has {parameters / 1e6:,.0f} million parameters: unpacking it takes {needed / 1e9:.1f} GB of "
            f"memory, and {free / 1e9:.1f} are free.",
            hint="Close other programs, or choose a smaller model.",
        )


def _read(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any], Any]:
    """Return weights in float16, each tied one once, config and tokenizer, as transformers reads them."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer, GgufConfig

    given = {"gguf_file": path.name, "local_files_only": True, "trust_remote_code": False}
    config = AutoConfig.from_pretrained(path.parent, **given)
    family = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    unpacked = GgufConfig(dequantize=True)
    model, told = family.from_pretrained(
        path.parent, **given, quantization_config=unpacked, dtype=torch.float16, output_loading_info=True
    )
    require_all(told["missing_keys"])
    tokenizer = AutoTokenizer.from_pretrained(path.parent, **given)
    weights: dict[str, torch.Tensor] = {}
    seen: set[int] = set()
    for name, tensor in model.state_dict().items():
        if tensor.data_ptr() not in seen:
            seen.add(tensor.data_ptr())
            weights[name] = tensor.detach().contiguous()
    described = json.loads(model.config.to_json_string(use_diff=True))
    for key in ("quantization_config", "_model_name_or_path"):  # it is quantised no more, and has its name from us
        described.pop(key, None)
    return weights, described | {"architectures": [type(model).__name__]}, tokenizer


def _take_licence(path: Path, folder: Path, *, stated: str) -> None:
    """Take the licence along that lies beside the file, or else write down the name that the file states."""
    for pattern in LICENCE_FILES:
        for source in path.parent.glob(pattern):
            if source.is_file() and not source.is_symlink() and source.stat().st_size <= MOST_LICENCE_BYTES:
                (folder / source.name).write_bytes(source.read_bytes())
    if stated and not (folder / "README.md").exists():
        (folder / "README.md").write_text(f"---\nlicense: {stated[:60]}\n---\n", encoding="utf-8")


def _text(reader: GGUFReader, key: str) -> str:
    field = reader.fields.get(key)
    return str(field.contents()) if field is not None else ""
