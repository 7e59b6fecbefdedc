"""Make `.venv`: the exact packages of requirements.lock, and the project itself.

    python3 workflow/setup_venv.py            make or mend it; at once if there is nothing to do
    .venv/bin/python ... --check              exit status 0 if this .venv is complete

The last thing written is a stamp, `.venv/.litmus-<digest>`, so a set-up that was killed half-way has none and
the next call starts anew. What goes wrong is said in one sentence, with exit status 2; what pip said is in
.venv-setup.log.

Standard library only, and no more than Python 3.6 has: an interpreter that is too old must get as far as
saying so. Most calls only look at the stamp, so modules are imported where they are used.
"""

import hashlib
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
VENV = os.path.join(ROOT, ".venv")
VENV_PYTHON = os.path.join(VENV, "bin", "python")
LOCK = os.path.join(ROOT, "requirements.lock")
LOG = os.path.join(ROOT, ".venv-setup.log")

VERSIONS = ("3.11", "3.12", "3.13")  # those that requirements.lock is for
SPACE_GB = 4
DISK_FULL = "the disk is full: .venv needs about {} GB".format(SPACE_GB)
NO_NETWORK = "the packages can't be fetched: there is no network, or no way through it to the package index"
CAUSES = (  # what pip says, and what it means
    (r"No space left on device|Disk quota exceeded", DISK_FULL),
    (r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|ProxyError", NO_NETWORK),
    (r"ConnectionReset|ProtocolError|Max retries exceeded|[Nn]etwork is unreachable", NO_NETWORK),
)


class SetupError(Exception):
    """What stops the set-up, in one sentence."""


def stamp(version):
    """The stamp's path, from Python's version, the lock, the metadata, and the place, as scripts hold it."""
    digest = hashlib.sha256(version.encode() + b"\0" + os.fsencode(ROOT))
    for name in (LOCK, os.path.join(ROOT, "pyproject.toml")):
        with open(name, "rb") as file:
            digest.update(b"\0" + file.read())
    return os.path.join(VENV, ".litmus-" + digest.hexdigest()[:16])


def check():
    """Whether the .venv whose interpreter runs this is complete, and of the version asked for."""
    version = "%d.%d" % sys.version_info[:2]
    asked = os.environ.get("PYTHON")
    return os.path.exists(stamp(version)) and (not asked or probe(asked)[0] == version)


def ready():
    """Whether .venv's interpreter starts and finds .venv complete."""
    import subprocess

    command = [VENV_PYTHON, "-S", os.path.abspath(__file__), "--check"]
    try:
        return subprocess.call(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def probe(python):
    """(version, path outside any venv, whether it can make venvs) of a command; version None if no Python."""
    import re
    import subprocess

    code = (
        "import sys; sys.stdout.write('%d.%d ' % sys.version_info[:2]);"
        "sys.stdout.write(getattr(sys, '_base_executable', sys.executable)); sys.stdout.flush();"
        "import venv, ensurepip"
    )
    try:
        process = subprocess.Popen(
            [python, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
        )
    except OSError:
        return None, python, False
    found = re.match(r"(\d+\.\d+) (.+)", process.communicate()[0])
    return (found.group(1), found.group(2), process.returncode == 0) if found else (None, python, False)


def choose_python():
    """(version, path) of the interpreter to build on: PYTHON, or else this one, python3.13, 3.12 or 3.11."""
    asked = os.environ.get("PYTHON")
    names = [asked] if asked else [sys.executable] + ["python" + version for version in reversed(VERSIONS)]
    found = [(name, *probe(name)) for name in names]
    # A version too new for the lock may do; who names it with PYTHON gets to try.
    fit = [each for each in found if each[1] in VERSIONS or (asked and minor(each[1]) > minor(VERSIONS[-1]))]
    for _, version, executable, complete in fit:
        if complete:
            return version, executable
    if fit:
        message = "{} (Python {}) lacks venv and ensurepip; on Debian and Ubuntu, apt install python3-venv"
        raise SetupError(message.format(*fit[0][:2]))
    name, version = found[0][:2]
    message = "Python {}, {} or {} is needed, but {} {}; name another with make PYTHON=/path/to/python"
    raise SetupError(message.format(*VERSIONS, name, "is " + version if version else "does not run"))


def minor(version):
    return [int(part) for part in (version or "0").split(".")]


def clear_place():
    """Remove what is left of an older or half-made .venv, and see that there is room for a new one."""
    import shutil

    if os.path.exists(VENV):
        shutil.rmtree(VENV)
    free = shutil.disk_usage(ROOT).free / 1e9
    if free < SPACE_GB:
        raise SetupError("{}, and {:.1f} GB are free".format(DISK_FULL, free))


def spoil():
    """Take the stamps away: from here until the end, .venv is half-made. Returns what they said."""
    said = []
    for name in os.listdir(VENV) if os.path.isdir(VENV) else []:
        if name.startswith(".litmus-"):
            with open(os.path.join(VENV, name), encoding="utf-8") as file:
                said.append(file.read())
            os.remove(os.path.join(VENV, name))
    return said


def build(log):
    """Make .venv, or bring one that was complete for an older lock up to date."""
    import shutil
    import time

    begin = time.time()
    if os.path.islink(VENV):
        raise SetupError(".venv is a link, and not to a set-up of this place; remove the link first")
    version, python = choose_python()
    identity = version + " " + ROOT
    if identity in spoil() and probe(VENV_PYTHON)[0] == version:
        say("Bringing .venv up to date")
    else:
        clear_place()
        say("Setting up .venv with Python {} (once; some minutes)".format(version))
        run(log, [python, "-m", "venv", "--prompt", "litmus", VENV])
    # pip unpacks into TMPDIR, which may be a small RAM disk; .venv is where room was looked for.
    scratch = os.path.join(VENV, "tmp")
    os.makedirs(scratch, exist_ok=True)
    pip = [VENV_PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input", "install"]
    run(log, [*pip, "--progress-bar=off", "-r", LOCK], scratch, Progress().see)
    run(log, [*pip, "--no-deps", "--no-build-isolation", "-e", ROOT], scratch)
    shutil.rmtree(scratch)
    with open(stamp(version), "w", encoding="utf-8") as file:
        file.write(identity)
    say("Done in {:.0f} s".format(time.time() - begin))


def run(log, command, scratch=None, see=None):
    """Run a command with its output in the log and each line shown to `see`; SetupError if it fails."""
    import re
    import subprocess

    env = dict(os.environ, PIP_USER="0", PYTHONUNBUFFERED="1")
    for name in ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX"):
        env.pop(name, None)
    if scratch:
        env["TMPDIR"] = scratch
    # The child holds the log too, and so the lock: if this process is killed, the next waits for pip to end.
    process = subprocess.Popen(
        command,
        env=env,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=(log.fileno(),),
        encoding="utf-8",
        errors="replace",
    )
    output = ""
    for line in process.stdout:
        output += line
        log.write(line)
        log.flush()
        if see:
            see(line, process)
    if process.wait() == 0:
        return
    if see and sys.stderr.isatty():
        say("")  # the count ends its line
    causes = [meaning for pattern, meaning in CAUSES if re.search(pattern, output)]
    errors = re.findall(r"^(?:ERROR|Error): *(.+)", output, re.M) or output.splitlines() or ["no reason"]
    causes.append("{} failed: {}".format(command[2], errors[-1].rstrip(".")))
    raise SetupError(causes[0] + " (log: .venv-setup.log)")


class Progress:
    """pip's output as a running count: one line on a terminal, elsewhere one line in twenty packages."""

    def __init__(self):
        with open(LOCK, encoding="utf-8") as file:
            self.total = sum(1 for line in file if line.strip() and not line.startswith("#"))
        self.names = set()
        self.shown = 0

    def see(self, line, process):
        import re
        import time

        found = re.match(r"(?:Collecting|Processing|.* satisfied:) (?:[^(]*/)?(.+?)(?:-\d|[=[ ])", line)
        if found and found.group(1) not in self.names:
            self.names.add(found.group(1))
            self.show("fetching", len(self.names), found.group(1))
        elif line.startswith("Installing collected packages"):
            self.shown = 0
            while process.poll() is None:  # pip is silent from here to its end: count what has arrived
                self.show("installing", installed())
                time.sleep(0.2)
            say("" if sys.stderr.isatty() else "  installed")

    def show(self, what, done, name=""):
        text = "  {} {}/{} {}".format(what, min(done, self.total), self.total, name).rstrip()
        if sys.stderr.isatty():
            sys.stderr.write("\r\033[K" + text)
            sys.stderr.flush()
        elif done >= self.shown + 20:
            self.shown = done
            say(text)


def installed():
    """How many packages .venv holds."""
    import glob

    return len(glob.glob(os.path.join(glob.escape(VENV), "lib", "python*", "site-packages", "*.dist-info")))


def say(text):
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def make():
    """Make .venv unless another process has just done so; one at a time."""
    import fcntl

    with open(LOG, "a", encoding="utf-8") as log:
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another set-up is at work; waiting for it")
            fcntl.flock(log, fcntl.LOCK_EX)
        if not ready():
            log.truncate(0)
            build(log)


def main(arguments):
    if "--check" in arguments:
        return 0 if check() else 1
    if ready():
        return 0
    try:
        make()
        return 0
    except KeyboardInterrupt:
        say("\nSet-up: interrupted; the next call starts it again.")
        return 130
    except SetupError as error:
        reason = str(error)
    except OSError as error:
        import errno

        reason = DISK_FULL if error.errno in (errno.ENOSPC, errno.EDQUOT) else str(error)
    say("Set-up: {}.".format(reason))
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
