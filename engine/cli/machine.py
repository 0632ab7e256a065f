"""Commands about this machine: models, doctor, the self-test and the add-on."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from engine import __version__
from engine.cli.call import Call, UsageError, command
from engine.cli.log import log_path
from engine.errors import EngineError, ModelError

if TYPE_CHECKING:
    from engine.device import Device, Probe
    from engine.models.library import ModelLibrary
    from engine.serving.trial import Trial

_LIBRARIES = (
    "torch", "transformers", "faiss-cpu", "ctranslate2", "tokenizers", "datasets", "evaluate",
    "sacrebleu", "rouge-score", "sqlcipher3", "cryptography", "numpy",
)  # fmt: skip
_TAKES = dict.fromkeys(("remove", "try", "licence"), "the name of a model") | {"import": "a folder or a GGUF file"}


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    command(app, "models", key=False, compute=True)(models)
    command(app, "doctor", key=False, compute=True)(doctor)
    command(app, "selftest", key=False)(selftest)
    command(app, "addon", key=False)(addon)


def models(
    call: Call,
    action: Annotated[
        Literal["list", "import", "remove", "verify", "try", "licence"], typer.Argument(help="What to do.")
    ] = "list",
    target: Annotated[
        str | None,
        typer.Argument(metavar="PATH|NAME", help="Folder or GGUF file to import, or the model meant."),
    ] = None,
) -> None:
    """The model library: list it, import a folder or GGUF file, remove one, verify all, try one, read its licence."""
    from engine.models.library import ModelLibrary

    if (action in _TAKES) != (target is not None):
        raise UsageError(f"`models {action}` takes {_TAKES.get(action, 'nothing more')}.")
    library = ModelLibrary.default()
    problems: tuple[str, ...] = ()
    trial: Trial | None = None
    if action == "licence":
        text = library.licence(target or "")
        call.console.result({"name": target, "licence": text}, text)
        return
    if action in ("import", "try"):
        trial = _tried(call, library, action, target or "")
    elif action == "remove":
        library.remove(target or "")
    elif action == "verify":
        problems = library.verify()
    held = library.list()
    value: dict[str, Any] = {"models": [msgspec.to_builtins(model) for model in held]}
    lines = [f"{model.name:28}{model.kind:10}{model.parameters / 1e6:8.0f} M  {model.licence}" for model in held]
    if action == "verify":
        value |= {"ok": not problems, "problems": list(problems)}
        lines += list(problems) or ["All files are as their manifests say."]
    if trial is not None:
        value |= {"trial": msgspec.to_builtins(trial)}
        lines.append(_trial_text(trial))
    call.console.result(value, "\n".join(lines) or "No models: run `make setup`.")
    if problems or (trial is not None and not trial.works):
        raise typer.Exit(1)


def _tried(call: Call, library: ModelLibrary, action: Literal["import", "try"], target: str) -> Trial:
    from engine.jobs import Monitor
    from engine.serving.trial import import_model, try_model

    device = call.detected()
    device.set_threads()
    if action == "import":
        return import_model(library, device, Path(target), Monitor())
    return try_model(library, device, target, Monitor())


def _trial_text(trial: Trial) -> str:
    gib = 2**30
    needs = (
        f"To answer it needs {trial.answering_bytes / gib:.1f} GiB of memory, to be trained"
        f" {trial.training_bytes / gib:.1f}; {trial.free_bytes / gib:.1f} are free."
    )
    said = f"{trial.name} works ({trial.seconds:.1f} s): {trial.said}" if trial.works else trial.problem
    return f"{said}\n{needs}"


def doctor(call: Call) -> None:
    """What this machine offers, and whether the network is really denied."""
    from engine.models.library import ModelLibrary
    from engine.offline import go_offline, network_is_open

    enforced = go_offline()
    device = call.detected()
    probe = _probe(device)
    library = ModelLibrary.default()
    try:
        names = [model.name for model in library.list()]
        problems: list[str] = []
    except ModelError as error:
        names, problems = [], [error.message]
    value = {
        "device": device.kind,
        "device_name": device.name,
        "precision": probe.precision,
        "precision_seconds": probe.seconds,
        "precision_deviation": probe.deviation,
        "cores": device.cores,
        "memory_bytes": device.memory_bytes,
        "network": "open" if network_is_open() else "denied",
        "network_enforced_by_kernel": enforced,
        "version": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "libraries": _versions(),
        "models": names,
        "problems": problems,
        "log": str(log_path()),
    }
    lines = [
        f"Vademecum {__version__}, Python {value['python']}, {value['platform']}",
        f"Device: {device.kind} {device.name}, {device.cores} cores, {device.memory_bytes / 2**30:.1f} GiB",
        f"Precision: {probe.precision}",
        f"Network: {value['network']}",
        f"Models: {', '.join(names) or 'none'}",
        "Libraries: " + ", ".join(f"{name} {version}" for name, version in _versions().items()),
        f"Log: {log_path()}",
        *problems,
    ]
    call.console.result(value, "\n".join(lines))


def addon(
    call: Call,
    action: Annotated[Literal["status", "install", "remove"], typer.Argument(help="What to do.")] = "status",
    path: Annotated[Path | None, typer.Argument(metavar="FOLDER", help="Folder of the add-on to install.")] = None,
) -> None:
    """The CUDA add-on: whether it is there and works, install it from a folder, remove it."""
    from engine.addon.folder import default_folder, remove
    from engine.addon.job import install_from, state

    if (action == "install") != (path is not None):
        raise UsageError("`addon install` takes a folder; the others take nothing more.")
    if path is not None:
        with call.console.listening():
            install_from(path, call.monitor)
    elif action == "remove":
        remove(default_folder())
    found = state()
    call.console.result(asdict(found), found.text)


def selftest(call: Call) -> None:
    """Try every part of this installation with a little real work; a line for each."""
    from engine.selftest import Verdict, engine_checks, headline, run_checks

    verdicts: list[Verdict] = []

    def say(verdict: Verdict) -> None:
        verdicts.append(verdict)
        if not call.console.as_json:
            call.console.line(verdict.line())

    call.console.note(headline())
    with call.console.listening():
        ok = run_checks(engine_checks(), say=say)
    value = {"ok": ok, "checks": [asdict(verdict) for verdict in verdicts]}
    call.console.result(value, "All parts of this installation work." if ok else "This installation is broken.")
    if not ok:
        raise typer.Exit(1)


def _versions() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


def _probe(device: Device) -> Probe:
    """Time a training step of one feed-forward block, the size of the bundled encoder's, in each precision."""
    try:
        import torch
    except ImportError as error:
        raise EngineError("torch can't be loaded.", hint="Install Vademecum again.") from error
    from engine.device import Precision, probe_precision

    device.set_threads()
    random = torch.Generator().manual_seed(0)
    block = torch.nn.Sequential(torch.nn.Linear(384, 1536), torch.nn.GELU(), torch.nn.Linear(1536, 384)).to(device.kind)
    tokens = torch.randn(32, 64, 384, generator=random).to(device.kind)  # (batch, tokens, width)

    def step(precision: Precision) -> float:
        with torch.autocast(device.kind, dtype=torch.bfloat16, enabled=precision == "bf16"):
            loss = (block(tokens) - tokens).float().pow(2).mean()
        loss.backward()
        block.zero_grad()
        return float(loss.detach())

    return probe_precision(step, device)
