# SPDX-License-Identifier: Apache-2.0
"""A network namespace of a test's own, with a process that keeps it, and what looks at frames."""
import os
import pathlib
import select
import socket
import subprocess
import threading

from census import in_namespace
from lab import eventually


def call(*words, **options):
    done = subprocess.run([str(word) for word in words], text=True, capture_output=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, words))}: {done.stdout}{done.stderr}")
    return done.stdout


def ping(address, count=1):
    return subprocess.run(["ping", "-c", str(count), "-i", "0.1", "-W", "1", address],
                          capture_output=True).returncode == 0


class Place:
    def __init__(self):
        self.keeper = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep 600"],
                                       stdout=subprocess.PIPE)
        self.keeper.stdout.readline()  # from here on it is in its own
        self.path = f"/proc/{self.keeper.pid}/ns/net"
        self.cables = []
        self.run("ip", "link", "set", "lo", "up")
        self.run("sh", "-c", "echo reno > /proc/sys/net/ipv4/tcp_congestion_control")

    def words(self, *words):
        return ["nsenter", f"--net={self.path}", *[str(word) for word in words]]

    def run(self, *words, **options):
        return call(*self.words(*words), **options)

    def start(self, *words, **options):
        return subprocess.Popen(self.words(*words), **options)

    def cable(self, outside, inside, *addresses):
        """A veth pair: `outside` stays in the test's namespace, `inside` has the addresses."""
        call("ip", "link", "add", outside, "type", "veth", "peer", "name", inside,
             "netns", self.keeper.pid)
        for address in addresses:
            self.run("ip", "address", "add", address, "dev", inside, "nodad")
        self.run("ip", "link", "set", inside, "up")
        call("ip", "link", "set", outside, "up")
        self.cables.append(inside)

    def close(self):
        for inside in self.cables:
            self.run("ip", "link", "del", inside)  # a namespace goes some time after its process
        self.keeper.kill()
        self.keeper.wait()
        self.keeper.stdout.close()


class Frames:
    """Reads the frames of one interface, in a namespace, from now until close()."""

    def __init__(self, interface, path="/proc/self/ns/net"):
        def opened():
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 24)
            made.bind((interface, 3))
            return made

        self.socket = in_namespace(path, opened)
        self.socket.setblocking(False)
        self.seen = []  # (length on the wire, first 128 bytes)
        self.end, self.stop = os.pipe()
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        while True:
            ready, _, _ = select.select([self.socket, self.end], [], [])
            if self.end in ready:
                return
            buffer = bytearray(128)
            try:
                length, _, _, _ = self.socket.recvmsg_into([buffer], 0, socket.MSG_TRUNC)
            except OSError:
                continue  # nothing there after all, or the interface has gone
            self.seen.append((length, bytes(buffer)))

    def tcp(self, port):
        """IPv4 TCP frames to or from a port: (length, source, flags)."""
        found = []
        for length, data in self.seen:
            if data[12:14] != b"\x08\x00" or data[23] != 6:
                continue
            at = 14 + (data[14] & 15) * 4
            ends = [int.from_bytes(data[at + i:at + i + 2], "big") for i in (0, 2)]
            if port in ends:
                found.append((length, ends[0], data[at + 13]))
        return found

    def longest(self):
        return max((length for length, _ in self.seen), default=0)

    def close(self):
        os.write(self.stop, b"x")
        self.thread.join()
        for handle in (self.end, self.stop):
            os.close(handle)
        self.socket.close()


def state_of(interface):
    """What a test compares before and after an interface was lent; once its addresses are settled."""
    eventually(f"addresses of {interface} are settled", lambda: "tentative" not in call(
        "ip", "-o", "addr", "show", "dev", interface))
    words = call("ip", "-o", "addr", "show", "dev", interface) + \
        call("ip", "-o", "link", "show", "dev", interface)
    alias = pathlib.Path(f"/sys/class/net/{interface}/ifalias")
    return words + (alias.read_text() if alias.exists() else "")
