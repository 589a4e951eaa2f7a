#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Images that others made: Debian's packages packed by tools/pack-root, and what buildah writes."""
import hashlib
import pathlib
import shutil
import socket
import struct
import subprocess
import tempfile
import unittest

from lab import BIN, Lab, eventually
import foreign
import report

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PACKED = BIN.parent / "packed"
PROGRAMS = {"nginx": ("nginx", "/usr/sbin/nginx"), "haproxy": ("haproxy", "/usr/sbin/haproxy"),
            "dnsmasq": ("dnsmasq-base", "/usr/sbin/dnsmasq"), "iperf": ("iperf", "/usr/bin/iperf")}


def pack(name, package, program, folder):
    archive = folder / f"{name}.tar.gz"
    return archive, subprocess.run([SOURCE / "tools/pack-root", "--output", archive, package,
                                    "--entry-point", program], text=True, capture_output=True)


def prepare():
    """Before the test leaves the host's network: Debian's archive is asked here, and only once."""
    PACKED.mkdir(exist_ok=True)
    (PACKED / "failure").unlink(missing_ok=True)
    for name, (package, program) in PROGRAMS.items():
        if (PACKED / f"{name}.tar.gz").exists():
            continue
        _, done = pack(name, package, program, PACKED)
        if done.returncode != 0:
            (PACKED / "failure").write_text(f"{package} cannot be packed: {done.stderr}")
            return
    again, done = pack("iperf", *PROGRAMS["iperf"], pathlib.Path(tempfile.mkdtemp(dir=PACKED)))
    (PACKED / "again").write_text(hashlib.sha256(again.read_bytes()).hexdigest()
                                  if done.returncode == 0 else done.stderr)
    shutil.rmtree(again.parent)
    refused = [pack("none", package, program, PACKED)[1] for package, program in
               (("dnsmasq", "/usr/sbin/dnsmasq"), ("iperf", "/usr/bin/none"))]
    (PACKED / "refused").write_text("\n--\n".join(f"{d.returncode} {d.stderr}" for d in refused))


def resolve(server, name):
    """The IPv4 address that a name server gives for a name."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as query:
        query.settimeout(1)
        query.sendto(struct.pack(">6H", 7, 0x100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1",
                     (server, 53))
        try:
            return socket.inet_ntoa(query.recv(512)[-4:])
        except OSError:
            return None


class DebianPackages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if (PACKED / "failure").exists():
            raise unittest.SkipTest((PACKED / "failure").read_text())
        cls.lab = Lab(pool=4)
        cls.addClassCleanup(cls.lab.close)

    def curl(self, url):
        return subprocess.run(["curl", "-sS", "--max-time", "5", url], text=True,
                              capture_output=True)

    def test_they_serve_in_a_chain(self):
        self.lab.vireo("image", "build", "firewall", "nat")
        for name in PROGRAMS:
            self.lab.vireo("image", "import", PACKED / f"{name}.tar.gz", "--name", f"demo/{name}")
        self.lab.vireo("run", SOURCE / "examples/web-farm.yaml")
        self.lab.vireo("wait", "web-farm", "--timeout", "30s")
        [gateway] = [address.split("/")[0]
                     for port in self.lab.json("inspect", "web-farm/nat")["ports"]
                     for address in port["addresses"] if address.startswith("10.20.")]
        subprocess.run(["ip", "route", "replace", "10.10.0.0/24", "via", gateway], check=True)
        self.assertEqual(eventually("a name is resolved",
                                    lambda: resolve("10.10.0.53", "www.example.test")),
                         "10.10.0.80")
        pages = set()
        eventually("both servers answer through the balancer", lambda: pages.add(
            self.curl("http://10.10.0.80/").stdout) or pages >= {"Hello from web-1.\n",
                                                                 "Hello from web-2.\n"})
        self.assertIn("10.10.0.1:", self.lab.vireo("logs", "web-farm/balancer").stdout,
                      "it sees the NAT's address")
        self.assertNotEqual(self.curl("http://10.10.0.80:81/").returncode, 0)
        meter = subprocess.run(["iperf", "-c", "10.10.0.99", "-n", "64M", "-y", "C"], text=True,
                               capture_output=True, timeout=60)
        self.assertEqual(meter.stdout.strip().split(",")[7], str(64 << 20), meter.stderr)
        self.lab.vireo("rm", "web-farm")

    def test_the_same_packages_give_the_same_archive(self):
        first = hashlib.sha256((PACKED / "iperf.tar.gz").read_bytes()).hexdigest()
        self.assertEqual((PACKED / "again").read_text(), first)

    def test_what_has_no_program_is_refused(self):
        bare, wrong = (PACKED / "refused").read_text().split("\n--\n")
        self.assertRegex(bare, r"^1 .*no program is in: dnsmasq\n.*dnsmasq-base")
        self.assertRegex(wrong, r"(?s)^1 .*/usr/bin/none is not in the root.*/usr/bin/iperf")
        self.assertFalse((PACKED / "none.tar.gz").exists())


@unittest.skipUnless(shutil.which("buildah"), "buildah is not installed")
class Buildah(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.lab = Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.work = cls.lab.folder / "buildah"
        root = cls.work / "root"
        root.mkdir(parents=True)
        subprocess.run(["tar", "xf", foreign.pack(cls.work / "sh.tar", "sh", "cat", "sleep"),
                        "-C", root], check=True)
        (root / "gone").write_text("of the first layer\n")
        (root / "kept").write_text("of the first layer\n")
        base = cls.buildah("from", "scratch")
        cls.buildah("copy", base, root, "/")
        cls.buildah("commit", base, "base")
        # A second layer takes one file away and changes another.
        second = cls.buildah("from", "base")
        mounted = pathlib.Path(cls.buildah("mount", second))
        (mounted / "gone").unlink()
        (mounted / "kept").write_text("of the second layer\n")
        cls.buildah("umount", second)
        cls.buildah("config", "--entrypoint", '["/bin/sh", "-c"]', "--cmd",
                    "'trap exit USR1; echo $WORD $(cat /proc/self/status); "
                    "while :; do sleep 0.1; done'",
                    "--env", "WORD=hello", "--user", "1000:1001", "--workingdir", "/tmp",
                    "--stop-signal", "SIGUSR1", second)
        cls.buildah("commit", second, "two")
        for form in ("oci-archive", "docker-archive"):
            cls.buildah("push", "two", f"{form}:{cls.work}/{form}.tar:two:latest")

    @classmethod
    def buildah(cls, *words):
        done = subprocess.run(["buildah", "--root", cls.work / "store", "--runroot",
                               cls.work / "run", "--storage-driver", "vfs", *words], text=True,
                              capture_output=True)
        if done.returncode != 0:
            raise AssertionError(f"buildah {words}: {done.stderr}")
        return done.stdout.strip()

    def serves(self, form):
        self.lab.vireo("image", "import", self.work / f"{form}.tar", "--name", f"test/{form}")
        self.addCleanup(self.lab.vireo, "rm", "--all")
        self.lab.vireo("run", self.lab.descriptor(f"""
vireo: 1
service: s
functions: {{ f: {{ image: test/{form}, ports: [ lan ] }} }}
links: {{ lan: {{ subnet: 10.60.0.0/24 }} }}
"""))
        eventually("it has begun", lambda: "Name:" in self.lab.vireo("logs", "s/f").stdout)
        text = self.lab.vireo("logs", "s/f").stdout
        self.assertRegex(text, r"^hello ")
        self.assertRegex(text, r"Uid: 1000 1000 1000 1000 Gid: 1001 1001 1001 1001")
        def inside(script):
            return self.lab.vireo("exec", "s/f", "--", "/bin/sh", "-c", script,
                                  check=False).stdout
        self.assertEqual(inside("cat /kept; cat /gone; pwd"), "of the second layer\n/tmp\n")
        self.lab.vireo("stop", "s/f")  # within its grace only by the image's own signal
        ended = [line for line in self.lab.vireo("events", "s").stdout.splitlines()
                 if "instance" in line]
        self.assertNotIn("SIGKILL", "".join(ended))
        return self.lab.json("image", "inspect", f"test/{form}")

    def test_an_oci_archive_and_a_docker_archive_of_it_are_one_image(self):
        oci, docker = self.serves("oci-archive"), self.serves("docker-archive")
        for image in (oci, docker):
            self.assertEqual(image["layers"], 2)
        for key in ("entry_point", "command", "environment", "user", "stop_signal",
                    "working_directory", "unpacked_size"):
            self.assertEqual(oci[key], docker[key], key)


if __name__ == "__main__":
    report.run("images_test", DebianPackages, Buildah, prepare=prepare)
