#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Traffic through firewall and NAT, between the test's own namespace (LAN) and one that it joins to
the WAN by an uplink: a change, a kill and a stop under traffic."""
import hashlib
import os
import pathlib
import re
import signal
import socket
import subprocess
import unittest

from lab import Lab, eventually
from place import Frames, Place, ping, state_of
import census
import report

CHAIN = """
vireo: 1
service: branch
functions:
  fw: { image: vireo/firewall, config: { default: accept } }
  nat: { image: vireo/nat, config: { udp: 300s } }
  sink: { image: vireo/traffic-sink, ports: [ { link: lan, address: 10.20.0.5 } ] }
links:
  wan: { subnet: 10.10.0.0/24, uplink: outside }
  lan: { subnet: 10.20.0.0/24, host: 10.20.0.100 }
chain: [ wan, fw, nat, lan ]
"""
PAGE_BYTES = 48 << 20
SYN, ACK, RST = 2, 16, 4


class Traffic(unittest.TestCase):
    kind = "packet"

    @classmethod
    def setUpClass(cls):
        cls.lab = Lab("--packet-ports", cls.kind)
        cls.addClassCleanup(cls.lab.close)
        cls.lab.vireo("image", "build", "all")
        pathlib.Path("/proc/sys/net/ipv4/tcp_congestion_control").write_text("reno")
        cls.pages = cls.lab.folder / "pages"
        cls.pages.mkdir()
        content = os.urandom(1 << 20) * (PAGE_BYTES >> 20)
        (cls.pages / "page").write_bytes(content)
        cls.digest = hashlib.sha256(content).hexdigest()

    def setUp(self):
        self.place = Place()
        self.addCleanup(self.place.close)
        self.place.cable("outside", "eth0", "10.10.0.80/24")
        self.lent = state_of("outside")
        server = self.place.start("python3", "-m", "http.server", "80", "--bind", "10.10.0.80",
                                  "--directory", self.pages, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        self.before = self.lab.census()
        self.file = self.lab.descriptor(CHAIN)
        self.lab.vireo("run", self.file)
        gateway = self.address("nat", "10.20.")
        subprocess.run(["ip", "route", "replace", "10.10.0.0/24", "via", gateway], check=True)
        eventually("the server answers through the chain", lambda: ping("10.10.0.80"))

    def tearDown(self):
        self.lab.vireo("rm", "--all")
        self.lab.same_as(self.before)
        self.assertEqual(self.lent, state_of("outside"), "the uplink is given back as it was")

    def address(self, function, prefix):
        [found] = [each.split("/")[0]
                   for port in self.lab.json("inspect", f"branch/{function}")["ports"]
                   for each in port["addresses"] if each.startswith(prefix)]
        return found

    def instances(self):
        return {name.split("/")[1]: row["instance"] for name, row in self.lab.rows().items()}

    def frames(self, *where):
        made = Frames(*where)
        self.addCleanup(made.close)
        return made

    def fetch(self, rate):
        return subprocess.Popen(["curl", "-sS", "--max-time", "60", "--limit-rate", rate,
                                 "-o", self.lab.folder / "got", "http://10.10.0.80/page"],
                                stderr=subprocess.PIPE, text=True)

    def whole(self, client):
        _, words = client.communicate(timeout=90)
        self.assertEqual(client.returncode, 0, words)
        got = (self.lab.folder / "got").read_bytes()
        self.assertEqual(hashlib.sha256(got).hexdigest(), self.digest)

    def got(self):
        file = self.lab.folder / "got"
        return file.stat().st_size if file.exists() else 0

    def namespaces(self):
        """The network namespaces that the keeper holds: a path, and `ip -o link` in it."""
        [keeper] = self.lab.keepers()
        for number, target in census.descriptors(keeper).items():
            if target.startswith("net:["):
                path = f"/proc/{keeper}/fd/{number}"
                yield path, subprocess.run(["nsenter", f"--net={path}", "ip", "-o", "link"],
                                           text=True, capture_output=True).stdout.splitlines()

    def ends_of(self, function):
        """Interfaces that see all frames of its ports, and the way to their namespace: the taps, or
        the far ends of the pairs (the switch hands frames over past the near ones)."""
        seen = list(self.namespaces())
        near = [re.match(r"\d+: vp(\d+)", line).group(1) for _, links in seen for line in links
                if f"/{function}.1@" in line and "alias vireo1 port" in line]
        wanted = {("vp" if self.kind == "tap" else "ve") + number for number in near}
        for path, links in seen:
            found = {re.match(r"\d+: ([^:@]+)", line).group(1) for line in links} & wanted
            if found:
                return path, sorted(found)
        raise AssertionError(f"no ports of {function}")

    def test_a_download_survives_a_change_of_the_nat(self):
        seen = self.frames("eth0", self.place.path)
        before = self.instances()
        client = self.fetch("16M")
        eventually("the download has begun", lambda: self.got() > 4 << 20, 30)
        self.lab.vireo("run", self.lab.descriptor(CHAIN.replace("udp: 300s", "udp: 299s")))
        self.assertIsNone(client.poll(), "the change came during the download")
        after = self.instances()
        self.whole(client)
        self.assertNotEqual(before.pop("nat"), after.pop("nat"))
        self.assertEqual(before, after, "only the NAT is another")
        flags = [flags for _, source, flags in seen.tcp(80) if source != 80]
        self.assertEqual(len([each for each in flags if each & (SYN | ACK) == SYN]), 1)
        self.assertEqual(len([each for each in flags if each & RST]), 0)

    def test_a_stopped_function_stops_all_traffic_and_leaves_none_to_the_kernel(self):
        pid = self.lab.pid_of("branch/fw")
        path, ends = self.ends_of("fw")
        self.assertEqual(len(ends), 2)
        sides = [self.frames(end, path) for end in ends]
        self.whole(self.fetch("400M"))
        for end, side in zip(ends, sides):
            self.assertGreater(side.longest(), 20_000, f"segments stay whole on {end}")
        own = ["nsenter", f"--net=/proc/{pid}/ns/net"]
        rules = subprocess.run([*own, "nft", "list", "ruleset"], text=True, capture_output=True)
        self.assertEqual((rules.returncode, rules.stdout), (0, ""), rules.stderr)
        for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            value = subprocess.run([*own, "cat", f"/proc/sys/net/{name}"], text=True,
                                   capture_output=True, check=True)
            self.assertEqual(value.stdout.strip(), "0", name)
        addresses = subprocess.run([*own, "ip", "-o", "address", "show", "scope", "global"],
                                   text=True, capture_output=True, check=True)
        self.assertEqual(addresses.stdout, "")
        before = self.instances()
        os.kill(pid, signal.SIGSTOP)
        eventually("it has stopped", lambda: pathlib.Path(
            f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T")
        server = self.frames("eth0", self.place.path)
        self.assertFalse(ping("10.10.0.80"))
        self.assertEqual([data for _, data in server.seen if data[12:14] == b"\x08\x00"], [])
        # It has no heartbeat any more: another generation takes its place.
        eventually("it is replaced", lambda: self.instances()["fw"] != before["fw"], 30)
        eventually("traffic passes again", lambda: ping("10.10.0.80"))

    def held_by_keeper(self):
        [keeper] = self.lab.keepers()
        return set(census.descriptors(keeper).values())

    def kill_and_see_it_healed(self, function, what):
        pid = self.lab.pid_of(f"branch/{function}")
        mine = {target for target in census.descriptors(pid).values()
                if re.match(r"socket:\[|/dev/net/tun ", target)} if what != "veth" else set()
        mine |= {os.readlink(f"/proc/{pid}/ns/{kind}") for kind in ("net", "mnt", "user")}
        # A function of two ports has those, and the far end of its agent's socket pair, which
        # closes without waiting: that alone is nobody else's.
        self.assertEqual(len(mine), 3 if what == "veth" else 6)
        lost = mine - self.held_by_keeper()
        self.assertEqual(len(lost), 0 if what == "veth" else 1, f"a last close of {lost}")
        kinds = {port["kind"] for port in self.lab.json("inspect", f"branch/{function}")["ports"]}
        self.assertEqual(kinds, {what})
        before = self.instances()[function]
        os.kill(pid, signal.SIGKILL)
        eventually("it is healed", lambda: self.instances()[function] != before and
                   self.lab.settled("branch"))
        self.assertIsNotNone(self.lab.rows()[f"branch/{function}"]["healed_ms"])

    def test_a_killed_function_of_packets_is_healed_and_no_last_close(self):
        self.kill_and_see_it_healed("nat", self.kind)
        eventually("traffic passes again", lambda: ping("10.10.0.80"))

    def test_a_killed_function_with_a_stack_is_healed_and_no_last_close(self):
        self.kill_and_see_it_healed("sink", "veth")
        eventually("it answers again", lambda: ping("10.20.0.5"))
        with socket.create_connection(("10.20.0.5", 5001), timeout=5):
            pass


class TrafficOverTaps(Traffic):
    kind = "tap"
    test_a_killed_function_with_a_stack_is_healed_and_no_last_close = None  # nothing else there


if __name__ == "__main__":
    report.run("traffic_test", Traffic, TrafficOverTaps)
