#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Vireo on an ordinary KVM with version 2 of control groups and AppArmor: two machines at a time, one
runs the daemon and what `checks` looks at, the other the test programs that `suites` names. Needs
VIREO_BIN, and VIREO_SUITES, the test programs that this build has."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

import machine

BIN = pathlib.Path(os.environ["VIREO_BIN"])
HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = ["vireod", "vireo", "vireo-keeper", "vireo-enter", "vireo-unpack", "vireo-vmm"]
SUITES = os.environ["VIREO_SUITES"].split(",")
# What test programs run; each is only there if the part that it tests is.
OF_SUITES = ["driver_probe_program", "fake_vmm", "unikernel_probe"]
PARTS = ["checks", "suites"]


def libraries(programs):
    found = set()
    for program in programs:
        listing = subprocess.run(["ldd", program], capture_output=True, text=True).stdout
        found |= set(re.findall(r"(/\S+) \(0x", listing))
    return found


def put_programs(folder):
    """At their own paths, which test programs know, without what only a debugger reads."""
    to = folder / str(BIN).lstrip("/")
    (to / "functions").mkdir(parents=True)
    (folder / "vireo").symlink_to(BIN)
    programs = [BIN / name for name in PROGRAMS + SUITES + OF_SUITES if (BIN / name).exists()]
    for program in programs:
        machine.run("strip", "-o", to / program.name, program)
    for path in (BIN / "functions").iterdir():
        shutil.copy(path, to / "functions" / path.name)
    for library in libraries(programs):
        at = folder / library.lstrip("/")
        at.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, at)


def fill(folder, root):
    for name in ["bin", "dev", "etc", "modules", "proc", "run", "sys", "tmp", "var"]:
        (folder / name).mkdir()
    shutil.copy(root / "bin/busybox", folder / "bin/busybox")
    for name in ["init"] + PARTS:
        shutil.copy(HERE / name, folder / name)
        (folder / name).chmod(0o755)
    (folder / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    (folder / "etc/group").write_text("root:x:0:\n")
    (folder / "etc/suites").write_text(" ".join(SUITES))
    order = machine.module_order(root)
    for path in order:
        shutil.copy(path, folder / "modules" / path.name)
    (folder / "modules/order").write_text("".join(path.name + "\n" for path in order))
    examples = HERE.parents[2] / "examples"
    shutil.copy(examples / "mixed-chain.yaml", folder / "etc/mixed-chain.yaml")
    with open(folder / "etc/own.tar", "wb") as own:
        subprocess.run([BIN / "sdk/build-function", examples / "functions/dns_filter.cc"],
                       check=True, stdout=own)
    put_programs(folder)


def main():
    parts = sys.argv[1:] or PARTS
    root = machine.fetch()
    with tempfile.TemporaryDirectory(prefix="vireo-kvm-lab-") as temporary:
        work = pathlib.Path(temporary)
        (work / "folder").mkdir()
        fill(work / "folder", root)
        machine.archive(work / "folder", work / "initrd")
        started = [machine.start(root, work / "initrd", work / part, f"part={part}")
                   for part in parts]
        deadline = time.monotonic() + 1200
        text = "".join(machine.console_of(each, deadline) for each in started)
    print(text)
    bad = len(re.findall(r"^CHECK .*: FAILED$", text, re.M))
    good = len(re.findall(r"^CHECK .*: ok$", text, re.M))
    print(f"{good} checks passed, {bad} failed")
    sys.exit(0 if good > 0 and bad == 0 and text.count("LAB done") == len(parts) else 1)


main()
