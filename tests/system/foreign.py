# SPDX-License-Identifier: Apache-2.0
"""Root archives of programs of this machine, with the libraries that they need."""
import pathlib
import shutil
import subprocess
import tarfile


def libraries(program):
    words = subprocess.run(["ldd", program], text=True, capture_output=True).stdout.split()
    return {word for word in words if word.startswith("/")}


def pack(archive, *names):
    """A tar with these programs in /bin, and what they are linked with."""
    with tarfile.open(archive, "w") as tar:
        for folder in ("bin", "dev", "proc", "sys", "etc", "tmp"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        added = set()
        for name in names:
            program = pathlib.Path(shutil.which(name)).resolve()
            tar.add(program, f"bin/{name}")
            for library in libraries(program) - added:
                added.add(library)
                tar.add(pathlib.Path(library).resolve(), library)
    return archive
