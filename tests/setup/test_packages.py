"""The packages, made from a stand-in for the frozen folder: what is in them, and what a damaged one says."""

from __future__ import annotations

import io
import json
import os
import platform
import shutil
import subprocess
import tarfile
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest
from packaging.version import Version

from desktop.installation.placing import version_of

REPOSITORY = Path(__file__).parents[2]
LOCK = REPOSITORY / "packaging" / "locks" / "linux-cpu.txt"
MADE = 1_700_000_000
ECHO = '#!/bin/sh\necho "$@"\n'


@pytest.fixture
def bill() -> ModuleType:
    import bill

    return bill


@pytest.fixture
def payload() -> ModuleType:
    import payload

    return payload


@pytest.fixture
def linux_packages() -> ModuleType:
    import linux_packages

    return linux_packages


@pytest.fixture
def program(tmp_path: Path) -> Path:
    program = tmp_path / "vademecum"
    icons = program / "_internal" / "resources" / "icons"
    icons.mkdir(parents=True)
    (program / "_internal" / "resources" / "models" / "gte-small").mkdir(parents=True)
    (program / "_internal" / ("deep " * 30) / ("ä" * 90)).mkdir(parents=True)
    (icons / "vademecum.svg").write_text("<svg/>", encoding="utf-8")
    (program / "LICENCES.txt").write_text("Apache-2.0", encoding="utf-8")
    shutil.copy("/bin/true", program / "_internal" / "library.so")
    for name in ("vademecum", "vademecum-engine"):
        (program / name).write_text(ECHO, encoding="utf-8")
        (program / name).chmod(0o755)
    return program


@pytest.fixture
def data(program: Path, tmp_path: Path, linux_packages: ModuleType) -> Path:
    return linux_packages.make_data(program, tmp_path, made=MADE)


def called(package: Path, *arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        ["sh", package, *arguments], capture_output=True, text=True, check=False, env=environment, timeout=60
    )


def test_the_run_file_unpacks_itself_calls_the_installer_and_leaves_nothing(
    program: Path, data: Path, tmp_path: Path, linux_packages: ModuleType
) -> None:
    package = linux_packages.make_run(program, data, tmp_path, version="1.2", made=MADE)
    home = tmp_path / "home of ä 中"
    home.mkdir()
    done = called(package, "--silent", "--folder", "/some where", home=home)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "--install --unpacked --silent --folder /some where"
    assert [path for path in home.rglob("*") if path.is_file()] == []


def test_a_damaged_run_file_installs_nothing(
    program: Path, data: Path, tmp_path: Path, linux_packages: ModuleType
) -> None:
    package = linux_packages.make_run(program, data, tmp_path, version="1.2", made=MADE)
    content = bytearray(package.read_bytes())
    content[-20] ^= 1
    package.write_bytes(content)
    done = called(package, "--silent", home=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "This file is damaged" in done.stderr


def test_the_run_file_checks_and_unpacks_when_asked(
    program: Path, data: Path, tmp_path: Path, linux_packages: ModuleType
) -> None:
    package = linux_packages.make_run(program, data, tmp_path, version="1.2", made=MADE)
    assert called(package, "--check", home=tmp_path).stdout == "The file is whole.\n"
    assert called(package, "--unpack", str(tmp_path / "there"), home=tmp_path).returncode == 0
    assert (tmp_path / "there" / "vademecum" / "vademecum").read_text("utf-8") == ECHO
    done = called(package, "--unpack", str(tmp_path / "there"), home=tmp_path)  # two versions would be mixed
    assert (done.returncode, done.stdout) == (1, "")
    assert "/there/vademecum is there already" in done.stderr


@pytest.mark.parametrize("mistake", [["--slient"], ["--silent", "--folder"], ["--silent", "/there"]], ids=" ".join)
def test_a_mistyped_option_is_told_before_anything_is_unpacked(
    program: Path, data: Path, tmp_path: Path, linux_packages: ModuleType, mistake: list[str]
) -> None:
    package = linux_packages.make_run(program, data, tmp_path, version="1.2", made=MADE)
    done = called(package, *mistake, home=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: sh " in done.stderr
    assert not (tmp_path / ".cache").exists()


def test_every_option_of_the_installer_reaches_it(
    program: Path, data: Path, tmp_path: Path, linux_packages: ModuleType
) -> None:
    package = linux_packages.make_run(program, data, tmp_path, version="1.2", made=MADE)
    options = ["--no-shortcuts", "--folder=/a b", "--no-association", "--silent", "--folder", "/c"]
    done = called(package, *options, home=tmp_path)
    assert done.stdout.splitlines()[-1] == f"--install --unpacked {' '.join(options)}"


@pytest.mark.parametrize("unpack", [True, False])
def test_a_folder_that_can_not_be_made_is_named_with_a_way_out(
    program: Path, data: Path, tmp_path: Path, linux_packages: ModuleType, unpack: bool
) -> None:
    package = linux_packages.make_run(program, data, tmp_path, version="1.2", made=MADE)
    (tmp_path / "file").write_text("", encoding="utf-8")
    wanted = ["--unpack", str(tmp_path / "file" / "x")] if unpack else ["--silent"]
    done = called(package, *wanted, home=tmp_path / "file")
    assert done.returncode == 1
    assert " can't be written. Choose another folder: " in done.stderr
    assert "mkdir" not in done.stderr


def test_too_little_space_is_told_with_a_way_out(
    program: Path, data: Path, tmp_path: Path, linux_packages: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linux_packages, "kib_of", lambda program: 1 << 50)
    package = linux_packages.make_run(program, data, tmp_path, version="1.2", made=MADE)
    for wanted in (["--silent"], ["--unpack", str(tmp_path / "there")]):
        done = called(package, *wanted, home=tmp_path)
        assert done.returncode == 1
        assert "has too little space: 1073741825 GiB are needed. Choose another disk: " in done.stderr


def test_without_a_home_it_is_asked_for(program: Path, data: Path, tmp_path: Path, linux_packages: ModuleType) -> None:
    package = linux_packages.make_run(program, data, tmp_path, version="1.2", made=MADE)
    done = subprocess.run(
        ["sh", package, "--silent"], capture_output=True, text=True, check=False, env={"PATH": "/usr/bin:/bin"}
    )
    assert done.returncode == 1
    assert done.stderr == f"HOME is not set. Set it to your home folder: HOME=FOLDER sh {package}\n"


def test_a_disk_that_allows_no_programs_is_told_with_a_way_out(
    program: Path, data: Path, tmp_path: Path, linux_packages: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = linux_packages.decoder_archive(MADE)
    monkeypatch.setattr(linux_packages, "decoder_archive", lambda made: _not_executable(packed))
    package = linux_packages.make_run(program, data, tmp_path, version="1.2", made=MADE)
    for wanted in (["--silent"], ["--unpack", str(tmp_path / "there")]):
        done = called(package, *wanted, home=tmp_path)
        assert done.returncode == 1
        assert "No program can be started in " in done.stderr
        assert "(noexec), choose another folder: " in done.stderr
        assert "tar:" not in done.stderr
    assert list((tmp_path / "there").iterdir()) == list((tmp_path / ".cache").iterdir()) == []


def _not_executable(packed: bytes) -> bytes:
    """The archive as a disk without programs would have it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar, tarfile.open(fileobj=out, mode="w:gz") as written:
        for member in tar:
            member.mode = 0o644
            written.addfile(member, tar.extractfile(member))
    return out.getvalue()


def test_an_unpacking_that_fails_ends_in_a_sentence(
    program: Path, data: Path, tmp_path: Path, linux_packages: ModuleType
) -> None:
    data.write_bytes(data.read_bytes()[:600])  # stops as on a disk that is full after all
    package = linux_packages.make_run(program, data, tmp_path, version="1.2", made=MADE)
    done = called(package, "--silent", home=tmp_path)
    assert done.returncode == 1
    assert "It could not be unpacked into " in done.stderr.splitlines()[-1]
    assert list((tmp_path / ".cache").iterdir()) == []


def test_what_a_killed_installation_unpacked_goes_with_the_next(
    program: Path, data: Path, tmp_path: Path, linux_packages: ModuleType
) -> None:
    package = linux_packages.make_run(program, data, tmp_path, version="1.2", made=MADE)
    ended = subprocess.Popen(["true"])
    ended.wait()
    left, running = (tmp_path / ".cache" / f"vademecum-install.{process}.abc" for process in (ended.pid, os.getpid()))
    for folder in (left, running):
        (folder / "vademecum").mkdir(parents=True)
    assert called(package, "--silent", home=tmp_path).returncode == 0
    assert [*(tmp_path / ".cache").iterdir()] == [running]


def test_the_same_input_gives_the_same_bytes(
    program: Path, data: Path, tmp_path: Path, linux_packages: ModuleType
) -> None:
    first = linux_packages.make_run(program, data, tmp_path, version="1.2", made=MADE).read_bytes()
    (program / "vademecum").touch()
    linux_packages.make_data(program, tmp_path, made=MADE)
    assert linux_packages.make_run(program, data, tmp_path, version="1.2", made=MADE).read_bytes() == first


@pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="not on Debian")
def test_the_debian_package_holds_program_entries_and_description(
    program: Path, data: Path, tmp_path: Path, linux_packages: ModuleType
) -> None:
    package = linux_packages.make_deb(program, data, tmp_path, version="1.2", made=MADE)
    first = package.read_bytes()
    assert linux_packages.make_deb(program, data, tmp_path, version="1.2", made=MADE).read_bytes() == first
    into = tmp_path / "unpacked"
    subprocess.run(["dpkg-deb", "-x", package, into], check=True)
    assert (into / "opt/vademecum/vademecum").read_text("utf-8") == ECHO
    assert (into / "usr/bin/vademecum-engine").readlink() == Path("/opt/vademecum/vademecum-engine")
    assert 'Exec="/opt/vademecum/vademecum" %f' in (into / "usr/share/applications/vademecum.desktop").read_text()
    shown = subprocess.run(["dpkg-deb", "-I", package], check=True, capture_output=True, text=True).stdout
    assert "Version: 1.2" in shown
    assert "libegl1" in shown
    assert f"libc6 (>= {linux_packages.glibc_needed([Path('/bin/true')])})," in shown


@pytest.mark.parametrize(
    ("licence", "binding"),
    [
        ("GPL-3.0-only", True),
        ("AGPL-3.0", True),
        ("GNU General Public License v3", True),
        ("LGPL-3.0-only", False),
        ("LGPL-3.0-only OR GPL-2.0-only OR GPL-3.0-only", False),
        ("GPL-2.0-or-later WITH Bootloader-exception", False),
        ("Apache-2.0", False),
    ],
)
def test_copyleft_that_would_bind_the_program_is_seen(licence: str, binding: bool, bill: ModuleType) -> None:
    assert bill.binds(licence) is binding


def test_a_licence_that_nobody_states_is_read(bill: ModuleType) -> None:
    def part(*texts: bytes) -> object:
        return bill.Part("x", "1", bill.UNSTATED, "library", texts=tuple(("LICENSE", text) for text in texts))

    assert bill.may_be_shipped(part(b"Permission is hereby granted"))
    assert not bill.may_be_shipped(part(b"MIT", b"GNU GENERAL PUBLIC LICENSE\nVersion 3"))
    assert not bill.may_be_shipped(part())


def test_a_package_url_has_its_signs_in_percent_form(
    program: Path, bill: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    (program / "_internal" / "libcap.so.2").write_bytes(b"")

    def told(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        said = "libcap2:amd64: /usr/lib/libcap.so.2\n" if command[0] == "dpkg" else "1:2.66-4+deb12u2~b2"
        return subprocess.CompletedProcess(command, 0, said)

    monkeypatch.setattr(bill.subprocess, "run", told)
    (part,) = bill.system_libraries(program / "_internal", {"libcap.so.2": "/usr/lib/libcap.so.2"})
    assert (part.version, part.locator) == ("1:2.66-4+deb12u2~b2", "pkg:deb/debian/libcap2@1:2.66-4%2Bdeb12u2~b2")


def test_licence_texts_are_found_wherever_a_package_puts_them(bill: ModuleType) -> None:
    def names(distribution: str) -> set[str]:
        return {name for name, _ in bill.python_part(metadata.distribution(distribution), {}).texts}

    assert {"LICENSE", "ThirdPartyNotices.txt"} <= names("onnxruntime")  # beside its modules
    assert "freetype.txt" in names("pypdfium2")  # by the name of the library that it is of
    assert names("rich") == {"LICENSE"}


def test_a_licence_that_asks_for_its_notice_is_there_with_it(bill: ModuleType, payload: ModuleType) -> None:
    shipped = {path.name for path in (REPOSITORY / "packaging" / "texts").iterdir()}
    for distribution in payload.runtime_distributions():
        part = bill.python_part(distribution, {})
        ours = any(name.startswith(f"{part.name}-") for name in shipped)
        assert part.texts or ours or "Apache" in part.licence or "LGPL" in part.licence, part.name  # two lie with all


def test_the_bill_names_every_part_with_licence_and_digest(program: Path, tmp_path: Path, bill: ModuleType) -> None:
    pytest.importorskip("PyInstaller")
    pinned = bill.digests(LOCK)
    distributions = [metadata.distribution(name) for name in ("numpy", "pyside6-essentials")]
    parts = [
        bill.interpreter(),
        bill.freezer(),
        *(bill.python_part(distribution, pinned) for distribution in distributions),
        *bill.models(program / "_internal" / "resources" / "models"),
    ]
    beside = tmp_path / "beside.json"
    bill.write_bill(program, parts, beside=beside, version="1.2", made=MADE)
    content = (program / bill.SBOM).read_text("utf-8")
    named = {component["name"]: component for component in json.loads(content)["components"]}
    assert {"CPython", "numpy", "pyside6-essentials", "gte-small"} <= named.keys()
    assert named["CPython"]["purl"] == f"pkg:generic/cpython@{platform.python_version()}"
    assert named["gte-small"]["purl"] == "pkg:npm/%40alvix/xenova-models@1.0.2"
    assert "flan-t5-small" not in named  # is not in this folder
    assert version_of(program) == Version("1.2")  # what an installation compares
    assert named["numpy"]["hashes"][0]["content"] == pinned["numpy"]
    assert "LGPL-3.0" in named["pyside6-essentials"]["licenses"][0]["license"]["name"]
    texts = {path.name for path in (program / "licences").iterdir()}
    assert "LGPL-3.0.txt" in texts
    assert any(name.startswith("numpy-") for name in texts)
    assert beside.read_text("utf-8") == content
    bill.write_bill(program, parts, beside=beside, version="1.2", made=MADE)
    assert (program / bill.SBOM).read_text("utf-8") == content


@pytest.mark.skipif(shutil.which("dpkg") is None, reason="not on Debian")
def test_a_library_is_the_distributions_only_where_it_was_taken_from_there(program: Path, bill: ModuleType) -> None:
    internal = program / "_internal"
    here = next(Path("/usr/lib").glob("*-linux-gnu/libz.so.1"))
    sources = {"libz.so.1": str(here), "libbz2.so.1.0": str(program / "own" / "libbz2.so.1.0"), "libexpat.so.1": "gone"}
    for name in ("libz.so.1", "libbz2.so.1.0"):
        (internal / name).write_bytes(b"")
    (part,) = bill.system_libraries(internal, sources)
    assert part.name == "zlib1g"
    assert part.locator == f"pkg:deb/debian/zlib1g@{part.version.replace('+', '%2B')}"
    (other,) = bill.system_libraries(internal, {"libz.so.1": str(here).removeprefix("/usr")})
    assert other == part


def test_opencv_has_the_digest_of_the_source_it_was_compiled_from(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("PyInstaller")
    import build
    import opencv

    taken = tmp_path / "vademecum" / "COLLECT-00.toc"
    taken.write_text("([],)", encoding="utf-8")
    monkeypatch.setattr(build, "BUILD", tmp_path)
    monkeypatch.setattr(build, "DIST", tmp_path)
    monkeypatch.setattr(build, "PROGRAM", program)
    monkeypatch.setattr(build, "INTERNAL", program / "_internal")
    build.write_bill()
    content = json.loads((program / build.bill.SBOM).read_bytes())
    named = {component["name"]: component for component in content["components"]}
    assert named["opencv-python-headless"]["hashes"][0]["content"] == opencv.SOURCE_SHA256


def test_a_copyleft_library_stops_the_build(program: Path, tmp_path: Path, bill: ModuleType) -> None:
    (program / "_internal" / "libreadline.so.8").write_bytes(b"")
    with pytest.raises(bill.BillError, match="libreadline"):
        bill.write_bill(program, [], beside=tmp_path / "beside.json", version="1.2", made=MADE)


def test_nothing_that_only_developers_need_is_shipped(payload: ModuleType) -> None:
    names = {distribution.name.lower() for distribution in payload.runtime_distributions()}
    assert {"torch", "pyside6_essentials", "faiss-cpu"} <= names
    assert names & {"pytest", "ruff", "hypothesis", "pyinstaller", "onnx"} == set()
    assert {"pytest", "onnx"} <= set(payload.excluded_modules())


def test_no_metadata_of_what_is_not_shipped_is(payload: ModuleType) -> None:
    names = ("hypothesis-6.1.dist-info/METADATA", "pytest_xdist-3.8.0.dist-info/entry_points.txt")
    vendored = "setuptools/_vendor/jaraco.text-4.0.0.dist-info/METADATA"
    kept = ("faiss_cpu-1.15.1.dist-info/METADATA", "numpy/__init__.py", vendored)
    assert payload.without_foreign_metadata([(name, "", "") for name in names + kept]) == [
        (name, "", "") for name in kept
    ]


def test_what_is_loaded_by_path_is_shipped_as_a_file(payload: ModuleType) -> None:
    inside = {f"{folder}/{Path(file).name}" for file, folder in payload.data_files()}
    assert "engine/evaluation/modules/rouge/rouge.py" in inside
    assert "resources/models/flan-t5-small/model.safetensors" in inside
    assert not [name for name in inside if name.endswith((".gguf", ".pyc"))]


@pytest.mark.parametrize("name", ["torch/bin/torch_shm_manager", "torch/testing/_internal/__init__.py", "libGL.so.1"])
def test_what_torch_needs_is_not_dropped(name: str, payload: ModuleType) -> None:
    assert payload.without_unused([(name, "", "")])


@pytest.mark.parametrize(
    "name", ["libstdc++.so.6", "torch/include/ATen/ATen.h", "PySide6/Qt/lib/libQt6Quick.so.6", "a/b/libgcc_s.so.1"]
)
def test_what_nothing_loads_is_dropped(name: str, payload: ModuleType) -> None:
    assert payload.without_unused([(name, "", "")]) == []
