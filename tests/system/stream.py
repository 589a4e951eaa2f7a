# SPDX-License-Identifier: Apache-2.0
"""A long TCP stream of known bytes: who sends it, who compares each of them, and what judges the
frames that carry it."""
import array
import fcntl
import os
import pathlib
import random
import select
import socket
import struct
import subprocess
import sys
import threading
import time

from census import in_namespace

# A prime: no loss or doubling of whole segments or pages goes unseen.
PERIOD = 1_048_573
SLICE = 1 << 18


def period():
    return random.Random(7).randbytes(PERIOD)


def serve(address, port, size):
    """In a process of its own: sends `size` bytes to whoever connects."""
    twice = memoryview(period() * 2)
    listener = socket.create_server((address, port))
    print("listens", flush=True)
    peer, _ = listener.accept()
    for at in range(0, size, SLICE):
        start = at % PERIOD
        peer.sendall(twice[start:start + min(SLICE, size - at)])
    peer.close()


class Source:
    """serve() or, without a size, answer() in a place."""

    def __init__(self, place, address, port, *size):
        self.process = place.start(sys.executable, __file__, address, port, *size,
                                   stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


class Download:
    """Reads a stream on a thread and compares it, at most `rate` bytes a second, and slowly from
    `hold` bytes on: so that what is to happen before them can, and the stream never stands."""

    def __init__(self, address, port, rate):
        self.rate, self.got, self.error, self.hold = rate, 0, None, 1 << 62
        self.socket = socket.create_connection((address, port), timeout=30)
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        try:
            self.compare()
        except (OSError, ValueError) as error:
            self.error = error

    def compare(self):
        twice = period() * 2
        room = bytearray(SLICE)
        due = time.monotonic()
        while True:
            count = self.socket.recv_into(room)
            if count == 0:
                return
            start = self.got % PERIOD
            if room[:count] != twice[start:start + count]:
                raise ValueError(f"other bytes at {self.got}")
            self.got += count
            rate = self.rate if self.got < self.hold else self.rate / 20
            due = max(due, time.monotonic() - 0.05) + count / rate
            time.sleep(max(0, due - time.monotonic()))

    def close(self):
        self.socket.close()


def answer(address, port):
    """In a process of its own: sends datagrams back."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
        end.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
        end.bind((address, port))
        print("listens", flush=True)
        while True:
            end.sendto(*end.recvfrom(2048))


class Datagrams:
    """Numbered datagrams to who sends them back, `rate` a second, until close(), which tells how
    many got lost there or on their way back."""

    def __init__(self, address, port, rate):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
        self.socket.connect((address, port))
        self.rate, self.sent, self.back, self.ended = rate, 0, set(), threading.Event()
        self.threads = [threading.Thread(target=body) for body in (self.send, self.take)]
        for thread in self.threads:
            thread.start()

    def send(self):
        due = time.monotonic()
        while not self.ended.is_set():
            self.socket.send(struct.pack(">Q", self.sent) + bytes(120))
            self.sent += 1
            due += 1 / self.rate
            time.sleep(max(0, due - time.monotonic()))

    def take(self):
        self.socket.settimeout(1)
        try:
            while True:
                self.back.add(struct.unpack_from(">Q", self.socket.recv(2048))[0])
        except TimeoutError:
            return  # the last answers have had their time

    def close(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()
        self.socket.close()
        return self.sent - len(self.back)


def folded_sum(data):
    """RFC 1071, not inverted. 0xffff and 0 are the same number."""
    return int.from_bytes(data + b"\0" * (len(data) % 2), "big") % 0xffff


def checksum_fault(frame, length, partial):
    """What is wrong with an IPv4 TCP frame of `length` bytes, of which `frame` are there; None:
    nothing. `partial`: the sender left the checksum to the last device, and the field has the sum of
    the pseudo-header (include/linux/skbuff.h, CHECKSUM_PARTIAL)."""
    size = (frame[14] & 15) * 4
    ip, total = frame[14:14 + size], int.from_bytes(frame[16:18], "big")
    if folded_sum(ip) != 0:
        return "the IPv4 header's checksum is wrong"
    segment = frame[14 + size:14 + total]
    pseudo = ip[12:20] + struct.pack(">HH", 6, total - size)
    if partial:
        field = int.from_bytes(segment[16:18], "big")
        return None if folded_sum(pseudo) == field % 0xffff else "the pseudo-header's sum is wrong"
    if len(frame) < min(length, 14 + total):
        return "not all of it was there to be checked"
    return None if folded_sum(pseudo + segment) == 0 else "the TCP checksum is wrong"


class TcpFrames:
    """Judges the IPv4 TCP frames of one interface, in a namespace, from now until close()."""

    STATISTICS, AUXDATA, NOT_READY = 6, 8, 1 << 3  # linux/if_packet.h

    def __init__(self, interface, path="/proc/self/ns/net"):
        def opened():
            made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            made.setsockopt(socket.SOL_SOCKET, 33, 1 << 26)  # SO_RCVBUFFORCE
            made.setsockopt(263, self.AUXDATA, 1)  # SOL_PACKET
            made.bind((interface, 3))
            return made

        self.socket = in_namespace(path, opened)
        self.seen, self.partial, self.faults, self.flags = 0, 0, [], []
        self.end, self.stop = os.pipe()
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        while True:
            ready, _, _ = select.select([self.socket, self.end], [], [])
            if self.socket not in ready:
                return  # all that came before the end has been judged
            try:
                self.judge(*self.socket.recvmsg(70_000, 256))
            except OSError:
                continue  # the interface has gone

    def judge(self, frame, extra, _flags, _from):
        if frame[12:14] != b"\x08\x00" or frame[23] != 6:
            return
        [status] = [struct.unpack_from("=I", data)[0] for _, kind, data in extra
                    if kind == self.AUXDATA]
        partial = status & self.NOT_READY != 0
        self.seen += 1
        self.partial += partial
        fault = checksum_fault(frame, len(frame), partial)
        if fault and len(self.faults) < 10:
            self.faults.append(f"{fault}: {frame[:80].hex()}")
        at = 14 + (frame[14] & 15) * 4
        source, to = struct.unpack_from(">HH", frame, at)
        if frame[at + 13] & 7:  # SYN, RST, FIN
            self.flags.append((source, to, frame[at + 13]))

    def missed(self):
        """Frames that there was no room for, since the last call."""
        return struct.unpack("=II", self.socket.getsockopt(263, self.STATISTICS, 8))[1]

    def close(self):
        os.write(self.stop, b"x")
        self.thread.join()
        for handle in (self.end, self.stop):
            os.close(handle)
        self.socket.close()


def counter(name, path="/proc/self/ns/net"):
    """One of the kernel's counters of IPv4 in a namespace, as "Tcp InCsumErrors"."""
    group, field = name.split()
    lines = in_namespace(path, lambda: pathlib.Path("/proc/thread-self/net/snmp").read_text())
    names, values = [line.split() for line in lines.splitlines() if line.startswith(group + ":")]
    return int(values[names.index(field)])


def finish_checksums(interface, path="/proc/self/ns/net"):
    """As `ethtool -K INTERFACE tx off`: the sender computes all checksums itself."""
    command = array.array("I", [0x17, 0])  # ETHTOOL_STXCSUM, linux/ethtool.h
    request = struct.pack("16sP8x", interface.encode(), command.buffer_info()[0])

    def told():
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            fcntl.ioctl(asked, 0x8946, request)  # SIOCETHTOOL

    in_namespace(path, told)


if __name__ == "__main__":
    what = serve if len(sys.argv) > 3 else answer
    what(sys.argv[1], *map(int, sys.argv[2:]))
