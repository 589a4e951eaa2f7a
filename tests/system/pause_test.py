#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Functions of each technology are paused and resumed: silent meanwhile, the same afterwards."""
import unittest

from lab import Lab, eventually
from place import ping
from switch_test import lacks_kvm
import report

SERVICE = """
vireo: 1
service: still
functions:
  box: { image: vireo/responder, ports: [ { link: lan, address: 10.31.0.10 } ] }
  vm: { image: vireo/responder, technology: %s, ports: [ { link: lan, address: 10.31.0.11 } ] }
links:
  lan: { subnet: 10.31.0.0/24, host: 10.31.0.1 }
"""
ADDRESSES = {"still/box": "10.31.0.10", "still/vm": "10.31.0.11"}


class Pause(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.vireo("image", "build", "all")
        cls.without_kvm = lacks_kvm(cls.lab)

    def setUp(self):
        self.before = self.lab.census()
        technology = "container" if self.without_kvm else "unikernel.vireo.kvm"
        self.lab.vireo("run", self.lab.descriptor(SERVICE % technology))
        self.lab.vireo("wait", "still", "--timeout", "30s")
        self.addCleanup(self.lab.same_as, self.before)
        self.addCleanup(self.lab.vireo, "rm", "--all")
        self.all_answer()
        self.instances = self.column("instance")

    def column(self, name):
        return {function: row[name] for function, row in self.lab.rows().items()}

    def all_answer(self):
        for function, address in ADDRESSES.items():
            eventually(f"{function} answers", lambda: ping(address), 20)

    def all_are_silent(self):
        self.assertEqual(set(self.column("state").values()), {"paused"})
        for function, address in ADDRESSES.items():
            self.assertFalse(ping(address), function)

    def all_are_the_same(self):
        self.assertEqual(self.column("instance"), self.instances)
        self.assertEqual(set(self.column("restarts").values()), {0})

    def test_a_unikernel_is_among_them(self):
        if self.without_kvm:
            self.skipTest(f"not run: {self.without_kvm}")

    def test_paused_is_silent_and_goes_on(self):
        done = self.lab.vireo("pause", "still/box", "still/vm")
        self.assertRegex(done.stdout, r"^still/box paused in .*\nstill/vm paused in .*\n$")
        self.all_are_silent()
        self.assertIn("vireo_function_paused{", self.lab.get("/metrics"))
        self.assertEqual(self.lab.json("inspect", "still/vm")["health"], "unknown")
        self.assertIn("resumed in", self.lab.vireo("resume", "still").stdout)
        self.all_answer()
        self.all_are_the_same()

    def test_a_killed_daemon_finds_it_paused(self):
        self.lab.vireo("pause", "still")
        self.lab.kill()
        self.lab.start()
        self.all_are_silent()
        self.all_are_the_same()
        self.lab.vireo("resume", "still")
        self.lab.vireo("wait", "still", "--timeout", "20s")
        self.all_answer()
        self.all_are_the_same()

    def test_the_paused_are_stopped_started_and_removed(self):
        self.lab.vireo("pause", "still")
        self.lab.vireo("stop", "still")
        self.assertEqual(set(self.column("state").values()), {"stopped"})
        refused = self.lab.vireo("pause", "still/vm", check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("`still/vm` is stopped; `vireo start` starts it", refused.stderr)
        self.lab.vireo("start", "still")
        self.lab.vireo("wait", "still", "--timeout", "20s")
        self.all_answer()
        self.lab.vireo("pause", "still/vm")  # removed so: see setUp


if __name__ == "__main__":
    report.run("pause_test", Pause)
