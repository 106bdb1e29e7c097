#!/usr/bin/env python3
"""Runs every program in scripts/ and shell/ cold and by a warm process, and compares standard
output, standard error and exit status byte for byte.

    run.py [INTERPRETER ...] [--only WORD] [--verbose]

An interpreter is the path of a Python or of a shell; default: /usr/bin/python3 and /bin/sh.

Lines "#: word ..." at a program's end say how it is run; they are no part of it:
  args, args-bytes, env, stdin, stdin-repeat N, limit NAME N, script NAME, link NAME,
  mode OCTAL, as folder|zip|pyc, user-site, bytes (\\xNN are bytes), strip (no last newline)
"""
import codecs
import os
import py_compile
import re
import resource
import shlex
import shutil
import subprocess
import sys
import tempfile
import zipfile

import harness

FOLDERS = {".py": os.path.join(harness.HERE, "scripts"), ".sh": os.path.join(harness.HERE, "shell")}
USER = 65534 if os.getuid() == 0 else os.getuid()
GROUP = 65534 if os.getuid() == 0 else os.getgid()


def unescape(text):
    return codecs.escape_decode(text.encode())[0]


class Case:
    def __init__(self, name, suffix):
        self.name = name
        with open(os.path.join(FOLDERS[suffix], name + suffix), encoding="utf-8") as file:
            lines = file.read().splitlines(keepends=True)
        self.options = [l[3:].strip("\n") for l in lines if l.startswith("#: ")]
        text = "".join(l for l in lines if not l.startswith("#: "))
        self.code = text.encode()
        self.args, self.env, self.stdin, self.limits = [], {}, None, []
        self.script, self.kind, self.mode, self.link, self.user_site = None, "file", 0o644, None, 0
        for option in self.options:
            word, _, rest = option.partition(" ")
            if word == "args":
                self.args += shlex.split(rest)
            elif word == "args-bytes":
                self.args += [os.fsdecode(unescape(a)) for a in rest.split()]
            elif word == "env":
                key, _, value = rest.partition("=")
                self.env[key] = value
            elif word == "stdin":
                self.stdin = codecs.escape_decode(rest.encode())[0]
            elif word == "stdin-repeat":
                count, _, text = rest.partition(" ")
                self.stdin = text.encode() * int(count)
            elif word == "limit":
                key, number = rest.split()
                soft = int(number)
                hard = soft + 1 if key == "CPU" else soft
                self.limits.append((getattr(resource, "RLIMIT_" + key), soft, hard))
            elif word == "script":
                self.script = shlex.split(rest)[0]
            elif word == "link":
                self.link = self.script = rest
            elif word == "mode":
                self.mode = int(rest, 8)
            elif word == "as":
                self.kind = rest
            elif word == "user-site":
                self.user_site = 1
            elif word == "bytes":
                self.code = unescape(self.code.decode())
            elif word == "strip":
                self.code = self.code.rstrip(b"\n")
            else:
                raise ValueError("%s: unknown option %r" % (name, option))

    def prepare(self, work, python):
        shutil.rmtree(work, ignore_errors=True)
        os.mkdir(work)
        main = os.path.join(work, "main.py")
        script = self.script or main
        if self.script and not self.link and not os.path.isabs(self.script):
            if "missing" not in self.script:
                main = os.path.normpath(os.path.join(work, self.script))
        with open(main, "wb") as file:
            file.write(self.code)
        os.chmod(main, self.mode)
        if self.kind == "folder":
            script = os.path.join(work, "folder")
            os.mkdir(script)
            os.rename(main, os.path.join(script, "__main__.py"))
        elif self.kind == "zip":
            script = os.path.join(work, "app.zip")
            with zipfile.ZipFile(script, "w") as archive:
                archive.writestr(zipfile.ZipInfo("__main__.py"), self.code)
        elif self.kind == "pyc":
            script = os.path.join(work, "main.pyc")
            subprocess.check_call([python, "-c", "import py_compile, sys; py_compile.compile("
                                   "sys.argv[1], sys.argv[2])", main, script])
        if self.link:
            os.makedirs(os.path.dirname(os.path.join(work, self.link)))
            os.symlink("../main.py", os.path.join(work, self.link))
        if self.user_site:
            version = subprocess.check_output(
                [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], text=True)
            folder = "%s/.local/lib/python%s/site-packages" % (work, version.strip())
            os.makedirs(folder)
            with open(folder + "/from_user_site.py", "w") as file:
                file.write("print(__name__, __file__)\n")
        for folder, folders, files in os.walk(work):
            for name in [folder] + [os.path.join(folder, f) for f in files]:
                os.chown(name, USER, GROUP, follow_symlinks=False)
        return script

    def prepare_shell(self, work):
        shutil.rmtree(work, ignore_errors=True)
        os.mkdir(work)
        os.chown(work, USER, GROUP)

    def fits(self):
        """As warm/fit.c: what else runs cold in any case."""
        return not any(k.startswith(("PYTHON", "LC_", "LANG")) for k in self.env)


def normal(text):
    text = re.sub(rb"0x[0-9a-f]{6,}", b"0x", text)
    return re.sub(rb"started \d+", b"started", text)


class Comparison:
    def __init__(self, program, entry, verbose=False):
        self.program = program
        self.is_python = "python" in os.path.basename(program)
        self.suffix = ".py" if self.is_python else ".sh"
        self.entry = entry
        self.verbose = verbose
        self.base = tempfile.mkdtemp(prefix="enclave-conformance-")
        os.chmod(self.base, 0o755)
        self.work = os.path.join(self.base, "place")
        self.warm = harness.Warm(entry, **{"python" if self.is_python else "shell": program})
        self.failed = []
        self.cold_only = 0
        self.passed = 0

    def run(self, case, warm):
        if self.is_python:
            script = case.prepare(self.work, self.program)
            argv = ["python3", script] + case.args
        else:
            case.prepare_shell(self.work)
            argv = [os.path.basename(self.program), "-c", case.code.decode()]
        env = dict(harness.clean_environment(self.program), HOME=self.work, PWD=self.work)
        env.update(case.env)
        if warm:
            launch = lambda fds: self.warm.launch(argv, env, self.work, USER, GROUP, fds, case.limits)
        else:
            launch = lambda fds: harness.cold(
                self.program, argv, env, self.work, USER, GROUP, fds, case.limits)
        out, err, status = harness.run(launch, case.stdin)
        return normal(out), normal(err), status

    def compare(self, case):
        cold = self.run(case, False)
        if not case.fits():
            self.cold_only += 1
            return
        warm = self.run(case, True)
        if cold == warm:
            self.passed += 1
            if self.verbose:
                print(case.name, cold[0][-300:], cold[1][-300:], cold[2])
            return
        again = self.run(case, False)
        self.failed.append(case.name)
        print("DIFFERS %s%s" % (case.name, "" if again == cold else " (cold differs from cold)"))
        for what, a, b in zip(("stdout", "stderr", "status"), cold, warm):
            if a != b:
                print("  cold %s: %r" % (what, a[-1500:] if what != "status" else a))
                print("  warm %s: %r" % (what, b[-1500:] if what != "status" else b))

    def close(self):
        self.warm.close()
        shutil.rmtree(self.base, ignore_errors=True)


def main():
    arguments = sys.argv[1:]
    verbose = "--verbose" in arguments
    only = None
    if "--only" in arguments:
        at = arguments.index("--only")
        only = arguments[at + 1]
        del arguments[at:at + 2]
    programs = [a for a in arguments if not a.startswith("-")] or ["/usr/bin/python3", "/bin/sh"]
    harness.become_subreaper()
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        entry = harness.build_entry(folder)
        for program in programs:
            comparison = Comparison(program, entry, verbose)
            suffix = comparison.suffix
            names = sorted(f[:-3] for f in os.listdir(FOLDERS[suffix]) if f.endswith(suffix))
            try:
                for name in names:
                    if not only or only in name:
                        comparison.compare(Case(name, suffix))
            finally:
                comparison.close()
            print("%s: %d the same, %d differ, %d cold by rule" % (
                program, comparison.passed, len(comparison.failed),
                comparison.cold_only))
            failures += len(comparison.failed)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
