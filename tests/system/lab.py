# SPDX-License-Identifier: Apache-2.0
"""A private daemon for a test: everything in a temporary folder, in the network and mount namespaces
that the test was started in (`unshare --net --mount`). Traffic stays between those."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

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
    def __init__(self, pool=2):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vireo-system-"))
        self.socket = self.folder / "vireod.sock"
        self.pool = pool
        self.daemon = None
        self.start()

    def start(self):
        log = open(self.folder / "log", "ab")
        self.daemon = subprocess.Popen(
            [BIN / "vireod", "--ephemeral", "--pool", str(self.pool),
             "--state-dir", self.folder / "state", "--runtime-dir", self.folder / "run",
             "--socket", self.socket], stdout=log, stderr=log)
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

    def processes(self):
        """Processes of instances and keeper: those that know of our folder, or live in our groups."""
        found = []
        for entry in pathlib.Path("/proc").iterdir():
            try:
                text = (entry / "cmdline").read_bytes()
            except (OSError, ValueError):
                continue
            if str(self.folder).encode() in text and entry.name != str(os.getpid()):
                found.append((entry.name, text))
        return found

    def close(self):
        """Ends the daemon, which removes everything, and counts what is left."""
        if self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGTERM)
            self.daemon.wait(timeout=60)
        eventually("no process is left", lambda: not self.processes(), 15)
        mounts = [line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()
                  if str(self.folder) in line]
        links = [line for line in subprocess.run(["ip", "-o", "link"], text=True, check=True,
                                                 capture_output=True).stdout.splitlines()
                 if ": lo:" not in line]
        shutil.rmtree(self.folder, ignore_errors=True)
        if mounts or links:
            raise AssertionError(f"left behind: {mounts} {links}")
