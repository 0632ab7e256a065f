"""Compiles the parts of OpenCV that recognition needs, and puts them in the place of the whole in the frozen program.

Recognition turns pictures, cuts lines out of them and finds outlines. The wheel brings FFmpeg, AVIF, a second OpenBLAS
and Intel's primitives beside that: five times the size, for the same words read in the same time.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from importlib import metadata
from pathlib import Path

import pip_package
from system_libraries import SetupError

PACKAGE = "opencv-python-headless"
VERSION = "5.0.0.93"  # the lock's
SOURCE_SHA256 = "b82f9831daab90b725c7c1ee1b36cb5732c367096ac76d119e64e14eb70d5f3c"
MODULES = ("core", "geometry", "imgcodecs", "imgproc", "python3")
OFF = (
    "BUILD_DOCS", "BUILD_EXAMPLES", "BUILD_JAVA", "BUILD_OPENEXR", "BUILD_PERF_TESTS", "BUILD_SHARED_LIBS",
    "BUILD_TESTS", "BUILD_opencv_apps", "BUILD_opencv_python2", "OPENCV_GENERATE_PKGCONFIG",
    "WITH_ADE", "WITH_AVIF", "WITH_EIGEN", "WITH_FFMPEG", "WITH_FLATBUFFERS", "WITH_GDAL", "WITH_GDCM",
    "WITH_GSTREAMER", "WITH_GTK", "WITH_IMGCODEC_GIF", "WITH_IMGCODEC_HDR", "WITH_IMGCODEC_PFM", "WITH_IMGCODEC_PXM",
    "WITH_IMGCODEC_SUNRASTER", "WITH_IPP", "WITH_ITT", "WITH_JASPER", "WITH_JPEGXL", "WITH_LAPACK", "WITH_MLAS",
    "WITH_OPENCL", "WITH_OPENEXR", "WITH_OPENJPEG", "WITH_OPENMP", "WITH_PROTOBUF", "WITH_QT", "WITH_QUIRC", "WITH_TBB",
    "WITH_TIFF", "WITH_UNIFONT", "WITH_V4L", "WITH_VA", "WITH_WEBP",
)  # fmt: skip
ON = ("BUILD_JPEG", "BUILD_PNG", "BUILD_ZLIB", "BUILD_opencv_python3", "PYTHON3_LIMITED_API")
LIBRARY = "cv2.abi3.so"
UNUSED = ("data", "typing")  # beside it: faces to detect, and names of types that are not in the library any more


def slim_opencv(internal: Path, library: Path) -> None:
    """Put `library` in the place of the one in the folder of a frozen program, and take out what that needed."""
    shutil.copyfile(library, internal / "cv2" / LIBRARY)
    for folder in UNUSED:
        shutil.rmtree(internal / "cv2" / folder, ignore_errors=True)
    theirs = internal / "opencv_python_headless.libs"
    for link in internal.glob("*.so*"):  # PyInstaller puts a link to each at the top
        if link.is_symlink() and theirs in link.resolve().parents:
            link.unlink()
    shutil.rmtree(theirs)


def compiled_opencv(folder: Path) -> Path:
    """Return the library, compiled in `folder` unless it lies there already: some five minutes.

    Raises SetupError where the source or a tool is missing, or the lock has moved on to another version.
    """
    library = place(folder)
    if library.exists():
        return library
    if metadata.version(PACKAGE) != VERSION:
        raise SetupError(f"The lock has {PACKAGE} {metadata.version(PACKAGE)}: pin its source in packaging/opencv.py.")
    for tool, package in (("cmake", "cmake"), ("ninja", "ninja-build"), ("g++", "g++")):
        if shutil.which(tool) is None:
            raise SetupError(f"{tool} is not here: apt-get install {package}")
    library.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:  # OpenCV's own build takes no spaces in a path
        archive = pip_package.download_source(PACKAGE, VERSION, Path(scratch), digest=SOURCE_SHA256)
        with tarfile.open(archive) as packed:
            packed.extractall(scratch, filter="data")
        source, build = Path(scratch, archive.name.removesuffix(".tar.gz"), "opencv"), Path(scratch, "build")
        configure = ["cmake", "-S", source, "-B", build, "-G", "Ninja", *options(scratch)]
        subprocess.run(configure, check=True, stdout=subprocess.DEVNULL)
        # What getBuildInformation() tells names this machine.
        (build / "modules" / "core" / "version_string.inc").write_text(f'"OpenCV {VERSION}: {" ".join(MODULES)}"\n')
        places = build / "opencv_data_config.hpp"  # where it would look for samples: not in a folder that is gone
        places.write_text(places.read_text("utf-8").replace(str(build), "."), encoding="utf-8")
        subprocess.run(["ninja", "-C", build, "opencv_python3"], check=True, stdout=subprocess.DEVNULL)
        shutil.move(build / "lib" / "python3" / LIBRARY, library)
    return library


def place(folder: Path) -> Path:
    """Where the library lies in `folder`: each recipe has its own place, so that none made by an old one is taken."""
    recipe = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    return folder / f"{VERSION}-{recipe[:12]}" / LIBRARY


def options(scratch: str) -> list[str]:
    """What CMake is told. No path of this machine gets into the library: the same source gives the same bytes."""
    import numpy as np

    plain = f"-ffile-prefix-map={scratch}=."
    values = {
        "CMAKE_BUILD_TYPE": "Release",
        "CMAKE_C_FLAGS": plain,
        "CMAKE_CXX_FLAGS": plain,
        "CMAKE_INSTALL_PREFIX": "/usr",
        "BUILD_LIST": ",".join(MODULES),
        "CPU_DISPATCH": "AVX2",
        "PYTHON3_EXECUTABLE": sys.executable,
        "PYTHON_DEFAULT_EXECUTABLE": sys.executable,
        "PYTHON3_INCLUDE_DIR": sysconfig.get_path("include"),
        "PYTHON3_LIBRARY": "unused",
        "PYTHON3_NUMPY_INCLUDE_DIRS": np.get_include(),
        **dict.fromkeys(OFF, "OFF"),
        **dict.fromkeys(ON, "ON"),
    }
    return [f"-D{name}={value}" for name, value in values.items()]
