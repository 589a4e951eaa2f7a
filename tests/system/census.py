# SPDX-License-Identifier: Apache-2.0
"""Counts what a daemon and its keeper have on the host. Numbers in names say nothing: two moments
are alike when as many things of each name exist."""
import collections
import ctypes
import os
import pathlib
import re
import socket
import sqlite3
import threading

LIBC = ctypes.CDLL(None, use_errno=True)


def in_namespace(path, action):
    """Calls action() on a thread of its own in the network namespace of that path; None when that
    is none any more."""
    result = []

    def body():
        try:
            handle = os.open(path, os.O_RDONLY)
        except OSError:
            return
        if LIBC.setns(handle, 0x40000000) == 0:  # CLONE_NEWNET
            result.append(action())
        os.close(handle)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    return result[0] if result else None


def nameless(names):
    return collections.Counter(re.sub(r"[0-9]+", "N", name) for name in names)


def descriptors(pid):
    """{number: what it is} of a process; of a tap, with the name of its interface."""
    found = {}
    for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(entry)
            if target == "/dev/net/tun":
                text = pathlib.Path(f"/proc/{pid}/fdinfo/{entry.name}").read_text()
                target += " " + re.search(r"iff:\s*(\S*)", text).group(1)
        except OSError:
            continue
        found[int(entry.name)] = target
    return found


def groups_of(name):
    """The control groups below those of a daemon, as the kernel has them now."""
    found = []
    for folder, names, _ in os.walk("/sys/fs/cgroup"):
        if os.path.basename(folder) == name:
            found += [os.path.join(at, each) for at, below, _ in os.walk(folder) for each in below]
            names.clear()
    return found


def members(name):
    """Processes of instances and spares."""
    found = set()
    for group in groups_of(name):
        try:
            found |= set(pathlib.Path(group, "cgroup.procs").read_text().split())
        except OSError:
            continue
    return found


def processes(lab):
    found = []
    for pid in members(lab.group):
        try:
            found.append(pathlib.Path(f"/proc/{pid}/comm").read_text().strip())
        except OSError:
            continue
    return found + ["keeper" for _ in lab.keepers()]


def namespaces_and_links(lab):
    """Distinct namespaces that keeper and daemon hold; the names of interfaces in the network ones.
    Names tell bridges, ports and the ends that instances have apart."""
    kinds, links, seen = [], [], set()
    for pid in [lab.daemon.pid, *lab.keepers()]:
        for number, target in descriptors(pid).items():
            kind = re.match(r"(net|user|mnt|pid):\[", target)
            if not kind or target in seen:
                continue
            seen.add(target)
            kinds.append(kind.group(1))
            if kind.group(1) == "net":
                names = in_namespace(f"/proc/{pid}/fd/{number}", socket.if_nameindex)
                links += [name for _, name in names or []]
    return kinds, links


def mounts(lab):
    found, seen = [], set()
    for task in pathlib.Path(f"/proc/{lab.daemon.pid}/task").iterdir():
        try:
            namespace = os.readlink(task / "ns/mnt")
            lines = (task / "mountinfo").read_text().splitlines()
        except OSError:
            continue
        if namespace not in seen:
            seen.add(namespace)
            found += [line.split()[4] for line in lines if str(lab.folder) in line]
    return found


def files(lab):
    found = []
    for folder, _, names in os.walk(lab.folder):
        if "/images/" in folder:
            continue
        found += [os.path.relpath(os.path.join(folder, name), lab.folder) for name in names
                  if not name.endswith(("-wal", "-shm"))]
    return [name for name in found if name.startswith(("state/", "run/"))]


def store(lab):
    rows = sqlite3.connect(f"file:{lab.folder}/state/vireo.db?mode=ro", uri=True)
    try:
        keys = [key for (key,) in rows.execute("select key from records")]
        numbers = [f"number {kind}" for (kind,) in rows.execute("select range from numbers")]
    finally:
        rows.close()
    return [key for key in keys if not key.startswith(("operation/", "event/"))] + numbers


def take(lab):
    kinds, links = namespaces_and_links(lab)
    keepers = [what for pid in lab.keepers() for what in descriptors(pid).values()]
    return {"processes": nameless(processes(lab)), "namespaces": nameless(kinds),
            "interfaces": nameless(links), "mounts": nameless(mounts(lab)),
            "control groups": nameless(groups_of(lab.group)), "files": nameless(files(lab)),
            "store": nameless(store(lab)), "descriptors of the keeper": nameless(keepers)}


def difference(before, after):
    """Lines for a person; none when both are alike."""
    lines = []
    for kind, counts in before.items():
        for name in sorted(set(counts) | set(after[kind])):
            if counts[name] != after[kind][name]:
                lines.append(f"{kind}: {name}: {counts[name]} before, {after[kind][name]} after")
    return lines
