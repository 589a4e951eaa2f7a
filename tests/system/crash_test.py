#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Daemon and keeper die at any moment: the services come back, and nothing is left behind."""
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import unittest

from lab import BIN, Lab, eventually
from place import ping
import census
import report

CHAIN = """
vireo: 1
service: branch
functions:
  fw: { image: vireo/firewall, config: { default: accept } }
  nat: { image: vireo/nat }
  far: { image: vireo/responder, ports: [ { link: wan, address: 10.10.0.80 } ] }
  sink: { image: vireo/traffic-sink, ports: [ { link: lan, address: 10.20.0.5 } ] }
links:
  wan: { subnet: 10.10.0.0/24 }
  lan: { subnet: 10.20.0.0/24, host: 10.20.0.100 }
chain: [ wan, fw, nat, lan ]
"""
KILLS = 50


def kill(pid):
    """Ends a process of the lab's and waits until it is gone."""
    handle = os.pidfd_open(int(pid))
    signal.pidfd_send_signal(handle, signal.SIGKILL)
    os.close(handle)
    eventually(f"process {pid} is gone", lambda: not os.path.exists(f"/proc/{pid}/fd"))


class Crash(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.lab.vireo("image", "build", "all")
        self.file = self.lab.descriptor(CHAIN)
        # What a daemon has that found its keeper, as after every kill.
        self.lab.kill()
        self.lab.start()
        self.before = self.lab.rested()

    def serves(self):
        self.assertTrue(self.lab.settled("branch"))
        self.assertTrue(ping("10.20.0.5"), "the stack function answers")
        gateway = [address.split("/")[0]
                   for port in self.lab.json("inspect", "branch/nat")["ports"]
                   for address in port["addresses"] if address.startswith("10.20.")]
        subprocess.run(["ip", "route", "replace", "10.10.0.0/24", "via", gateway[0]], check=True)
        eventually("the far function answers through the chain", lambda: ping("10.10.0.80"))

    def wanted(self):
        """Whether the service is there or not, once the daemon has made up its mind."""
        def decided():
            if self.lab.under_way():
                return None
            return "absent" if not self.lab.rows() else self.lab.settled("branch") and "running"
        return eventually("all functions run, or none is there", decided, 30)

    def timed(self, *words):
        began = time.monotonic()
        self.lab.vireo(*words)
        return time.monotonic() - began

    def test_fifty_kills_at_random_moments(self):
        seed = int(os.environ.get("VIREO_SEED", random.randrange(1 << 30)))
        print(f"seed {seed}", file=sys.stderr)
        chance = random.Random(seed)
        lasts = {"run": self.timed("run", self.file), "rm": self.timed("rm", "branch")}
        kills, state = {"run": 0, "rm": 0}, "absent"
        for _ in range(KILLS):
            verb = "run" if state == "absent" else "rm"
            words = [BIN / "vireo", "--socket", self.lab.socket, verb,
                     self.file if verb == "run" else "branch"]
            client = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(chance.uniform(0, lasts[verb] * 1.2))
            self.lab.kill()
            client.wait(timeout=30)
            kills[verb] += 1
            self.lab.start()
            state = self.wanted()
            if state == "running":
                self.serves()
        print(f"kills {kills}", file=sys.stderr)
        self.assertGreater(min(kills.values()), KILLS // 5)
        self.lab.vireo("rm", "--all")
        self.lab.same_as(self.before)

    def test_services_come_back_after_a_reboot(self):
        self.lab.vireo("run", self.file)
        self.serves()
        running = self.lab.rested()
        pids = census.members(self.lab.group)
        self.lab.kill()
        for keeper in self.lab.keepers():
            kill(keeper)
        shutil.rmtree(self.lab.folder / "run")
        self.lab.start()
        self.assertEqual(self.wanted(), "running")
        self.serves()
        eventually("no process of before is there",
                   lambda: not pids & census.members(self.lab.group))
        self.lab.same_as(running)
        self.lab.vireo("rm", "branch")
        self.lab.same_as(self.before)

    def test_the_keeper_alone_dies(self):
        self.lab.vireo("run", self.file)
        self.serves()
        pids = census.members(self.lab.group)
        [keeper] = self.lab.keepers()
        kill(keeper)
        eventually("another keeper serves", lambda: self.lab.keepers() not in ([], [keeper]))
        eventually("all its functions are replaced",
                   lambda: not pids & census.members(self.lab.group))
        self.assertEqual(self.wanted(), "running")
        self.serves()
        # What the next daemon finds is the new keeper's: nothing starts anew.
        before = {name: row["instance"] for name, row in self.lab.rows().items()}
        self.lab.kill()
        self.assertTrue(ping("10.20.0.5"), "instances outlive the daemon")
        self.lab.start()
        self.assertEqual(self.wanted(), "running")
        self.assertEqual(before, {name: row["instance"] for name, row in self.lab.rows().items()})
        self.serves()
        self.lab.vireo("rm", "branch")
        self.lab.same_as(self.before)


if __name__ == "__main__":
    report.run("crash_test", Crash)
