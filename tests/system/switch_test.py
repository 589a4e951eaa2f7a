#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A hop of a chain is exchanged while traffic goes through it: for another container, and for a
unikernel and back. Its state goes with it, no connection notices, and the record says what it cost."""
import json
import re
import subprocess
import unittest

from lab import Lab, eventually
from place import Place, ping
from stream import Datagrams, Download, Source, TcpFrames, counter, finish_checksums
import report

# No client's own port is in the NAT's range: a mapping that got lost would come back as another
# one, and the server would refuse what comes from there.
CHAIN = """
vireo: 1
service: branch
functions:
  fw: {{ image: vireo/firewall, technology: {fw}, resources: {{ memory: 32MiB }},
        config: {{ default: drop, rules: [ {{ name: out, action: accept, from: second }} ] }} }}
  nat: {{ image: vireo/nat, technology: {nat}, resources: {{ memory: 32MiB }},
         config: {{ first_port: 1024, last_port: 9999, udp: {udp} }} }}
links:
  wan: {{ subnet: 10.10.0.0/24, uplink: outside }}
  lan: {{ subnet: 10.20.0.0/24, host: 10.20.0.100 }}
chain: [ wan, fw, nat, lan ]
"""
WAN, UNIKERNEL = "10.10.0.80", "unikernel.vireo.kvm"
SYN, RST, ACK = 2, 4, 16
TIMES = 10


def lacks_kvm(lab):
    """Why this host runs no unikernels; None: it does."""
    for technology in lab.json("host")["technologies"]:
        if technology["name"] == UNIKERNEL:
            return None if technology["possible"] is True else "; ".join(technology["missing"])
    return "the daemon was built without them"


class Switch(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.lab.vireo("image", "build", "all")
        cls.without_kvm = lacks_kvm(cls.lab)

    def setUp(self):
        self.now = {"fw": "container", "nat": "container", "udp": "300s"}
        self.place = Place()
        self.addCleanup(self.place.close)
        self.place.cable("outside", "eth0", WAN + "/24")
        self.before = self.lab.census()
        self.run_chain()
        [gateway] = [each.split("/")[0] for port in self.lab.json("inspect", "branch/nat")["ports"]
                     for each in port["addresses"] if each.startswith("10.20.")]
        subprocess.run(["ip", "route", "replace", "10.10.0.0/24", "via", gateway], check=True)
        eventually("the server answers through the chain", lambda: ping(WAN))

    def tearDown(self):
        self.lab.vireo("rm", "--all")
        self.lab.same_as(self.before)

    def run_chain(self, **changes):
        """The operation's record."""
        self.now.update(changes)
        done = self.lab.vireo("run", self.lab.descriptor(CHAIN.format(**self.now)), "--output",
                              "json")
        return json.loads(done.stdout)

    def instances(self):
        return {name.split("/")[1]: row["instance"] for name, row in self.lab.rows().items()}

    def switch(self, hop, **changes):
        """Changes one hop and nothing else; what that cost, as recorded."""
        before = self.instances()
        operation = self.run_chain(**changes)
        after = self.instances()
        self.assertNotEqual(before.pop(hop), after.pop(hop))
        self.assertEqual(before, after, f"only {hop} is another")
        [cost] = [step["handover"] for step in operation["steps"] if step["handover"]]
        states = [phase["note"] for step in operation["steps"] for phase in step["phases"]
                  if phase["name"] == "state"]
        self.assertEqual(states, [""], "its state was asked for and came")
        return cost

    def frames(self, *where):
        made = TcpFrames(*where)
        self.addCleanup(made.close)
        return made

    def download(self, size, rate):
        source = Source(self.place, WAN, 5001, size)
        self.addCleanup(source.close)
        made = Download(WAN, 5001, rate)
        self.addCleanup(made.thread.join)
        self.addCleanup(made.close)
        return made

    def host_end(self):
        """The test's own interface on the LAN."""
        route = subprocess.run(["ip", "-o", "route", "get", "10.20.0.1"], text=True, check=True,
                               capture_output=True).stdout
        return re.search(r" dev (\S+)", route).group(1)

    def survive(self, size, changes, rate=80e6):
        """One download while the hops are exchanged; every change falls into it."""
        ends = [self.frames("eth0", self.place.path), self.frames(self.host_end())]
        errors = [counter("Tcp InCsumErrors", path) for path in ("/proc/self/ns/net",
                                                               self.place.path)]
        client = self.download(size, rate)
        costs = []
        for number, (hop, change) in enumerate(changes, 1):
            part = size // (len(changes) + 1)
            client.hold = part * number + part // 2
            eventually("the download goes on", lambda: client.error or client.got >= part * number,
                       120)
            costs.append(self.switch(hop, **change))
            self.assertIsNone(client.error)
            self.assertLess(client.got, size, "the change came during the download")
        client.hold = 1 << 62
        client.thread.join(timeout=120)
        self.assertEqual((client.error, client.got), (None, size))
        self.assertEqual(errors, [counter("Tcp InCsumErrors", path) for path in (
            "/proc/self/ns/net", self.place.path)])
        server, lan = ends
        flags = [flags for _, to, flags in server.flags if to == 5001]
        self.assertEqual(len([each for each in flags if each & (SYN | ACK) == SYN]), 1)
        self.assertEqual([each for each in server.flags + lan.flags if each[2] & RST], [])
        for name, end in (("server", server), ("client", lan)):
            self.assertEqual(end.faults, [], f"at the {name}'s end")
            self.assertGreater(end.seen, size // 65536)
        self.tell(costs, ends, size)

    def tell(self, costs, ends, size):
        gaps = ", ".join(f"{cost['gap_ms']:.2f}" for cost in costs)
        lost = ", ".join(str(cost["lost_packets"]) for cost in costs)
        again = counter("Tcp RetransSegs", self.place.path)
        print(f"\n  {size >> 20} MiB, {len(costs)} exchanges: gaps [{gaps}] ms, lost [{lost}], "
              f"segments sent again {again}, frames judged {[end.seen for end in ends]}, "
              f"not seen {[end.missed() for end in ends]}", flush=True)

    def test_a_download_survives_ten_updates_of_the_nat(self):
        self.survive(1 << 30, [("nat", {"udp": f"{299 - i}s"}) for i in range(TIMES)])

    def test_a_download_survives_ten_switches_between_container_and_unikernel(self):
        if self.without_kvm:
            self.skipTest(self.without_kvm)
        self.survive(1 << 30, [("nat", {"nat": [UNIKERNEL, "container"][i % 2]})
                               for i in range(TIMES)])

    def test_finished_checksums_and_the_firewalls_flows_survive_too(self):
        """Both ends finish their checksums themselves, so that each is judged whole."""
        if self.without_kvm:
            self.skipTest(self.without_kvm)
        finish_checksums("eth0", self.place.path)
        finish_checksums(self.host_end())
        self.survive(64 << 20, [("fw", {"fw": UNIKERNEL}), ("nat", {"nat": UNIKERNEL}),
                                ("fw", {"fw": "container"}), ("nat", {"nat": "container"})], 20e6)

    def test_the_record_hides_no_lost_datagram(self):
        """Of a stream there and back, while each hop becomes the other technology and back."""
        source = Source(self.place, WAN, 7)
        self.addCleanup(source.close)
        changes = [("nat", {"udp": f"{299 - i}s"}) for i in range(TIMES)]
        if not self.without_kvm:
            changes = [(hop, {hop: [UNIKERNEL, "container"][i % 2]})
                       for i in range(4) for hop in ("nat", "fw")]
        stream = Datagrams(WAN, 7, 2000)
        costs = []
        try:
            for hop, change in changes:
                some = stream.sent + 200
                eventually("datagrams go", lambda: stream.sent >= some)
                costs.append(self.switch(hop, **change))
        finally:
            missing = stream.close()
        recorded = sum(cost["lost_packets"] for cost in costs)
        print(f"\n  {stream.sent} datagrams there and back, {len(costs)} exchanges: "
              f"{missing} missing, {recorded} recorded as lost", flush=True)
        self.assertLessEqual(missing, recorded)


if __name__ == "__main__":
    report.run("switch_test", Switch)
