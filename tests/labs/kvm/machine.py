# SPDX-License-Identifier: Apache-2.0
"""A virtual machine with a Debian kernel in QEMU's emulator, which has AMD's virtualization; its first
file system is a folder. Keeps what it downloads below VIREO_LAB."""
import os
import pathlib
import re
import shutil
import subprocess
import time

LAB = pathlib.Path(os.environ["VIREO_LAB"])
MODULES = ["kvm-amd", "tun", "veth", "bridge", "sch_ingress", "cls_bpf", "overlay", "crc32c_generic", "ext4", "virtio_pci",
           "virtio_blk"]


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


def archive(folder, path):
    """In cpio's format `newc` (Documentation/driver-api/early-userspace/buffer-format.rst)."""
    with open(path, "wb") as out:

        def put(name, mode, content):
            fields = [0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
            head = b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
            out.write(head + b"\0" * (-len(head) % 4) + content + b"\0" * (-len(content) % 4))

        for each in sorted(folder.rglob("*")):
            content = b""
            if each.is_symlink():
                content = os.readlink(each).encode()
            elif each.is_file():
                content = each.read_bytes()
            put(str(each.relative_to(folder)), each.lstat().st_mode, content)
        put("TRAILER!!!", 0, b"")


def start(root, initrd, disk, words):
    """A running machine whose output is its console; `words` are for its first process."""
    with open(disk, "wb") as file:
        file.truncate(300 << 20)
    run("/sbin/mkfs.ext4", "-q", "-F", str(disk))
    kernel = next(root.glob("boot/vmlinuz-*"))
    command = ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "max", "-m", "2048",
               "-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio",
               # Its clock counts instructions: deadlines do not pass while the host is busy.
               "-icount", "shift=2", "-no-reboot", "-kernel", kernel, "-initrd", initrd,
               "-drive", f"file={disk},if=virtio,format=raw",
               "-append", f"console=ttyS0 quiet panic=-1 nokaslr mitigations=off {words}"]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)


def console_of(process, deadline):
    """What the machine said until it ended, on time.monotonic()'s clock."""
    try:
        said, _ = process.communicate(timeout=max(1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
        said, _ = process.communicate()
        said += b"\nthe machine did not end in time\n"
    return said.decode(errors="replace").replace("\r", "")
