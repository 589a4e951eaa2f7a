#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a user types beside `run`: exec, logs, events, wait, changes; and how each of them ends."""
import json
import os
import pathlib
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unittest
from fcntl import ioctl

from lab import BIN, Lab, eventually
import foreign
import report

TALK = """
vireo: 1
service: talk
functions:
  sh:
    image: test/sh
    command: [ /bin/sh, -c, 'trap exit TERM; n=0; while :; do n=$((n+1)); echo line $n; sleep 0.05; done' ]
    resources: { cpus: 1, memory: 64MiB, pids: 32 }
    ports: [ { link: lan, address: 10.30.0.10 } ]
  peer: { image: vireo/responder, config: { tcp: accept }, ports: [ { link: lan, address: 10.30.0.11 } ] }
links:
  lan: { subnet: 10.30.0.0/24, host: 10.30.0.1 }
"""
QUIET = TALK.replace(", config: { tcp: accept }", "")


def until(stream, pattern, seconds=10.0):
    """Reads until the pattern is there; what came so far otherwise is the failure."""
    got, deadline = "", time.monotonic() + seconds
    while not re.search(pattern, got):
        left = deadline - time.monotonic()
        ready, _, _ = select.select([stream], [], [], max(left, 0))
        piece = os.read(stream if isinstance(stream, int) else stream.fileno(), 4096) if ready \
            else b""
        if not piece:
            raise AssertionError(f"{pattern!r} did not come; there was {got!r}")
        got += piece.decode(errors="replace")
    return got


class Verbs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.vireo("image", "build", "all")
        root = foreign.pack(cls.lab.folder / "sh.tar", "sh", "cat", "sleep", "stty", "tty", "kill")
        cls.lab.vireo("image", "import", root, "--name", "test/sh")

    def setUp(self):
        self.file = self.lab.descriptor(QUIET)
        self.lab.vireo("run", self.file)
        self.lab.vireo("wait", "talk", "--timeout", "20s")

    def tearDown(self):
        self.lab.vireo("rm", "--all")

    def code(self, *words, **options):
        return self.lab.vireo(*words, check=False, **options).returncode

    def start(self, *words, **options):
        process = subprocess.Popen([BIN / "vireo", "--socket", self.lab.socket, *words],
                                   stdout=subprocess.PIPE, **options)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def instances(self):
        return {name: row["instance"] for name, row in self.lab.rows().items()}

    # Exec.

    def test_exec_gives_output_and_exit_code(self):
        done = self.lab.vireo("exec", "talk/sh", "--", "/bin/sh", "-c",
                              "echo out; echo err >&2; exit 7", check=False)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (7, "out\n", "err\n"))
        self.assertEqual(self.code("exec", "talk/sh", "--", "/bin/sh", "-c", "kill -9 $$"), 137)
        self.assertNotEqual(self.code("exec", "talk/sh", "--", "/bin/none"), 0)
        self.assertEqual(self.code("exec", "talk/none", "--", "/bin/sh"), 1)

    def test_exec_takes_standard_input_to_its_end(self):
        text = "".join(f"row {n}\n" for n in range(20_000))
        done = self.lab.vireo("exec", "-i", "talk/sh", "--", "/bin/cat", input=text)
        self.assertEqual(done.stdout, text)

    def test_exec_with_a_terminal(self):
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 101, 0, 0))
        process = subprocess.Popen([BIN / "vireo", "--socket", self.lab.socket, "exec", "-t", "-i",
                                    "talk/sh", "--", "/bin/sh"], stdin=theirs, stdout=theirs,
                                   stderr=theirs)
        os.close(theirs)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        os.write(ours, b"tty; stty size\n")
        until(ours, r"/dev/pts/\d+\s+33 101")
        ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 44, 55, 0, 0))
        process.send_signal(signal.SIGWINCH)
        # The new size goes its way beside what is typed.
        eventually("the terminal has the new size", lambda: self.size_is(ours, "44 55"))
        # Said by the job itself: only then is it the one that the terminal interrupts.
        os.write(ours, b"/bin/sh -c 'echo be''gun; exec sleep 100'\n")
        until(ours, "begun")
        os.write(ours, b"\x03")  # ^C ends what runs in it, not the session
        until(ours, r"\^C[^#]*# ")
        os.write(ours, b"echo $((6*7))\n")
        until(ours, "42")
        os.write(ours, b"exit 5\n")
        self.assertEqual(process.wait(timeout=10), 5)

    def size_is(self, terminal, size):
        os.write(terminal, b"stty size\n")
        return size in until(terminal, r"\d+ \d+\r\n")

    # What it tells.

    def test_logs_tail_follow_and_go_on_over_a_restart(self):
        eventually("there are lines", lambda: len(self.lab.vireo(
            "logs", "talk/sh").stdout.splitlines()) > 5)
        self.assertEqual(len(self.lab.vireo("logs", "talk/sh", "--tail", "3").stdout.splitlines()),
                         3)
        follow = self.start("logs", "talk/sh", "--follow", "--tail", "1")
        first = int(re.search(r"line (\d+)", until(follow.stdout, r"line \d+\n")).group(1))
        until(follow.stdout, f"line {first + 10}\n")
        self.assertEqual(self.lab.vireo("logs", "talk/sh", "--since", "1ms").stdout.count("line 1\n"),
                         0)
        rows = [json.loads(line) for line in self.lab.vireo(
            "logs", "talk/sh", "--tail", "2", "--output", "json").stdout.splitlines()]
        self.assertEqual([row["stream"] for row in rows], ["stdout", "stdout"])
        self.lab.kill()
        self.lab.start()
        numbers = [int(n) for n in re.findall(r"line (\d+)\n",
                                              self.lab.vireo("logs", "talk/sh").stdout)]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)), "no line is lost")

    def test_events_follow_and_since(self):
        follow = self.start("events", "talk", "--follow", "--output", "json")
        until(follow.stdout, '"service.changed"')
        os.kill(self.lab.pid_of("talk/peer"), signal.SIGKILL)
        text = until(follow.stdout, '"instance.healed"')
        self.assertIn('"instance.exited"', text)
        events = [json.loads(line) for line in self.lab.vireo(
            "events", "--output", "json").stdout.splitlines()]
        ids = [event["id"] for event in events]
        self.assertEqual(ids, sorted(set(ids)))
        later = self.lab.vireo("events", "--since", str(ids[-2]), "--output", "json").stdout
        self.assertEqual([json.loads(line)["id"] for line in later.splitlines()], ids[-1:])

    def test_wait_for_ready_and_stopped(self):
        self.assertEqual(self.code("wait", "talk", "--for", "ready", "--timeout", "10s"), 0)
        self.assertEqual(self.code("wait", "talk", "--for", "stopped", "--timeout", "200ms"), 1)
        waiting = self.start("wait", "talk", "--for", "stopped", "--timeout", "20s")
        self.lab.vireo("stop", "talk")
        self.assertEqual(waiting.wait(timeout=20), 0)
        self.assertEqual(self.code("wait", "none", "--timeout", "1s"), 1)

    def test_output_as_json_and_yaml(self):
        for words in (["ps"], ["inspect", "talk"], ["inspect", "talk/peer"], ["host"],
                      ["image", "ls"], ["version"]):
            json.loads(self.lab.vireo(*words, "--output", "json").stdout)
            self.assertRegex(self.lab.vireo(*words, "--output", "yaml").stdout, r"\w+: ")

    def test_exit_codes(self):
        self.assertEqual(self.code("plan", self.file), 0)
        self.assertEqual(self.code("run", self.file), 0)
        edited = self.lab.descriptor(TALK, "edited.yaml")
        self.assertEqual(self.code("plan", edited), 3)
        self.assertEqual(self.code("rm", "none"), 1)
        self.assertEqual(self.code("inspect", "talk/none"), 1)
        self.assertEqual(self.code("run", self.lab.folder / "none.yaml"), 1)
        for wrong in (["run"], ["ps", "--output", "xml"], ["none"], ["rm"], ["logs"]):
            self.assertEqual(self.code(*wrong), 2, wrong)
        self.assertEqual(self.code("image", "rm", "test/sh"), 1, "it is in use")

    # What it changes.

    def test_run_twice_does_nothing(self):
        before, seen = self.instances(), len(self.lab.vireo("events").stdout.splitlines())
        self.lab.vireo("run", self.file)
        self.assertEqual(before, self.instances())
        kinds = {line.split()[1] for line in
                 self.lab.vireo("events").stdout.splitlines()[seen:] if line.strip()}
        self.assertEqual({kind for kind in kinds if kind.startswith("instance.")}, set())

    def process_with(self, words):
        """The first process of an instance whose command has these words."""
        [keeper] = self.lab.keepers()
        for pid in self.lab.children(keeper):
            if words in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" "):
                return int(pid)
        raise AssertionError(f"no process has {words}")

    def limits(self):
        """Limits of talk/sh as the kernel has them, in version 1 or 2 of control groups."""
        found = {}
        pid = self.process_with(b"echo line")
        for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, names, path = line.split(":", 2)
            if self.lab.group not in path:
                continue
            for at in [names, *names.split(",")] if names else [""]:
                for limit in ("memory.limit_in_bytes", "memory.max", "cpu.cfs_quota_us", "cpu.max",
                              "pids.max"):
                    file = pathlib.Path("/sys/fs/cgroup", at, path[1:], limit)
                    if file.exists():
                        found[limit] = file.read_text().split()[0]
        return found

    def test_limits_change_live(self):
        before, had = self.instances(), self.limits()
        self.assertIn(str(64 << 20), had.values())
        self.lab.vireo("run", self.lab.descriptor(
            QUIET.replace("cpus: 1, memory: 64MiB, pids: 32", "cpus: 0.5, memory: 48MiB, pids: 20")))
        self.assertEqual(before, self.instances(), "the same generation goes on")
        now = self.limits()
        self.assertEqual(set(had), set(now))
        self.assertEqual({str(48 << 20), "50000", "20"}, set(now.values()))

    def test_an_edited_config_replaces_only_that_function(self):
        before = self.instances()
        self.lab.vireo("run", self.lab.descriptor(TALK))
        after = self.instances()
        self.assertNotEqual(before.pop("talk/peer"), after.pop("talk/peer"))
        self.assertEqual(before, after)

    def test_what_ended_says_why(self):
        ends = {"code": ("exit 3", "exit code 3"), "signal": ("sleep 100", "signal 9|SIGKILL"),
                "memory": ("x=a; while :; do x=$x$x; done", "memory")}
        functions = "".join(
            f"  {name}: {{ image: test/sh, restart: never, resources: {{ memory: 32MiB }},"
            f" command: [ /bin/sh, -c, '{script}; exit 0' ], ports: [ lan ] }}\n"
            for name, (script, _) in ends.items())
        text = "vireo: 1\nservice: ends\nfunctions:\n" + functions + \
            "links:\n  lan: { subnet: 10.31.0.0/24 }\n"
        self.lab.vireo("run", self.lab.descriptor(text, "ends.yaml"))
        os.kill(self.process_with(b"sleep 100"), signal.SIGKILL)

        def ended():
            rows = {name: row for name, row in self.lab.rows().items() if name.startswith("ends/")}
            return rows if [row["state"] for row in rows.values()] == ["exited"] * 3 else None
        rows = eventually("all have ended", ended, 30)
        for name, (_, reason) in ends.items():
            self.assertRegex(rows[f"ends/{name}"]["reason"], reason)


if __name__ == "__main__":
    report.run("verbs_test", Verbs)
