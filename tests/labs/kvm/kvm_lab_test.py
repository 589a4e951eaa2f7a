#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Unikernels on an ordinary KVM: a Debian kernel in QEMU's emulator, with AMD's virtualization, runs
the daemon and what `init` checks. Needs VIREO_BIN; keeps what it downloads below VIREO_LAB."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

BIN = pathlib.Path(os.environ["VIREO_BIN"])
LAB = pathlib.Path(os.environ["VIREO_LAB"])
HERE = pathlib.Path(__file__).resolve().parent
MODULES = ["kvm-amd", "tun", "veth", "bridge", "sch_ingress", "cls_bpf", "overlay", "crc32c_generic", "ext4", "virtio_pci",
           "virtio_blk"]
PROGRAMS = ["vireod", "vireo", "vireo-keeper", "vireo-enter", "vireo-unpack", "vireo-vmm"]


def run(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def fetch():
    """The kernel and a static busybox, unpacked, not installed."""
    root = LAB / "root"
    if (root / "complete").exists():
        return root
    shutil.rmtree(LAB, ignore_errors=True)
    root.mkdir(parents=True)
    kernel = re.search(r"Depends: (linux-image-\S+)", run("apt-cache", "depends",
                                                          "linux-image-amd64")).group(1)
    run("apt-get", "download", kernel, "busybox-static", cwd=LAB)
    for package in LAB.glob("*.deb"):
        run("dpkg", "-x", str(package), str(root))
        package.unlink()
    (root / "complete").touch()
    return root


def module_order(root):
    """Paths of the wanted modules, each behind those it depends on."""
    files = {path.stem.replace("-", "_"): path for path in root.glob("lib/modules/**/*.ko")}
    order = []

    def add(name):
        path = files.get(name.replace("-", "_"))
        if path is None or path in order:  # built in
            return
        depends = re.search(rb"\0depends=([^\0]*)\0", path.read_bytes())
        for other in filter(None, depends.group(1).decode().split(",")):
            add(other)
        order.append(path)

    for name in MODULES:
        add(name)
    return order


def libraries():
    found = set()
    for name in PROGRAMS:
        listing = subprocess.run(["ldd", BIN / name], capture_output=True, text=True).stdout
        found |= set(re.findall(r"(/\S+) \(0x", listing))
    return found


def fill(folder, root):
    for name in ["bin", "dev", "etc", "modules", "proc", "run", "sys", "tmp", "var", "vireo"]:
        (folder / name).mkdir()
    shutil.copy(root / "bin/busybox", folder / "bin/busybox")
    shutil.copy(HERE / "init", folder / "init")
    (folder / "init").chmod(0o755)
    (folder / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")
    (folder / "etc/group").write_text("root:x:0:\n")
    order = module_order(root)
    for path in order:
        shutil.copy(path, folder / "modules" / path.name)
    (folder / "modules/order").write_text("".join(path.name + "\n" for path in order))
    for name in PROGRAMS:
        shutil.copy(BIN / name, folder / "vireo" / name)
    (folder / "vireo/functions").mkdir()
    for path in (BIN / "functions").iterdir():
        shutil.copy(path, folder / "vireo/functions" / path.name)
    examples = HERE.parents[2] / "examples"
    shutil.copy(examples / "mixed-chain.yaml", folder / "etc/mixed-chain.yaml")
    with open(folder / "etc/own.tar", "wb") as own:
        subprocess.run([BIN / "sdk/build-function", examples / "functions/dns_filter.cc"],
                       check=True, stdout=own)
    for library in libraries():
        to = folder / library.lstrip("/")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(library, to)


def archive(folder, path):
    """In cpio's format `newc` (Documentation/driver-api/early-userspace/buffer-format.rst)."""
    with open(path, "wb") as out:

        def put(name, mode, content):
            fields = [0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
            head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
            out.write(head + b"\0" * (-len(head) % 4) + content + b"\0" * (-len(content) % 4))

        for each in sorted(folder.rglob("*")):
            content = each.read_bytes() if each.is_file() else b""
            put(str(each.relative_to(folder)), each.stat().st_mode, content)
        put("TRAILER!!!", 0, b"")


def boot(root, work):
    disk = work / "disk"
    with open(disk, "wb") as file:
        file.truncate(300 << 20)
    run("/sbin/mkfs.ext4", "-q", "-F", str(disk))
    kernel = next(root.glob("boot/vmlinuz-*"))
    command = ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "max", "-m", "2048",
               "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio",
               "-no-reboot", "-kernel", kernel, "-initrd", work / "initrd",
               "-drive", f"file={disk},if=virtio,format=raw",
               "-append", "console=ttyS0 quiet panic=-1 nokaslr mitigations=off"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=800)
    return done.stdout.decode(errors="replace").replace("\r", "")


def main():
    root = fetch()
    with tempfile.TemporaryDirectory(prefix="vireo-kvm-lab-") as temporary:
        work = pathlib.Path(temporary)
        (work / "folder").mkdir()
        fill(work / "folder", root)
        archive(work / "folder", work / "initrd")
        text = boot(root, work)
    print(text)
    bad = len(re.findall(r"^CHECK .*: FAILED$", text, re.M))
    good = len(re.findall(r"^CHECK .*: ok$", text, re.M))
    print(f"{good} checks passed, {bad} failed")
    sys.exit(0 if good > 0 and bad == 0 and "LAB done" in text else 1)


main()
