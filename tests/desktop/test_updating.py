"""An update from a file is checked before anything of it runs, and what is in use stays when it is not right."""

from __future__ import annotations

import errno
import hashlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from desktop.installation import updating
from desktop.installation.entries import make_entries
from desktop.installation.placing import Choices, InstallError, install, rollback
from desktop.installation.updating import KEY, SIGNATURE, SUMS, update
from tests.desktop.test_installation import package, said

REPOSITORY = Path(__file__).parents[2]
# Does to the program's folder what the installer does. Called with --install --unpacked --silent --folder FOLDER.
INSTALLER = """#!/bin/sh
[ "$1" = --install ] || { echo 2; exit; }
[ "$3 $4" = "--silent --folder" ] || exit 2
mv "$5/program" "$5/previous"
cp -R "$(dirname "$0")" "$5/program"
echo "Vademecum is installed in $5/program"
"""

SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(32))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Version 1 in use, on a machine whose administrator has installed no key."""
    monkeypatch.setattr(updating, "settings_path", lambda: tmp_path / "etc" / "settings.toml")
    (tmp_path / "etc").mkdir()
    return install(package(tmp_path / "one", "1"), Choices(tmp_path / "opt ä", False, False), home=tmp_path)


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Make the .run file of version 2, as the build does, around a program that is this script."""
    monkeypatch.syspath_prepend(str(REPOSITORY / "packaging"))
    import linux_packages

    def make(script: str) -> Path:
        new = package(tmp_path / "new" / "vademecum", "2")
        (new / "vademecum").write_text(script, encoding="utf-8")
        (new / "LICENCES.txt").write_text("Apache-2.0", encoding="utf-8")
        folder = tmp_path / "stick ä 中"
        folder.mkdir()
        data = linux_packages.make_data(new, tmp_path, made=0)
        return linux_packages.make_run(new, data, folder, version="2", made=0)

    return make


@pytest.fixture
def file(made: Callable[[str], Path]) -> Path:
    return made(INSTALLER)


def list_it(file: Path, signer: Ed25519PrivateKey | None = None) -> None:
    content = f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n".encode()
    (file.parent / SUMS).write_bytes(content)
    if signer:
        (file.parent / SIGNATURE).write_bytes(signer.sign(content))


def trust(tmp_path: Path, signer: Ed25519PrivateKey) -> None:
    pem = signer.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "etc" / KEY).write_bytes(pem)


def test_a_signed_update_is_installed_and_taken_back(program: Path, file: Path, tmp_path: Path) -> None:
    trust(tmp_path, SIGNER)
    list_it(file, SIGNER)
    assert update(file, program).splitlines()[-1] == "It is signed by a key this machine knows."
    assert said(program) == "2"
    assert sorted(path.name for path in program.parent.iterdir()) == ["previous", "program"]
    rollback(program.parent)
    assert said(program) == "1"


@pytest.mark.parametrize(
    ("shortcuts", "association", "left_out"),
    [
        (True, True, []),
        (True, False, ["--no-association"]),
        (False, True, ["--no-shortcuts"]),
        (False, False, ["--no-shortcuts", "--no-association"]),
    ],
)
def test_an_update_makes_no_entries_that_were_not_wanted(
    program: Path, made: Callable[[str], Path], tmp_path: Path, shortcuts: bool, association: bool, left_out: list[str]
) -> None:
    make_entries(program, home=tmp_path, shortcuts=shortcuts, association=association)
    said_by_it = update(made(INSTALLER + 'shift 5\necho "left out:" "$@"\n'), program, home=tmp_path)
    assert " ".join(["left out:", *left_out]) in said_by_it.splitlines()


def test_without_a_key_the_digest_counts_and_it_says_so(program: Path, file: Path) -> None:
    list_it(file)
    assert "whose list that is was not checked" in update(file, program)
    assert said(program) == "2"


def test_without_key_and_list_the_file_checks_itself_alone(program: Path, file: Path) -> None:
    assert "Its origin was not checked" in update(file, program)


@pytest.mark.parametrize("signer", [None, STRANGER], ids=["unsigned", "another's"])
def test_where_a_key_is_known_nothing_else_is_installed(
    program: Path, file: Path, tmp_path: Path, signer: Ed25519PrivateKey | None
) -> None:
    trust(tmp_path, SIGNER)
    with pytest.raises(InstallError, match="SHA256SUMS is missing"):
        update(file, program)
    list_it(file, signer)
    with pytest.raises(InstallError, match="not signed by a key this machine knows"):
        update(file, program)
    assert said(program) == "1"


def test_a_file_changed_after_it_was_signed_is_refused(program: Path, file: Path, tmp_path: Path) -> None:
    trust(tmp_path, SIGNER)
    list_it(file, SIGNER)
    file.write_bytes(file.read_bytes() + b"changed")
    with pytest.raises(InstallError, match="is not the file that SHA256SUMS lists"):
        update(file, program)
    assert said(program) == "1"


@pytest.mark.parametrize("content", [b"", bytes(4096), b"touch run\n"], ids=["empty", "zeros", "notes"])
def test_nothing_but_our_package_is_run(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "notes.txt"
    other.write_bytes(content)
    with pytest.raises(InstallError, match=r"notes\.txt is not a \.run file of Vademecum"):
        update(other, program)
    assert not (tmp_path / "run").exists()
    assert said(program) == "1"


@pytest.mark.parametrize(
    ("kept", "reason"),
    [
        (100, "or only its beginning"),
        (1500, r"\.run is damaged"),
        (5000, r"\.run is damaged"),
        (-1, r"\.run is damaged"),
    ],
)
def test_a_package_that_was_not_copied_whole_is_not_run(program: Path, file: Path, kept: int, reason: str) -> None:
    file.write_bytes(file.read_bytes()[:kept])
    with pytest.raises(InstallError, match=reason):
        update(file, program)
    assert said(program) == "1"


def test_an_installer_that_fails_is_quoted_whole(program: Path, made: Callable[[str], Path]) -> None:
    file = made("#!/bin/sh\necho It does not fit. >&2\necho Choose another disk. >&2\nexit 1\n")
    with pytest.raises(InstallError, match=r"The update was not installed: It does not fit\. Choose another disk\."):
        update(file, program)
    assert said(program) == "1"


def test_an_installer_that_does_nothing_is_no_update(program: Path, made: Callable[[str], Path]) -> None:
    with pytest.raises(InstallError, match="The update was not installed"):
        update(made("#!/bin/sh\n"), program)
    assert said(program) == "1"


def test_an_update_that_only_lacks_its_entries_is_in_use(program: Path, made: Callable[[str], Path]) -> None:
    file = made(f"{INSTALLER}echo Its entries fail. >&2\nexit 1\n")
    with pytest.raises(InstallError, match=r"^Its entries fail\.$") as told:
        update(file, program)
    assert told.value.hint == "Version 2 is in use."
    assert said(program) == "2"


def test_the_copy_that_runs_lies_in_the_programs_own_folder(
    program: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[Path] = []
    run = subprocess.run

    def noted(command: list[Path], **options: object) -> object:
        places.append(command[1].parent.parent)
        return run(command, **options)

    monkeypatch.setattr(updating.subprocess, "run", noted)
    update(file, program)
    assert places == [program.parent]


def test_a_full_disk_is_told_from_a_folder_that_can_not_be_written(
    program: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for code, hint in ((errno.ENOSPC, "Make room"), (errno.EACCES, "ask whoever looks after this machine")):

        def fail(*_: object, code: int = code) -> None:
            raise OSError(code, "it failed")

        monkeypatch.setattr(shutil, "copyfile", fail)
        with pytest.raises(InstallError, match=r"can't be copied to .*: it failed") as refused:
            update(file, program)
        assert hint in refused.value.hint


def test_a_program_of_the_whole_machine_is_left_to_its_administrator(file: Path, tmp_path: Path) -> None:
    with pytest.raises(InstallError, match=r"was not put there by a \.run file") as refused:
        update(file, package(tmp_path / "vademecum", "1"))
    assert "apt-get install" in refused.value.hint


def test_a_key_that_is_none_is_named(program: Path, file: Path, tmp_path: Path) -> None:
    (tmp_path / "etc" / KEY).write_text("no key", encoding="utf-8")
    list_it(file, SIGNER)
    with pytest.raises(InstallError, match="is not a public key"):
        update(file, program)


def test_a_key_that_may_not_be_read_is_named(
    program: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> tuple[Path, ...]:
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "etc" / KEY))

    monkeypatch.setattr(updating, "known_keys", refuse)  # root may read everything
    with pytest.raises(InstallError, match=rf"whose .*\.run is: {tmp_path}/etc/release\.pem can't be read: Permission"):
        update(file, program)
    assert said(program) == "1"
