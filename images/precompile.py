"""Bytecode for an image, and nothing in it that is not run. Called by images/Dockerfile.

    python3 precompile.py base MODE                  the base image's own Python
    python3 precompile.py packages|application MODE DIRECTORY
    python3 precompile.py writable MODE DIRECTORY    the application, for development

MODE says how a .pyc is held valid (PEP 552): `unchecked-hash` never looks at the source again,
`timestamp` and `checked-hash` do. Ends with 1 when a file cannot be compiled.
"""

import compileall
import os
import py_compile
import shutil
import sys
import sysconfig
from collections.abc import Iterable
from pathlib import Path

# Of the standard library: installers, desktop programs and tests, none of which a server imports.
UNUSED_MODULES = ("ensurepip", "idlelib", "lib2to3", "pydoc_data", "test", "tkinter", "turtledemo")
INSTALLERS = ("pip", "setuptools", "wheel", "pkg_resources", "_distutils_hack")
APPLICATION = ("cli", "common", "echo_provider", "functions")
APPLICATION_UID = 65532


def main(what: str, mode: str, *arguments: str) -> int:
    """Do one of the above; 0 when all was compiled."""
    invalidation = py_compile.PycInvalidationMode[mode.replace("-", "_").upper()]
    if what == "base":
        library = Path(sysconfig.get_path("stdlib"))
        _remove([library / name for name in UNUSED_MODULES])
        _remove(_installers(Path(sysconfig.get_path("purelib"))))
        return 0 if _compile(library, invalidation, "") else 1
    root = Path(arguments[0])
    if what == "packages":
        _remove(
            found
            for packages in root.glob("lib/python3*/site-packages")
            for pattern in ("*/tests", "*/test", "**/*.pyi", "**/__pycache__")
            for found in packages.glob(pattern)
        )
        return 0 if _compile(root / "lib", invalidation, "") else 1
    if what == "application":
        # Tracebacks and coverage name the place where the files will lie.
        return 0 if _compile(root, invalidation, str(root)) else 1
    return 0 if _make_writable(root, invalidation) else 1


def _make_writable(root: Path, mode: py_compile.PycInvalidationMode) -> bool:
    done = True
    for packages in root.glob("lib/python3*/site-packages"):
        for name in APPLICATION:
            done = _compile(packages / name, mode, "") and done
            for path in (packages / name, *(packages / name).rglob("*")):
                os.chown(path, APPLICATION_UID, APPLICATION_UID)
    return done


def _compile(directory: Path, mode: py_compile.PycInvalidationMode, strip: str) -> bool:
    return bool(
        compileall.compile_dir(
            directory,
            maxlevels=32,
            force=True,
            quiet=1,
            workers=0,
            invalidation_mode=mode,
            stripdir=strip or None,
            prependdir="/" if strip else None,
        )
    )


def _installers(packages: Path) -> list[Path]:
    return [
        found
        for name in INSTALLERS
        for pattern in (name, f"{name}-*.dist-info", f"{name}-*.egg-info")
        for found in packages.glob(pattern)
    ]


def _remove(paths: Iterable[Path]) -> None:
    for path in list(paths):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
