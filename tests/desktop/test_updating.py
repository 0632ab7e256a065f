"""An update from a file is checked before anything of it runs, and what is in use stays when it is not right."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from desktop.installation import updating
from desktop.installation.placing import Choices, InstallError, install, rollback
from desktop.installation.updating import KEY, SIGNATURE, SUMS, update
from tests.desktop.test_installation import package, said

SIGNER = Ed25519PrivateKey.from_private_bytes(bytes(32))
STRANGER = Ed25519PrivateKey.from_private_bytes(bytes(31) + b"\1")


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Version 1 in use, on a machine whose administrator has installed no key."""
    monkeypatch.setattr(updating, "settings_path", lambda: tmp_path / "etc" / "settings.toml")
    (tmp_path / "etc").mkdir()
    return install(package(tmp_path / "one", "1"), Choices(tmp_path / "opt ä", False, False), home=tmp_path)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A stand-in for a .run file: it does to the program's folder what the installer of version 2 does."""
    folder = tmp_path / "stick ä 中"
    folder.mkdir()
    path = folder / "vademecum-2-linux-x86_64.run"
    path.write_text(
        '#!/bin/sh\n[ "$1" = --silent ] && [ "$2" = --folder ] || exit 2\nmv "$3/program" "$3/previous"\n'
        'mkdir -p "$3/program/_internal"\nprintf "#!/bin/sh\\necho 2\\n" > "$3/program/vademecum"\n'
        'chmod +x "$3/program/vademecum"\necho "Vademecum is installed in $3/program"\n',
        encoding="utf-8",
    )
    return path


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
    assert [path.name for path in tmp_path.glob(".update-*")] == []
    rollback(program.parent)
    assert said(program) == "1"


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
    file.write_text(file.read_text("utf-8") + "echo changed\n", encoding="utf-8")
    with pytest.raises(InstallError, match="is not the file that SHA256SUMS lists"):
        update(file, program)
    assert said(program) == "1"


def test_an_installer_that_fails_is_quoted(program: Path, file: Path) -> None:
    file.write_text("echo This file is damaged: copy it again. >&2\nexit 1\n", encoding="utf-8")
    with pytest.raises(InstallError, match="The update was not installed: This file is damaged"):
        update(file, program)
    assert said(program) == "1"


def test_a_program_of_the_whole_machine_is_left_to_its_administrator(file: Path, tmp_path: Path) -> None:
    with pytest.raises(InstallError, match="installed for the whole machine"):
        update(file, package(tmp_path / "vademecum", "1"))


def test_a_key_that_is_none_is_named(program: Path, file: Path, tmp_path: Path) -> None:
    (tmp_path / "etc" / KEY).write_text("no key", encoding="utf-8")
    list_it(file, SIGNER)
    with pytest.raises(InstallError, match="is not a public key"):
        update(file, program)
