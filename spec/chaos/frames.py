"""frames.py - what a hostile agent could send: for proxy.py, which puts it into the streams of
containers. The format is that of src/wire/wire.h, inside that of Docker's attached streams.
"""
import random

NOBODYS = 0x7FFFFFF0  # no run has this number


def frame(kind, body=b"", run=0, reserved=0, length=None):
    return ((len(body) if length is None else length).to_bytes(4, "little") + bytes([kind, reserved])
            + bytes(2) + run.to_bytes(4, "little") + body)


def field(tag, body):
    return tag.to_bytes(2, "little") + len(body).to_bytes(4, "little") + body


def number(tag, value):
    return field(tag, value.to_bytes(8, "little"))


OUTPUT, EXIT, CREDIT, DONE, CLEANED, LOG = 33, 35, 36, 38, 39, 41
HOSTILE = {
    "an unknown type": frame(200),
    "bytes that are reserved": frame(OUTPUT, b"x", NOBODYS, reserved=1),
    "output without a run": frame(OUTPUT, b"another's\n"),
    "output of no run": frame(OUTPUT, b"another's\n", NOBODYS),
    "the end of no run": frame(EXIT, number(64, 0), NOBODYS),
    "the end of a run without a code": frame(EXIT, b"", 1),
    "an exit code out of range": frame(EXIT, number(64, 1 << 40), 1),
    "credit that nobody gave": frame(CREDIT, number(77, 1 << 60), 1),
    "a transfer that is none": frame(DONE, b"", NOBODYS),
    "a reset that nobody asked for": frame(CLEANED, number(80, 1)),
    "a second greeting": frame(1, field(1, b"enclave agent\0") + number(2, 1)),
    "a field that is cut off": frame(EXIT, b"\x40\x00\x08\x00", 1),
    "a field longer than its frame": frame(LOG, b"\x4f\x00\xff\xff\xff\xff"),
    "a text without an end": frame(LOG, field(79, b"no end")),
    "a frame of 4 GiB": frame(OUTPUT, b"x" * 100, 1, length=0xFFFFFFFF),
    "a frame for the other side": frame(2, field(3, b"/\0")),
    "a flood of lines": frame(LOG, field(79, b"\x1b[2J\x07" * 20 + b"\0")) * 300,
    "noise": None,
    "half a frame, then the end": frame(OUTPUT, b"x" * 100, 1, length=60000),
}


class Stream:
    """Follows what the engine sends on an attached stream, to know where a frame has ended."""

    def __init__(self):
        self.is_open = False  # the head of the answer is over
        self.got = b""  # not yet a whole chunk of Docker's
        self.rest = b""  # not yet a whole frame of the agent's

    def feed(self, piece, hostile):
        """What is to be sent in its place, and whether that is the end. hostile(): whether the
        agent is."""
        self.got += piece
        out = b""
        if not self.is_open:
            end = self.got.find(b"\r\n\r\n") + 4
            if end < 4:
                return b"", False
            out, self.got, self.is_open = self.got[:end], self.got[end:], True
        while len(self.got) >= 8:
            size = 8 + int.from_bytes(self.got[4:8], "big")
            if len(self.got) < size:
                break
            chunk, self.got = self.got[:size], self.got[size:]
            out += chunk
            if chunk[0] == 1 and self.ends_frame(chunk[8:]) and hostile():
                attack, is_end = self.attack()
                return out + attack, is_end
        return out, False

    def ends_frame(self, data):
        self.rest += data
        while len(self.rest) >= 12:
            size = 12 + int.from_bytes(self.rest[:4], "little")
            if len(self.rest) < size:
                break
            self.rest = self.rest[size:]
        return not self.rest

    @staticmethod
    def attack():
        name = random.choice(sorted(HOSTILE))
        sent = HOSTILE[name] or random.randbytes(40)
        return b"\1\0\0\0" + len(sent).to_bytes(4, "big") + sent, name.endswith("the end")
