#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Functions of a user's own, from one source file each: built, run, and refused with a reason."""
import pathlib
import re
import signal
import socket
import subprocess
import time
import unittest

from lab import BIN, Lab, eventually
from place import Place, ping
from switch_test import UNIKERNEL, lacks_kvm
import report

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples/functions"
CHAIN = """
vireo: 1
service: own
functions:
  own: {{ image: {image}, config: {config} }}
links:
  lan: {{ subnet: 10.10.0.0/24, host: 10.10.0.1 }}
  far: {{ uplink: outside }}
chain: [ lan, own, far ]
"""
# Answers every question with the flags of a name that is known.
NAMES = """
import socket
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("10.10.0.80", 53))
while True:
    question, sender = server.recvfrom(512)
    server.sendto(question[:2] + b"\\x81\\x80" + question[4:], sender)
"""
FORBIDDEN = """
#include <vireo/function.h>
using namespace vireo::vnf;
struct Own {
  struct Config {};
  static constexpr FunctionTable table = {.name = "own", .summary = "", .role = Role::transparent,
      .ports = Ports::packet, .fewest_ports = 2, .most_ports = 2};
  bool configure(const Context&, const Config&) { BODY }
  int* kept = nullptr;
  void process(Batch&) {}
  void tick(uint64_t) {}
};
VIREO_FUNCTION(Own);
"""
# What a configure() does that ends its function, and what is told of it.
CRASHES = {
    "refuses": ("return false;", "exit code 1: it cannot work with this configuration"),
    "faults": ("*reinterpret_cast<volatile int*>(8) = 1; return true;",
               r"exit code 1: fault in \S*Own\S*\+0x[0-9a-f]+ at instruction 0x[0-9a-f]+, stack 0x"),
}
CRASHING = """
vireo: 1
service: {service}
links: {{ in: {{ subnet: 10.40.0.0/24 }}, out: {{}} }}
functions:
"""
CRASHING_FUNCTION = "  {name}: {{ image: test/{name}, technology: {technology}, ports: [ in, out ] }}\n"


class OwnFunction(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        cls.addClassCleanup(cls.lab.close)

    def setUp(self):
        self.place = Place()
        self.addCleanup(self.place.close)
        self.place.cable("outside", "eth0", "10.10.0.80/24")
        self.addCleanup(self.lab.vireo, "rm", "--all", check=False)

    def server(self, *words):
        server = self.place.start("python3", *words, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)

    def run_chain(self, image, config):
        self.lab.vireo("run", self.lab.descriptor(CHAIN.format(image=image, config=config)))
        eventually("the far end answers", lambda: ping("10.10.0.80"))

    def counters(self):
        return self.lab.json("inspect", "own/own")["counters"]

    def asks(self, name):
        """The response code for a name; None: nobody answered."""
        question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
        for label in name.split("."):
            question += bytes([len(label)]) + label.encode()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.settimeout(3)
            client.sendto(question + b"\0\0\x01\0\x01", ("10.10.0.80", 53))
            try:
                answer = client.recv(512)
            except TimeoutError:
                return None
            self.assertEqual(answer[:2], question[:2])
            return answer[3] & 15

    def test_a_filter_of_names(self):
        built = self.lab.vireo("image", "build", "--function", EXAMPLES / "dns_filter.cc")
        self.assertEqual(built.stdout.split(), ["dns-filter:latest"])
        self.server("-c", NAMES)
        self.run_chain("dns-filter", "{ domains: [ { name: ads.example } ] }")
        eventually("the names' server answers", lambda: self.asks("www.example") == 0)
        self.assertEqual(self.asks("ads.example"), 3)
        self.assertEqual(self.asks("Tracker.ADS.example"), 3)
        self.assertEqual(self.asks("loads.example"), 0)
        self.assertEqual(self.asks("ads.example.org"), 0)
        eventually("both are counted", lambda: self.counters().get("filtered") == 2)

    def connects(self, port):
        with socket.socket() as client:
            client.settimeout(0.5)
            return client.connect_ex(("10.10.0.80", port)) == 0

    def knock(self, *ports):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            for port in ports:
                client.sendto(b"knock", ("10.10.0.80", port))

    def test_a_door_that_opens_to_who_knocks(self):
        self.lab.vireo("image", "build", "--function", EXAMPLES / "port_knocker.cc",
                       "--name", "doors/knocker")
        self.server("-m", "http.server", "8080", "--bind", "10.10.0.80")
        self.server("-m", "http.server", "8081", "--bind", "10.10.0.80")
        self.run_chain("doors/knocker",
                       "{ first: 1001, second: 1002, third: 1003, port: 8080, open: 300s }")
        eventually("another port is open", lambda: self.connects(8081))
        self.assertFalse(self.connects(8080))
        self.knock(1003, 1002, 1001)
        self.assertFalse(self.connects(8080), "not in that order")
        self.knock(1001, 1002, 1003)
        self.assertTrue(self.connects(8080))
        eventually("it was counted", lambda: self.counters().get("opened") == 1)

    def refused(self, text):
        source = self.lab.folder / "own.cc"
        source.write_text(text)
        done = self.lab.vireo("image", "build", "--function", source, check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        return done.stderr

    def test_what_a_function_may_not_is_said_with_the_reason(self):
        self.assertIn("there is no kernel below it",
                      self.refused(FORBIDDEN.replace("BODY", "return socket(2, 1, 0) != nullptr;")))
        self.assertIn("operator new",
                      self.refused(FORBIDDEN.replace("BODY", "kept = new int(3); return true;")))
        self.assertIn("<vector> is not for a network function",
                      self.refused("#include <vector>\n" + FORBIDDEN))
        self.assertIn("VIREO_FUNCTION", self.refused("int main() {}\n"))
        words = self.lab.vireo("image", "build", "--function", "/no/such.cc", check=False)
        self.assertIn("/no/such.cc: it cannot be read", words.stderr)
        self.assertEqual([each["reference"] for each in self.lab.json("image", "ls")
                          if each["reference"].startswith("own")], [])

    def test_a_config_that_the_function_does_not_know_is_refused(self):
        self.lab.vireo("image", "build", "--function", EXAMPLES / "port_knocker.cc")
        done = self.lab.vireo("run", self.lab.descriptor(CHAIN.format(
            image="port-knocker", config="{ first: 1, second: 2, third: 3, prot: 80 }")),
            check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("prot", done.stderr)

    def run_crashes(self, service, technology, *names):
        built = [each["reference"] for each in self.lab.json("image", "ls")]
        for name in names:
            source = self.lab.folder / "crash.cc"
            source.write_text(FORBIDDEN.replace("BODY", CRASHES[name][0]))
            if f"test/{name}:latest" not in built:
                self.lab.vireo("image", "build", "--function", source, "--name", f"test/{name}")
        self.before = self.lab.rested()
        text = CRASHING.format(service=service) + "".join(
            CRASHING_FUNCTION.format(name=name, technology=technology) for name in names)
        client = subprocess.Popen(
            [BIN / "vireo", "--socket", self.lab.socket, "run", self.lab.descriptor(text)],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(client.kill)
        return client

    def ends_of(self, name):
        """What was told of each end."""
        return re.findall(rf" instance\.exited +{name} +(.*)", self.lab.vireo("events").stdout)

    def crash_later_and_later(self, service, technology, *names):
        client, began = self.run_crashes(service, technology, *names), time.monotonic()
        reasons = {f"{service}/{name}": CRASHES[name][1] for name in names}
        eventually("all were started again",
                   lambda: all(len(self.ends_of(name)) >= 4 for name in reasons))
        # The pauses double from 0.1 s: six ends in this time, one more in twice the time.
        time.sleep(max(began + 3 - time.monotonic(), 0))
        said = {name: self.ends_of(name) for name in reasons}
        rows, table = self.lab.rows(), self.lab.vireo("ps").stdout
        client.send_signal(signal.SIGINT)
        _, told = client.communicate(timeout=20)
        for name, reason in reasons.items():
            self.assertLess(len(said[name]), 10)
            for each in [*said[name], rows[name]["reason"]]:
                self.assertRegex(each, f"^{reason}")
            for text in table, told:
                self.assertEqual(text.count(f"{name}: {rows[name]['reason']}\n"), 1, text)
        self.assertIn(f"`vireo logs {service}` tells more", told)
        self.lab.vireo("rm", service)
        self.lab.same_as(self.before)

    def test_containers_that_crash_are_started_again_later_and_later(self):
        self.crash_later_and_later("boxes", "container", "refuses")

    def test_unikernels_that_crash_are_started_again_later_and_later(self):
        if why := lacks_kvm(self.lab):
            self.skipTest(f"not run: {why}")
        self.crash_later_and_later("machines", UNIKERNEL, "refuses", "faults")


if __name__ == "__main__":
    report.run("own_function_test", OwnFunction)
