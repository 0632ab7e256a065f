"""The CUDA add-on, with a stand-in for torch: checked before it is unpacked, tried before it is used."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest

from engine.addon import folder as folder_module
from engine.addon import job, trial
from engine.addon.folder import (
    INSTALLED,
    MANIFEST,
    STATE,
    AddonError,
    install,
    is_installed,
    read_manifest,
    remove,
    this_platform,
)
from engine.addon.job import AddonState
from engine.addon.trial import activate, driver, known_state, try_out
from engine.errors import Cancelled

TORCH = metadata.version("torch").partition("+")[0]
# What the trial asks of torch, and nothing else of it.
WORKING = """
class Tensor:
    def __matmul__(self, other): return self
    def sum(self): return 64.0 ** 3
def ones(*shape, device): return Tensor()
class cuda:
    is_available = staticmethod(lambda: True)
    get_device_name = staticmethod(lambda number: "Imaginary H1")
"""
DRIVER_TOO_OLD = "class cuda:\n    is_available = staticmethod(lambda: False)\n"
CRASHING = "import os\nos._exit(11)\n"
GARBLED = "import os\nos.write(1, b'add-on trial: {nonsense\\n')\nos._exit(3)\n"
BROKEN = "raise ImportError('libcudart.so.12: cannot open shared object file')\n"


def addon(folder: Path, code: str, *, entry: str = "torch/__init__.py", **changes: object) -> Path:
    """Write an add-on's folder whose torch is `code`."""
    folder.mkdir()
    wheel = folder / "torch-2.13.0+cu130-cp311-cp311-linux_x86_64.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr(entry, code)
    manifest = {
        "name": "cuda",
        "version": f"{TORCH}+cu130",
        "python": "cp311",
        "platform": this_platform(),
        "torch": f"{TORCH}+cu130",
        "files": {wheel.name: hashlib.sha256(wheel.read_bytes()).hexdigest()},
    }
    (folder / "addon.json").write_text(json.dumps(manifest | changes), encoding="utf-8")
    return folder


@pytest.fixture
def addons(tmp_path: Path) -> Path:
    return tmp_path / "add-ons ä 中"


@pytest.fixture(autouse=True)
def _path_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_an_addon_that_works_is_loaded_in_place_of_the_programs_own(tmp_path: Path, addons: Path) -> None:
    install(addon(tmp_path / "stick", WORKING), addons, torch_version=f"{TORCH}+cpu")
    state = try_out(addons)
    assert (state.usable, state.text) == (True, "Imaginary H1 is used.")
    assert activate(addons)
    assert sys.path[0] == str(addons / INSTALLED)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (DRIVER_TOO_OLD, "driver is too old"),
        (CRASHING, "crashed (exit status 11)"),
        (GARBLED, "crashed (exit status 3)"),
        (BROKEN, "libcudart.so.12"),
    ],
)
def test_an_addon_that_does_not_fit_leaves_the_cpu_in_use(tmp_path: Path, addons: Path, code: str, reason: str) -> None:
    install(addon(tmp_path / "stick", code), addons, torch_version=TORCH)
    before = list(sys.path)
    assert not activate(addons)
    assert sys.path == before
    state = known_state(addons)
    assert state is not None
    assert reason in state.text
    assert state.text.endswith("The CPU is used.")


def test_another_driver_means_another_trial(tmp_path: Path, addons: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(addon(tmp_path / "stick", DRIVER_TOO_OLD), addons, torch_version=TORCH)
    try_out(addons)
    assert known_state(addons) is not None
    monkeypatch.setattr(trial, "driver", lambda: "NVRM version: a newer one")
    assert known_state(addons) is None


@pytest.mark.parametrize("place", ["_LINUX_DRIVER", "_WINDOWS_DRIVER"])
def test_drivers_are_told_apart(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "driver"
    monkeypatch.setattr(trial, "_LINUX_DRIVER", tmp_path / "nowhere")
    monkeypatch.setattr(trial, place, file)
    assert driver() == ""
    file.write_text("NVRM version: 580.65.06", encoding="utf-8")
    first = driver()
    assert first == driver()
    file.write_text("NVRM version: 580.105.08", encoding="utf-8")
    assert len({"", first, driver()}) == 3


def test_an_addon_of_another_version_of_the_program_is_not_used(tmp_path: Path, addons: Path) -> None:
    install(addon(tmp_path / "stick", WORKING), addons, torch_version=TORCH)
    assert try_out(addons).usable
    manifest = addons / INSTALLED / MANIFEST
    manifest.write_text(manifest.read_text("utf-8").replace(TORCH, "1.0.0"), encoding="utf-8")
    assert not activate(addons)
    state = known_state(addons)
    assert state is not None
    assert "this program needs one for" in state.text


def test_a_result_that_cannot_be_kept_is_used_all_the_same(tmp_path: Path, addons: Path) -> None:
    install(addon(tmp_path / "stick", WORKING), addons, torch_version=TORCH)
    (addons / STATE).mkdir()  # no file can be written there
    assert activate(addons)


@pytest.mark.parametrize("text", ["threads = 'four'", "allow_addons = false"])
def test_where_the_machines_settings_allow_no_addon_the_cpu_is_used(
    text: str, tmp_path: Path, addons: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(addon(tmp_path / "stick", WORKING), addons, torch_version=TORCH)
    assert try_out(addons).usable
    settings = tmp_path / "settings.toml"
    settings.write_text(text, encoding="utf-8")
    monkeypatch.setattr("engine.machine_settings.settings_path", lambda: settings)
    assert not activate(addons)


@pytest.mark.parametrize(
    "spoil", [Path.unlink, lambda path: path.write_bytes(b'{"name": "\xff"}')], ids=["gone", "odd"]
)
def test_a_damaged_addon_is_not_used_is_told_and_can_be_removed(
    spoil: Callable[[Path], object], tmp_path: Path, addons: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "default_folder", lambda: addons)
    install(addon(tmp_path / "stick", WORKING), addons, torch_version=TORCH)
    assert try_out(addons).usable
    spoil(addons / INSTALLED / MANIFEST)
    assert not activate(addons)
    told = job.state()
    assert (told.installed, told.version, told.usable) == (True, "", False)
    assert told.text.endswith("The CPU is used.")
    assert remove(addons)
    assert job.state() == AddonState(False, "", False, "No add-on is installed: the CPU is used.")


def test_without_an_addon_nothing_is_tried(addons: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "try_out", lambda *_: pytest.fail("tried"))
    assert not activate(addons)


def test_a_damaged_wheel_installs_nothing_and_leaves_what_was_there(tmp_path: Path, addons: Path) -> None:
    install(addon(tmp_path / "good", WORKING, version="first"), addons, torch_version=TORCH)
    bad = addon(tmp_path / "bad", WORKING, version="second")
    wheel = next(bad.glob("*.whl"))
    wheel.write_bytes(wheel.read_bytes()[:-1] + b"x")
    with pytest.raises(AddonError, match="SHA-256"):
        install(bad, addons, torch_version=TORCH)
    assert read_manifest(addons / INSTALLED).version == "first"


def test_a_wheel_too_many_or_too_few_is_refused(tmp_path: Path, addons: Path) -> None:
    source = addon(tmp_path / "stick", WORKING)
    (source / "more-1-py3-none-any.whl").write_bytes(b"")
    with pytest.raises(AddonError, match=r"not complete: more-1"):
        install(source, addons, torch_version=TORCH)
    for wheel in source.glob("*.whl"):
        wheel.unlink()
    with pytest.raises(AddonError, match="not complete"):
        install(source, addons, torch_version=TORCH)


@pytest.mark.parametrize(
    "changes", [{"torch": "2.0.0+cu118"}, {"python": "cp313"}, {"platform": "plan9-mips"}], ids=["torch", "py", "os"]
)
def test_an_addon_for_another_program_is_refused(tmp_path: Path, addons: Path, changes: dict[str, str]) -> None:
    with pytest.raises(AddonError, match="this program needs one for"):
        install(addon(tmp_path / "stick", WORKING, **changes), addons, torch_version=TORCH)


@pytest.mark.parametrize("entry", ["../outside.py", "/tmp/outside.py", "a\\..\\b.py", "c:/outside.py"])
def test_a_wheel_that_writes_elsewhere_is_refused(tmp_path: Path, addons: Path, entry: str) -> None:
    with pytest.raises(AddonError, match="outside its folder"):
        install(addon(tmp_path / "stick", WORKING, entry=entry), addons, torch_version=TORCH)
    assert not is_installed(addons)


@pytest.mark.parametrize(("place", "value"), [(6, 1), (8, 99)], ids=["encrypted", "a compression of its own"])
def test_a_wheel_that_cannot_be_unpacked_is_a_sentence(tmp_path: Path, addons: Path, place: int, value: int) -> None:
    source = addon(tmp_path / "stick", WORKING)
    wheel = next(source.glob("*.whl"))
    content = bytearray(wheel.read_bytes())
    content[place] = value  # in the entry's own header,
    content[content.find(b"PK\x01\x02") + place + 2] = value  # and in the archive's list of entries
    wheel.write_bytes(content)
    files = {wheel.name: hashlib.sha256(content).hexdigest()}
    manifest = json.loads((source / MANIFEST).read_text("utf-8")) | {"files": files}
    (source / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(AddonError, match="can't be unpacked"):
        install(source, addons, torch_version=TORCH)
    assert list(addons.iterdir()) == []


def test_only_a_full_disk_is_told_to_be_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = addon(tmp_path / "stick", WORKING)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(AddonError, match="can't be read or written: Not a directory") as caught:
        install(source, tmp_path / "file" / "add-ons", torch_version=TORCH)
    assert "disk space" not in caught.value.hint

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(folder_module, "_unpack", full)
    with pytest.raises(AddonError, match="No space left") as caught:
        install(source, tmp_path / "add-ons", torch_version=TORCH)
    assert "disk space" in caught.value.hint


def test_an_installation_is_cancelled_in_the_midst_of_a_wheel_and_leaves_what_was_there(
    tmp_path: Path, addons: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "_BLOCK_BYTES", 16)
    install(addon(tmp_path / "first", WORKING, version="first"), addons, torch_version=TORCH)
    source = addon(tmp_path / "second", WORKING, version="second")
    unpacked: list[int] = []

    def check() -> None:
        unpacked[:] = [path.stat().st_size for path in addons.glob(".incoming-*/torch/*")]
        if unpacked:
            raise Cancelled

    with pytest.raises(Cancelled):
        install(source, addons, torch_version=TORCH, check=check)
    assert unpacked[0] < len(WORKING)
    assert [path.name for path in addons.iterdir()] == [INSTALLED]
    assert read_manifest(addons / INSTALLED).version == "first"


def test_what_a_killed_installation_left_goes_at_the_next_and_a_running_ones_stays(
    tmp_path: Path, addons: Path
) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    for process in (ended.pid, os.getpid(), os.getppid()):
        (addons / f".incoming-{process}").mkdir(parents=True)
        (addons / f".incoming-{process}" / "big").write_bytes(b"x")
    install(addon(tmp_path / "stick", WORKING), addons, torch_version=TORCH)
    assert {path.name for path in addons.iterdir()} == {INSTALLED, f".incoming-{os.getppid()}"}


@pytest.mark.parametrize("content", ["{", "[]", '{"name": 1}'])
def test_a_manifest_that_is_none_is_a_sentence(tmp_path: Path, addons: Path, content: str) -> None:
    source = addon(tmp_path / "stick", WORKING)
    (source / "addon.json").write_text(content, encoding="utf-8")
    with pytest.raises(AddonError, match="manifest can't be read"):
        install(source, addons, torch_version=TORCH)


def test_a_folder_without_a_manifest_is_a_sentence(tmp_path: Path, addons: Path) -> None:
    with pytest.raises(AddonError, match="holds no add-on"):
        install(tmp_path, addons, torch_version=TORCH)


def test_removing_leaves_nothing(tmp_path: Path, addons: Path) -> None:
    install(addon(tmp_path / "stick", WORKING), addons, torch_version=TORCH)
    try_out(addons)
    assert remove(addons)
    assert list(addons.iterdir()) == []
    assert not remove(addons)
