#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An interface of the host is lent to a link, and given back as it was."""
import subprocess
import unittest

from lab import Lab, eventually
from place import Place, call, state_of
import report

LENT = """
vireo: 1
service: edge
functions:
  f: { image: vireo/responder, ports: [ { link: wan, address: 10.40.0.10 } ] }
links:
  wan: { subnet: 10.40.0.0/24, uplink: UPLINK }
"""


class Uplink(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.vireo("image", "build", "responder")

    def setUp(self):
        self.place = Place()
        self.addCleanup(self.place.close)
        self.place.cable("lent0", "eth0", "10.40.0.80/24")
        self.bare = state_of("lent0")
        self.before = self.lab.census()

    def lend(self, words, check=True):
        return self.lab.vireo("run", self.lab.descriptor(LENT.replace("UPLINK", words)),
                              check=check)

    def reached(self):
        done = subprocess.run(self.place.words("ping", "-c", "1", "-W", "1", "10.40.0.10"),
                              capture_output=True)
        return done.returncode == 0

    def give_back(self, state):
        self.lab.vireo("rm", "--all")
        self.assertEqual(state, state_of("lent0"))
        self.lab.same_as(self.before)

    def routes(self):
        return call("ip", "route", "show", "dev", "lent0")

    def test_one_without_addresses_is_lent_and_given_back(self):
        self.lend("lent0")
        eventually("the function is reached from outside", self.reached)
        self.assertNotIn("lent0", call("ip", "-o", "link"))
        self.give_back(self.bare)

    def test_one_in_use_is_refused_and_left_alone(self):
        call("ip", "address", "add", "10.41.0.1/24", "brd", "+", "dev", "lent0")
        used = state_of("lent0")
        done = self.lend("lent0", check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("take: true", done.stderr)
        self.give_back(used)

    def test_one_taken_in_use_is_given_back_whole_by_a_later_daemon(self):
        call("ip", "address", "add", "10.41.0.1/24", "brd", "+", "dev", "lent0")
        call("ip", "route", "add", "10.42.0.0/24", "via", "10.41.0.2", "dev", "lent0")
        used, routes = state_of("lent0"), self.routes()
        self.lend("{ interface: lent0, take: true }")
        eventually("the function is reached from outside", self.reached)
        self.lab.kill()
        self.assertTrue(self.reached())
        self.lab.start()
        self.give_back(used)
        self.assertEqual(routes, self.routes())

    def test_a_bridge_of_the_host_is_joined_and_left(self):
        call("ip", "link", "add", "shared", "type", "bridge")
        self.addCleanup(call, "ip", "link", "del", "shared")
        call("ip", "link", "set", "shared", "up")
        call("ip", "link", "set", "lent0", "master", "shared")
        joined = state_of("lent0")
        self.before = self.lab.census()
        self.lend("shared")
        eventually("the function is reached from outside", self.reached)
        self.give_back(joined)


if __name__ == "__main__":
    report.run("uplink_test", Uplink)
