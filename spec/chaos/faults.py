"""faults.py - breaks what a pool stands on, at random, one thing after another.

    python3 faults.py FOLDER SECONDS SEED

FOLDER is that of run.sh. Every kind of fault occurs, in random order, again and again until the
time is over; then all is well again, and FOLDER/faults.json counts what was done and says by how
much this machine was late at its worst, which is not the library's doing.
"""
import json
import os
import random
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
            subprocess.run(["sh", "spec/engine.sh", command], check=command == "start",
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


kinds = {
    "container killed": on_container("kill"),
    "container paused": on_container("pause"),
    "container removed": on_container("rm", "-f"),
    "connections cut": proxy("refuse", 0.5),
    "engine stalls": proxy("stall", 2),
    "engine answers 500": proxy("error", 1),
    "engine answers garbage": proxy("garbage", 1),
    "engine answers by half": proxy("half", 1),
    "engine restarted": engine("stop", "start"),
    "engine killed": engine("kill", "start"),
    "disk full": full_disk,
    "clock jumps": clock_jump,
}

threading.Thread(target=measure_lateness, daemon=True).start()
end = time.monotonic() + seconds
while not counts or time.monotonic() < end:
    for kind in dice.sample(sorted(kinds), len(kinds)):
        print("fault: " + kind, flush=True)
        kinds[kind]()
        counts[kind] = counts.get(kind, 0) + 1
        time.sleep(dice.uniform(0.2, 1.5))
with open(folder + "/faults.new", "w") as file:
    json.dump({"counts": counts, "late": late}, file)
os.rename(folder + "/faults.new", folder + "/faults.json")
