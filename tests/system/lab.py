# SPDX-License-Identifier: Apache-2.0
"""A private daemon for a test: everything in a temporary folder, in the network and mount namespaces
that the test was started in (`unshare --net --mount`). Traffic stays between those."""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import census

BIN = pathlib.Path(os.environ["VIREO_BIN"])


def eventually(what, condition, seconds=10.0):
    """Waits until condition() is true, and fails with `what` when it never is."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {seconds} s: {what}")
        time.sleep(0.01)


class Lab:
    def __init__(self, *options, pool=2):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vireo-system-"))
        self.socket = self.folder / "vireod.sock"
        self.options = ["--pool", str(pool), "--keep-loaded", "0", *options]
        self.daemon = None
        self.group = None
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        self.start()
        self.group = self.own_group()

    def start(self):
        with open(self.folder / "log", "ab") as log:
            self.daemon = subprocess.Popen(
                [BIN / "vireod", "--ephemeral", *self.options, "--socket", self.socket,
                 "--state-dir", self.folder / "state", "--runtime-dir", self.folder / "run"],
                stdout=log, stderr=log)
        eventually("the daemon answers", lambda: self.answers())

    def answers(self):
        if self.daemon.poll() is not None:
            raise AssertionError("the daemon ended:\n" + self.log())
        return self.socket.exists() and self.vireo("ps", check=False).returncode == 0

    def log(self):
        return (self.folder / "log").read_text()[-4000:]

    def kill(self):
        """As a crash: nothing is tidied up."""
        self.daemon.kill()
        self.daemon.wait()

    def vireo(self, *words, check=True, **options):
        done = subprocess.run([BIN / "vireo", "--socket", self.socket, *words], text=True,
                              capture_output=True, timeout=120, **options)
        if check and done.returncode != 0:
            raise AssertionError(f"vireo {' '.join(map(str, words))}: {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}\n{self.log()}")
        return done

    def json(self, *words):
        return json.loads(self.vireo(*words, "--output", "json").stdout)

    def descriptor(self, text, name="service.yaml"):
        path = self.folder / name
        path.write_text(text)
        return path

    def rows(self):
        return {row["function"]: row for row in self.json("ps")}

    def own_group(self):
        """The control group of this daemon: what its first spare is in."""
        def found():
            for keeper in self.keepers():
                for child in self.children(keeper):
                    name = re.search(r"/(vireo-[0-9a-f]+)/",
                                     pathlib.Path(f"/proc/{child}/cgroup").read_text())
                    if name:
                        return name.group(1)
            return None
        return eventually("a spare is in a control group", found)

    def children(self, pid):
        try:
            return pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        except OSError:
            return []

    def keepers(self):
        return [pid for pid, text in self.processes() if b"vireo-keeper\0" in text]

    def pid_of(self, function):
        return eventually(f"a process of {function}",
                          lambda: self.json("inspect", function).get("pid"))

    def get(self, path):
        done = subprocess.run(["curl", "-sS", "--fail", "--max-time", "20", "--unix-socket",
                               self.socket, f"http://vireo{path}"], text=True, capture_output=True)
        if done.returncode != 0:
            raise AssertionError(f"GET {path}: {done.stderr}{done.stdout}")
        return done.stdout

    def under_way(self):
        """Operations that have not ended."""
        ended = ("COMPLETED", "FAILED", "FAILED_TEMP", "ROLLED_BACK")
        return [each for each in json.loads(self.get("/v1/operations"))
                if each["state"] not in ended]

    def settled(self, service):
        """All its functions run."""
        rows = [row for name, row in self.rows().items() if name.startswith(service + "/")]
        return bool(rows) and all(row["state"] == "running" for row in rows)

    def processes(self):
        """Processes that were told of our folder: daemon, keeper, commands."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                text = (entry / "cmdline").read_bytes()
            except (OSError, ValueError):
                continue
            if str(self.folder).encode() in text and entry.name != str(os.getpid()):
                found.append((entry.name, text))
        return found

    def census(self):
        return census.take(self)

    def rested(self):
        """A census that does not change any more: the pools are full."""
        last = [None]

        def same():
            now = self.census()
            alike = last[0] is not None and not census.difference(last[0], now)
            last[0] = now
            time.sleep(0.2)
            return alike
        eventually("the pools are full", same)
        return last[0]

    def same_as(self, before, seconds=20.0):
        """Waits until the host is as it was; the failure says what differs."""
        last = []

        def same():
            last[:] = census.difference(before, self.census())
            return not last
        try:
            eventually("the host is as before", same, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n" + "\n".join(last)) from None

    def close(self):
        """Ends the daemon, which removes everything, and counts what is left."""
        if self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGTERM)
            self.daemon.wait(timeout=60)
        eventually("no process is left", lambda: not self.processes(), 15)
        eventually("no control group is left", lambda: not census.groups_of(self.group), 15)
        mounts = [line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()
                  if str(self.folder) in line]
        links = [line for line in subprocess.run(["ip", "-o", "link"], text=True, check=True,
                                                 capture_output=True).stdout.splitlines()
                 if ": lo:" not in line]
        shutil.rmtree(self.folder, ignore_errors=True)
        if mounts or links:
            raise AssertionError(f"left behind: {mounts} {links}")
