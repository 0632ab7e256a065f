"""What an installation makes outside its folder: menu entry, file type, icon and commands. Knows no Qt."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

COMMANDS = ("vademecum", "vademecum-engine")
MIME_TYPE = "application/x-vademecum-workspace"

MIME_PACKAGE = f"""<?xml version="1.0" encoding="UTF-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="{MIME_TYPE}">
    <comment>Vademecum workspace</comment>
    <glob pattern="workspace.json" weight="80"/>
    <icon name="vademecum"/>
  </mime-type>
</mime-info>
"""


def desktop_entry(program: Path, *, shown: bool = True) -> str:
    """The desktop's menu entry (freedesktop.org, Desktop Entry Specification 1.5); not `shown`, it only opens files."""
    return (
        "[Desktop Entry]\nType=Application\nName=Vademecum\n"
        "Comment=Answers from your documents, on your machine\n"
        "Comment[de]=Antworten aus Ihren Dokumenten, auf Ihrem Rechner\n"
        f"{_exec_line(program)}\nIcon=vademecum\nTerminal=false\nCategories=Office;\n"
        f"MimeType={MIME_TYPE};\nStartupWMClass=vademecum\n" + ("" if shown else "NoDisplay=true\n")
    )


def make_entries(program: Path, *, home: Path, shortcuts: bool, association: bool) -> None:
    """Make what is wanted, so that it starts `program`. A file type needs an entry too, one that no menu shows."""
    desktop, mime, icon, *commands = _entries(home)
    if shortcuts or association:
        for path in (desktop, icon):
            path.parent.mkdir(parents=True, exist_ok=True)
        desktop.write_text(desktop_entry(program, shown=shortcuts), encoding="utf-8")
        shutil.copyfile(program / "_internal" / "resources" / "icons" / "vademecum.svg", icon)
    if shortcuts:
        for command in commands:
            command.parent.mkdir(parents=True, exist_ok=True)
            if command.is_symlink() or not command.exists():  # a person's own script of that name stays
                command.unlink(missing_ok=True)
                command.symlink_to(program / command.name)
    if association:
        mime.parent.mkdir(parents=True, exist_ok=True)
        mime.write_text(MIME_PACKAGE, encoding="utf-8")
    _refresh(home)


def has_entries(program: Path, *, home: Path) -> tuple[bool, bool]:
    """Whether `program` has shortcuts, and opens files of its type."""
    desktop, mime, *_ = _entries(home)
    if not _starts(desktop, program):
        return False, False
    return "NoDisplay=true" not in desktop.read_text("utf-8").split("\n"), mime.is_file()


def remove_entries(program: Path, *, home: Path) -> None:
    """Take away what starts `program`; what starts another copy stays, with the file type and the icon it needs."""
    desktop, mime, icon, *commands = _entries(home)
    if _starts(desktop, program):
        for path in (desktop, mime, icon):
            path.unlink(missing_ok=True)
    for command in commands:
        if command.is_symlink() and command.readlink() == program / command.name:
            command.unlink()
    _refresh(home)


def _starts(desktop: Path, program: Path) -> bool:
    """Whether the menu entry `desktop` is there and starts `program`."""
    return desktop.is_file() and _exec_line(program) in desktop.read_text("utf-8", errors="replace").split("\n")


def _exec_line(program: Path) -> str:
    command = str(program / "vademecum").replace("%", "%%")
    for character in ("\\", '"', "`", "$"):
        command = command.replace(character, f"\\{character}")
    command = command.replace("\\", "\\\\")  # once more: the value itself is an escaped string
    return f'Exec="{command}" %f'


def _entries(home: Path) -> list[Path]:
    """Everything outside the folder that an installation makes."""
    data = home / ".local" / "share"
    return [
        data / "applications" / "vademecum.desktop",
        data / "mime" / "packages" / "vademecum.xml",
        data / "icons" / "hicolor" / "scalable" / "apps" / "vademecum.svg",
        *(home / ".local" / "bin" / name for name in COMMANDS),
    ]


def _refresh(home: Path) -> None:
    """Tell the desktop; where it has no such tool it looks by itself."""
    data = home / ".local" / "share"
    for tool, folder in (("update-desktop-database", data / "applications"), ("update-mime-database", data / "mime")):
        if shutil.which(tool) and folder.is_dir():
            subprocess.run([tool, str(folder)], check=False, capture_output=True)  # noqa: S603 - a tool of the desktop
