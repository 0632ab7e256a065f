"""The bill of materials of a package: a CycloneDX SBOM, and the licence of every part, gathered from what was built."""

from __future__ import annotations

import hashlib
import json
import platform
import re
import shutil
import subprocess
import sysconfig
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

import payload
from packaging.utils import canonicalize_name
from system_libraries import SetupError

SBOM, LICENCES, LIST = "sbom.cdx.json", "licences", "LICENCES.txt"
# Whatever is called so in a distribution's metadata or at the top of its package, and all of the folder for them.
LICENCE_FILE = re.compile(
    r"\.dist-info/licenses/.|(\.dist-info|^[^/]+)/[^/]*(licen[cs]e|copying|notice|authors|copyright)[^/]*(?<!\.py)$",
    re.IGNORECASE,
)
# Copyleft that would bind the whole program; the LGPL (Qt) and linking exceptions don't.
COPYLEFT = re.compile(r"(?<!L)(?<!Lesser )(AGPL|GPL|GNU (Affero )?General Public)", re.IGNORECASE)
UNSTATED = "see its licence text"
OWNED = re.compile(r"^([a-z0-9][a-z0-9+.-]+)(?::\w+)?: (/.+)$", re.MULTILINE)  # what `dpkg -S` shows
COPYLEFT_LIBRARIES = re.compile(r"lib(readline|gdbm|db-5)")


class BillError(SetupError):
    """The package holds something that may not be shipped, or that nobody can account for."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the package."""

    name: str
    version: str
    licence: str  # SPDX expression where its author gives one, else his own words
    kind: str  # CycloneDX: application, library, platform, machine-learning-model
    locator: str = ""  # package URL
    sha256: str = ""
    texts: tuple[tuple[str, bytes], ...] = field(default=(), repr=False)  # licence texts by file name


def write_bill(program: Path, parts: list[Part], *, beside: Path, version: str, made: int) -> None:
    """Write the SBOM, the licence texts and their list into the program's folder; the SBOM as `beside`, too.

    `made` is the commit's time: the same commit gives the same bytes. Raises BillError on copyleft.
    """
    forbidden = [f"{part.name} ({part.licence})" for part in parts if not may_be_shipped(part)]
    forbidden += sorted(path.name for path in program.rglob("lib*") if COPYLEFT_LIBRARIES.match(path.name))
    if forbidden:
        raise BillError(
            f"Not to be shipped under Apache-2.0: {', '.join(forbidden)}. Leave it out in packaging/payload.py."
        )
    folder = program / LICENCES
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(payload.REPOSITORY / "packaging" / "texts", folder)
    for part in parts:
        for number, (name, text) in enumerate(part.texts):
            middle = f"-{number}" if number else ""  # one flat folder: paths on Windows are short
            (folder / f"{part.name}{middle}-{name}").write_bytes(text)
    lines = [f"{part.name:32} {part.version:16} {part.licence}" for part in parts]
    head = "The parts of Vademecum and their licences; the texts lie in the folder licences.\n\n"
    (program / LIST).write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    content = json.dumps(cyclonedx(parts, version=version, made=made), indent=1, ensure_ascii=False) + "\n"
    for path in (program / SBOM, beside):
        path.write_text(content, encoding="utf-8")
    print(f"{len(parts)} parts")


def may_be_shipped(part: Part) -> bool:
    """Whether a part's licence leaves the program under its own. Where none is stated, its text is read."""
    if part.licence != UNSTATED:
        return not binds(part.licence)
    return bool(part.texts) and not any(COPYLEFT.search(text.decode("utf-8", "replace")) for _, text in part.texts)


def binds(licence: str) -> bool:
    """Whether a licence would bind the whole program: copyleft with neither an exception nor another choice."""
    return bool(COPYLEFT.search(licence)) and not re.search(r"exception|LGPL|\bOR\b", licence, re.IGNORECASE)


def interpreter() -> Part:
    """CPython itself."""
    text = Path(sysconfig.get_path("stdlib")) / "LICENSE.txt"
    texts = (("LICENSE.txt", text.read_bytes()),) if text.is_file() else ()
    version = platform.python_version()
    return Part("CPython", version, "PSF-2.0", "platform", f"pkg:generic/cpython@{version}", texts=texts)


def freezer() -> Part:
    """PyInstaller's bootloader: of all of PyInstaller the only piece that is in the package."""
    found = metadata.distribution("pyinstaller")
    licence = "GPL-2.0-or-later WITH Bootloader-exception"
    return Part("PyInstaller bootloader", found.version, licence, "library", f"pkg:pypi/pyinstaller@{found.version}")


def python_part(distribution: metadata.Distribution, pinned: dict[str, str]) -> Part:
    """One Python distribution, with its licence texts."""
    name = canonicalize_name(distribution.name)
    texts = [
        (Path(str(file)).name, Path(str(distribution.locate_file(file))).read_bytes())
        for file in distribution.files or ()
        if LICENCE_FILE.search(file.as_posix())
    ]
    return Part(
        name,
        distribution.version.partition("+")[0],
        licence_of(distribution.metadata),
        "library",
        f"pkg:pypi/{name}@{distribution.version.partition('+')[0]}",
        pinned.get(name, ""),
        tuple(sorted(texts)),
    )


def licence_of(described: Any) -> str:
    """What a distribution says its licence is: its expression, a short field, or its classifiers."""
    expression = described.get("License-Expression")
    if expression:
        return str(expression)
    short = str(described.get("License") or "").strip()
    classifiers = [
        line.rpartition(" :: ")[2] for line in described.get_all("Classifier") or () if line.startswith("License ::")
    ]
    if short and len(short) < 60 and "\n" not in short and short.upper() != "UNKNOWN":
        return short
    return " OR ".join(line for line in classifiers if line != "OSI Approved") or UNSTATED


def models(folder: Path) -> Iterator[Part]:
    """The bundled models that are in the package's folder of models; some are optional."""
    for model in json.loads((payload.REPOSITORY / "resources" / "models.json").read_bytes())["models"]:
        if not (folder / model["name"]).is_dir():
            continue
        package = model["package"].replace("@", "%40")  # npm's scopes, as package URLs write them
        yield Part(
            model["name"],
            model["version"],
            model["licence"],
            "machine-learning-model",
            f"pkg:{model.get('registry', 'pypi')}/{package}@{model['version']}",
            model["files"]["model.safetensors"],
        )


def system_libraries(internal: Path, sources: dict[str, str]) -> Iterator[Part]:
    """The distribution's own libraries that were collected, each Debian package once.

    `sources` tells where each file in the folder was taken from: a name alone doesn't, a Python of one's own has a
    library of the same name as Debian's.
    """
    # Debian's packages name their libraries in /lib or in /usr/lib, which are one folder.
    patterns = {f"{top}{source.removeprefix('/usr')}" for source in sources.values() for top in ("", "/usr")}
    shown = subprocess.run(["dpkg", "-S", *sorted(patterns)], capture_output=True, text=True, check=False).stdout
    owner_of = {path.removeprefix("/usr"): owner for owner, path in OWNED.findall(shown)}
    owners: dict[str, list[Path]] = {}
    for name, source in sorted(sources.items()):
        owner = owner_of.get(source.removeprefix("/usr"))
        if owner and (internal / name).is_file():
            owners.setdefault(owner, []).append(internal / name)
    for owner, files in sorted(owners.items()):
        asked = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Version}", owner], capture_output=True, text=True, check=True
        )
        copyright_file = Path("/usr/share/doc") / owner / "copyright"
        texts = (("copyright", copyright_file.read_bytes()),) if copyright_file.is_file() else ()
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()
        # Package URLs have every sign but these in percent form, Debian's "+" too.
        locator = f"pkg:deb/debian/{quote(owner)}@{quote(asked.stdout, safe=':')}"
        yield Part(owner, asked.stdout, f"see licences/{owner}-copyright", "library", locator, digest, texts)


def digests(lock: Path) -> dict[str, str]:
    """Return the SHA-256 of each distribution's archive, from the lock it was installed with."""
    return dict(
        re.findall(r"^([a-z0-9-]+)==[^ ]+ \\\n    --hash=sha256:([0-9a-f]{64})$", lock.read_text("utf-8"), re.M)
    )


def cyclonedx(parts: list[Part], *, version: str, made: int) -> dict[str, Any]:
    """Return the bill in CycloneDX 1.6."""
    components = [component(part) for part in parts]
    identity = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(components, sort_keys=True))
    root = {
        "type": "application",
        "bom-ref": f"vademecum@{version}",
        "name": "vademecum",
        "version": version,
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{identity}",
        "version": 1,
        "metadata": {"timestamp": datetime.fromtimestamp(made, UTC).isoformat(), "component": root},
        "components": components,
        "dependencies": [{"ref": root["bom-ref"], "dependsOn": [entry["bom-ref"] for entry in components]}],
    }


def component(part: Part) -> dict[str, Any]:
    """Return one part as CycloneDX has it."""
    value: dict[str, Any] = {
        "type": part.kind,
        "bom-ref": f"{part.name}@{part.version}",
        "name": part.name,
        "version": part.version,
        "licenses": [{"license": {"name": part.licence}}],
    }
    if part.locator:
        value["purl"] = part.locator
    if part.sha256:
        value["hashes"] = [{"alg": "SHA-256", "content": part.sha256}]
    return value
