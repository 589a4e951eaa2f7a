#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Daemon and CLI as black boxes: what a user does, and what a user sees."""
import subprocess
import unittest

from lab import Lab, eventually
from place import ping
import report

PAIR = """
vireo: 1
service: pair
functions:
  a: { image: vireo/responder, ports: [ { link: lan, address: 10.30.0.10 } ] }
  b: { image: vireo/responder, ports: [ { link: lan, address: 10.30.0.11 } ] }
links:
  lan: { subnet: 10.30.0.0/24, host: 10.30.0.1 }
"""


class Service(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        cls.lab.vireo("image", "build", "all")

    @classmethod
    def tearDownClass(cls):
        cls.lab.close()

    def setUp(self):
        self.file = self.lab.descriptor(PAIR)

    def tearDown(self):
        self.lab.vireo("rm", "--all", check=False)

    def test_plan_then_run_then_nothing_to_do(self):
        self.assertEqual(self.lab.vireo("plan", self.file, check=False).returncode, 3)
        self.lab.vireo("run", self.file)
        self.assertEqual(self.lab.vireo("plan", self.file).returncode, 0)
        before = self.lab.rows()
        self.lab.vireo("run", self.file)
        after = self.lab.rows()
        self.assertEqual({k: v["instance"] for k, v in before.items()},
                         {k: v["instance"] for k, v in after.items()})

    def test_functions_answer_and_stop_answering_when_removed(self):
        self.lab.vireo("run", self.file)
        self.assertTrue(ping("10.30.0.10", 3))
        self.assertTrue(ping("10.30.0.11", 3))
        self.lab.vireo("rm", "pair")
        self.assertFalse(ping("10.30.0.10", 1))

    def test_an_edited_descriptor_changes_what_differs(self):
        self.lab.vireo("run", self.file)
        before = self.lab.rows()
        edited = PAIR.replace("10.30.0.11", "10.30.0.12")
        self.lab.vireo("run", self.lab.descriptor(edited))
        after = self.lab.rows()
        self.assertEqual(before["pair/a"]["instance"], after["pair/a"]["instance"])
        self.assertNotEqual(before["pair/b"]["instance"], after["pair/b"]["instance"])
        self.assertTrue(ping("10.30.0.12", 3))

    def test_stop_start_restart(self):
        self.lab.vireo("run", self.file)
        self.lab.vireo("stop", "pair/a")
        self.assertEqual(self.lab.rows()["pair/a"]["state"], "stopped")
        self.assertFalse(ping("10.30.0.10", 1))
        self.lab.vireo("start", "pair/a")
        self.assertTrue(ping("10.30.0.10", 3))
        self.lab.vireo("restart", "pair/b")
        self.assertTrue(ping("10.30.0.11", 3))

    def test_errors_name_line_and_fix(self):
        bad = self.lab.descriptor(PAIR.replace("image: vireo/responder, ports: [ { link: lan, "
                                               "address: 10.30.0.10 } ]",
                                               "imag: vireo/responder"))
        done = self.lab.vireo("run", bad, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("service.yaml:5:", done.stderr)
        self.assertIn("did you mean `image`", done.stderr)

    def test_an_image_that_is_not_there(self):
        bad = self.lab.descriptor(PAIR.replace("vireo/responder", "no/such", 1))
        done = self.lab.vireo("run", bad, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no/such", done.stderr)

    def test_the_daemon_comes_back_to_running_instances(self):
        self.lab.vireo("run", self.file)
        before = self.lab.rows()
        self.lab.kill()
        self.assertTrue(ping("10.30.0.10", 3), "instances outlive the daemon")
        self.lab.start()
        eventually("the functions are known again",
                   lambda: all(row["state"] == "running" for row in self.lab.rows().values()))
        after = self.lab.rows()
        self.assertEqual({k: v["instance"] for k, v in before.items()},
                         {k: v["instance"] for k, v in after.items()})
        self.assertTrue(ping("10.30.0.11", 3))

    def test_wrong_usage_exits_with_2(self):
        self.assertEqual(self.lab.vireo("run", check=False).returncode, 2)
        self.assertEqual(self.lab.vireo("no-such-verb", check=False).returncode, 2)

    def test_host_lists_technologies(self):
        host = self.lab.json("host")
        names = {row["name"]: row for row in host["technologies"]}
        self.assertTrue(names["container"]["possible"])
        self.assertFalse(names["tinyx.xen"]["possible"])
        self.assertTrue(names["tinyx.xen"]["missing"])

    def test_metrics_and_health(self):
        self.lab.vireo("run", self.file)
        def metrics():
            return subprocess.run(["curl", "-sS", "--unix-socket", self.lab.socket,
                                   "http://vireo/metrics"], text=True, check=True,
                                  capture_output=True).stdout

        eventually("counters of ports are there",
                   lambda: 'container_network_receive_packets_total{service="pair"' in metrics())
        self.assertIn("vireo_pool_hits_total", metrics())


if __name__ == "__main__":
    report.run("system_test", Service)
