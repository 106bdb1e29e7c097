"""faults.py - breaks what a pool stands on, at random, two things at a time.

    python3 faults.py FOLDER SECONDS SEED

FOLDER is that of run.sh. Every kind of fault occurs, in random order, again and again until the
time is over; then all is well again, and FOLDER/faults.json counts what was done and says by how
much this machine was late at its worst, which is not the library's doing.
"""
import json
import os
import random
import socket
import struct
import subprocess
import sys
import threading
import time

folder, seconds, seed = sys.argv[1], float(sys.argv[2]), sys.argv[3]
dice = random.Random(seed)
counts = {}
late = 0.0


def measure_lateness():
    global late
    while True:
        began = time.monotonic()
        time.sleep(0.05)
        late = max(late, time.monotonic() - began - 0.05)


def read(name):
    try:
        with open(folder + "/" + name) as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def docker(*arguments):
    return subprocess.run(["docker", "-H", "unix://" + folder + "/engine/docker.sock", *arguments],
                          capture_output=True, text=True).stdout.split()


def a_container():
    running = docker("ps", "-q", "--filter", "label=enclave.owner")
    return dice.choice(running) if running else None


def on_container(*command):
    def fault():
        container = a_container()
        if container:
            docker(*command, container)
    return fault


def proxy(mode, seconds):
    def write(word):
        with open(folder + "/mode.new", "w") as file:
            file.write(word)
        os.rename(folder + "/mode.new", folder + "/mode")

    def fault():
        write(mode)
        time.sleep(seconds)
        write("pass")
    return fault


def engine(*commands):
    def fault():
        for command in commands:
            options = ["--max-download-attempts=1"] if command == "start" else []
            subprocess.run(["sh", "spec/engine.sh", command, *options], check=command == "start",
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            time.sleep(dice.uniform(0, 1))
    return fault


def full_disk():
    filler = folder + "/engine/filler"
    space = os.statvfs(folder + "/engine")
    with open(filler, "wb") as file:
        try:
            os.posix_fallocate(file.fileno(), 0, space.f_bavail * space.f_frsize)
        except OSError:
            pass
    time.sleep(2)
    os.remove(filler)


def clock_jump():
    with open(folder + "/clock.new", "w") as file:
        file.write("%+d" % dice.randint(-86400, 86400))
    os.rename(folder + "/clock.new", folder + "/clock")


def pulls_cut():
    """The image is gone from the engine, and what comes of it again breaks off."""
    cuts = read("cuts")
    open(folder + "/cut", "w").close()
    end = time.monotonic() + 5
    while read("cuts") == cuts and time.monotonic() < end:
        used = docker("ps", "-aq", "--filter", "ancestor=" + read("image"))
        docker("rm", "-f", *used)
        docker("rmi", "-f", read("image"))
        docker("image", "prune", "-f")
        time.sleep(0.1)
    os.remove(folder + "/cut")


def clients_vanish():
    """HTTP clients that go away: within a head, within a body, while their program runs."""
    body = b'{"command": "sleep 60", "timeout": 60}'
    whole = (b"POST /pool/execute?tool_name=shell_executor HTTP/1.1\r\nHost: localhost\r\n"
             b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
    clients = []
    for _ in range(12):
        client = socket.create_connection(("127.0.0.1", int(read("server"))), 5)
        client.sendall(whole[:dice.choice((40, len(whole) - 10, len(whole), len(whole)))])
        clients.append(client)
    for client in clients:
        time.sleep(dice.uniform(0, 0.1))
        if dice.random() < 0.5:  # with a reset, not an end
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()


# Two things at a time: one of the engine's answers, one of the rest.
lanes = ({
    "connections cut": proxy("refuse", 0.5),
    "engine stalls": proxy("stall", 2),
    "engine answers 500": proxy("error", 1),
    "engine answers garbage": proxy("garbage", 1),
    "engine answers by half": proxy("half", 1),
    "agents send hostile frames": proxy("frames", 2),
    "clients vanish": clients_vanish,
    "pulls cut": pulls_cut,
}, {
    "container killed": on_container("kill"),
    "container paused": on_container("pause"),
    "container removed": on_container("rm", "-f"),
    "engine restarted": engine("stop", "start"),
    "engine killed": engine("kill", "start"),
    "disk full": full_disk,
    "clock jumps": clock_jump,
})


def work(kinds, end, dice):
    """Each once, and again as long as there is time."""
    began = False
    while not began or time.monotonic() < end:
        for kind in dice.sample(sorted(kinds), len(kinds)):
            if began and time.monotonic() >= end:
                break
            print("fault: " + kind, flush=True)
            kinds[kind]()
            counts[kind] = counts.get(kind, 0) + 1
            time.sleep(dice.uniform(0.1, 0.8))
        began = True


threading.Thread(target=measure_lateness, daemon=True).start()
end = time.monotonic() + seconds
workers = [threading.Thread(target=work, args=(kinds, end, random.Random(seed + str(i))))
           for i, kinds in enumerate(lanes)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
with open(folder + "/faults.new", "w") as file:
    json.dump({"counts": counts, "late": late}, file)
os.rename(folder + "/faults.new", folder + "/faults.json")
