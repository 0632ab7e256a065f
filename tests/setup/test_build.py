"""What freezing does on which system, with stand-ins for PyInstaller and macOS' tools."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The build script, pointed at a folder, with a PyInstaller that does nothing."""
    import build

    for name in ("DIST", "BUILD", "PROGRAM"):
        monkeypatch.setattr(build, name, tmp_path / name)
        (tmp_path / name).mkdir()
    monkeypatch.setattr(build, "INTERNAL", tmp_path / "INTERNAL")
    monkeypatch.setattr(build, "APP", tmp_path / "Vademecum.app")
    monkeypatch.setattr(build, "commit_time", lambda: 0)
    return build


@pytest.mark.parametrize(("macos", "slimmed"), [(True, []), (False, [("INTERNAL", "cv2.so")])])
def test_only_elf_is_slimmed(
    macos: bool, slimmed: list[tuple[str, str]], build: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str]] = []
    monkeypatch.setattr(build, "MACOS", macos)
    monkeypatch.setattr(build.subprocess, "run", lambda *arguments, **options: None)
    monkeypatch.setattr(build.opencv, "compiled_opencv", lambda folder: Path("cv2.so"))
    monkeypatch.setattr(build, "slim", lambda internal, opencv: seen.append((internal.name, opencv.name)))
    build.freeze()
    assert seen == slimmed
    assert (build.PROGRAM / "vademecum-engine").readlink() == Path("vademecum")


def test_the_bill_of_macos_lies_inside_the_bundle(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("PyInstaller")
    monkeypatch.setattr(build, "MACOS", True)
    build.INTERNAL.mkdir()
    build.write_bill()
    assert {path.name for path in build.INTERNAL.iterdir()} == {"LICENCES.txt", "licences", "sbom.cdx.json"}
    assert list(build.PROGRAM.iterdir()) == []
    assert [path.name for path in build.DIST.iterdir()] == [f"vademecum-{build.version()}-macos-arm64.sbom.cdx.json"]


def test_the_disk_image_holds_the_program_and_the_way_to_the_applications(
    build: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "hdiutil"
    tool.write_text('#!/bin/sh\nfor last; do :; done\nls "$6" > "$last"\n', encoding="utf-8")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(build, "MACOS", True)
    build.APP.mkdir()
    build.package()
    (image,) = build.DIST.glob("*.dmg")
    assert image.read_text("utf-8").split() == ["Applications", "Vademecum.app"]


def test_the_frozen_program_is_in_utf_8_whatever_the_locale() -> None:
    spec = (Path(__file__).parents[2] / "packaging" / "vademecum.spec").read_text("utf-8")
    assert 'utf8 = ("X utf8", None, "OPTION")' in spec  # as PyInstaller spells Python's option
    assert "    [utf8],\n" in spec


def test_without_pythons_headers_the_build_stops_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, build: ModuleType
) -> None:
    monkeypatch.setattr(build.sysconfig, "get_path", lambda name: str(tmp_path))
    monkeypatch.setattr(build.opencv, "compiled_opencv", lambda folder: pytest.fail("it went on"))
    with pytest.raises(build.SetupError, match=r"apt-get install python3\.11-dev"):
        build.freeze()
