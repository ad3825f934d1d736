"""Makes the folder .venv ready: python3 packaging/setup_env.py [--dev].

Standard library only. Quick when nothing changed, and safe to run again at any time. The
wording of the language stays plain here, so that an old Python still reaches the sentence
that asks for a newer one.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"run": ["run.txt", "build.txt"], "dev": ["dev.txt"]}
QUIET = ["--quiet", "--quiet"]
LOCAL_ONLY = ["--no-deps", "--no-build-isolation", "--no-index"]


class SetupError(Exception):
    """Something is missing on this machine; the text says what to do."""


def say(text: str) -> None:
    """Tell the person at the keyboard."""
    print(f"crisiskit: {text}", file=sys.stderr, flush=True)


def is_new_enough(python: str) -> bool:
    """Whether this interpreter runs and is recent enough."""
    probe = f"import sys; sys.exit(sys.version_info < {OLDEST})"
    return subprocess.run([python, "-c", probe], capture_output=True).returncode == 0


def newer_python() -> str:
    """Another interpreter on this machine that is recent enough."""
    for minor in range(20, OLDEST[1] - 1, -1):
        found = shutil.which(f"python3.{minor}")
        if found and is_new_enough(found):
            return found
    have = ".".join(str(part) for part in sys.version_info[:3])
    want = ".".join(str(part) for part in OLDEST)
    raise SetupError(
        f"this program needs Python {want} or newer, and found only Python {have}. "
        f"Install a newer Python (on Debian 12, Ubuntu 24.04 or newer: sudo apt install "
        f"python3 python3-venv), then run the same command again."
    )


def digest(paths: "list[Path]") -> str:
    """One hash over names and contents."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return total.hexdigest()


class Environment:
    """The virtual environment of one source tree."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / ".venv"
        self.stamp = self.folder / "crisiskit-env.json"
        self.wheels = root / "wheels"
        scripts = "Scripts" if os.name == "nt" else "bin"
        self.bin = self.folder / scripts
        self.python = self.bin / ("python.exe" if os.name == "nt" else "python")

    def done(self) -> "dict[str, str]":
        """What the stamp says is installed; empty when there is no environment."""
        try:
            stamp = json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) and self.python.exists() else {}

    def wants(self, level: str) -> "dict[str, str]":
        """What the source tree asks for."""
        locks = [self.root / "requirements" / name for name in LOCKS[level]]
        project = [
            self.root / "pyproject.toml",
            self.root / "hatch_build.py",
            self.root / "crisiskit" / "__init__.py",
            *sorted(self.root.glob("crisiskit/locale/*/LC_MESSAGES/*.po")),
        ]
        return {
            "place": f"{self.folder} {sys.version}",
            "level": level,
            "packages": digest(locks),
            "project": digest(project),
        }

    def prepare(self, dev: bool) -> bool:
        """Bring the environment up to date. True when something had to be done.

        The stamp grows with each finished step, so a step that was cut is done again.
        """
        done = self.done()
        wants = self.wants("dev" if dev or done.get("level") == "dev" else "run")
        if done == wants:
            return False
        if done.get("place") != wants["place"]:
            self.create()
            done = {}
        if any(done.get(key) != wants[key] for key in ("level", "packages")):
            self.install_packages(wants["level"])
        self.write_stamp({key: wants[key] for key in wants if key != "project"})
        self.install_project()
        self.write_stamp(wants)
        return True

    def write_stamp(self, stamp: "dict[str, str]") -> None:
        """Remember what is installed."""
        self.stamp.write_text(json.dumps(stamp, indent=1) + "\n", encoding="utf-8")

    def create(self) -> None:
        """Make the empty environment, with pip in it."""
        say(f"making {self.folder.name} with Python {sys.version.split()[0]}")
        make = [sys.executable, "-m", "venv", "--clear", str(self.folder)]
        if has_ensurepip():
            call(make)
            return
        pip_wheels = sorted(self.wheels.glob("pip-*.whl"))
        uv = shutil.which("uv")
        if pip_wheels:
            call([*make, "--without-pip"])
            pip = [str(self.python), str(pip_wheels[-1] / "pip"), "install", *QUIET]
            call([*pip, "--no-index", str(pip_wheels[-1])])
        elif uv:
            call(
                [uv, "venv", "--quiet", "--clear", "--seed", "-p", sys.executable, str(self.folder)]
            )
        else:
            raise SetupError(
                "Python is here, but not its part that makes environments. On Debian or Ubuntu: "
                "sudo apt install python3-venv, then run the same command again."
            )

    def install_packages(self, level: str) -> None:
        """Install the locked packages; each file is checked against its hash."""
        locks = []
        for name in LOCKS[level]:
            locks += ["-r", str(self.root / "requirements" / name)]
        source = ["--no-index", "--find-links", str(self.wheels)] if self.wheels.is_dir() else []
        say("installing packages from " + ("wheels/" if source else "the package index"))
        uv = shutil.which("uv")
        wanted = [*QUIET, "--require-hashes", *source, *locks]
        if uv and works([uv, "pip", "install", "--python", str(self.python), *wanted]):
            return
        if not works([*self.pip(), "install", *wanted]):
            raise SetupError(
                "the packages could not be installed; the lines above say why. Without network: "
                "run 'make wheels' on a connected machine of the same kind, copy the folder "
                "wheels/ here, then run the same command again."
            )

    def install_project(self) -> None:
        """Install the source tree itself, so that edits take effect at once."""
        say("installing crisiskit from this folder")
        if not works([*self.pip(), "install", *QUIET, *LOCAL_ONLY, "-e", str(self.root)]):
            raise SetupError("crisiskit itself could not be installed; the lines above say why.")

    def pip(self) -> "list[str]":
        """The start of a pip command for this environment."""
        return [str(self.python), "-m", "pip", "--disable-pip-version-check", "--no-input"]


def has_ensurepip() -> bool:
    """Debian ships Python without it; ``python3-venv`` brings it."""
    return (
        subprocess.run([sys.executable, "-c", "import ensurepip"], capture_output=True).returncode
        == 0
    )


def works(command: "list[str]") -> bool:
    """Run a command; whether it succeeded. Its own messages stay visible."""
    return subprocess.run(command, stdin=subprocess.DEVNULL).returncode == 0


def call(command: "list[str]") -> None:
    """Run a command that must succeed."""
    if not works(command):
        raise SetupError(f"this step failed: {' '.join(command)}")


def main() -> int:
    """Entry point; 0 when the environment is ready."""
    parser = argparse.ArgumentParser(description="Make .venv ready for crisiskit.")
    parser.add_argument("--dev", action="store_true", help="also what tests and checks need")
    options = parser.parse_args()
    try:
        if sys.version_info < OLDEST:
            return subprocess.run([newer_python(), *sys.argv]).returncode
        environment = Environment(ROOT)
        if environment.prepare(dev=options.dev):
            say(f"ready: {(environment.bin / 'crisiskit').relative_to(ROOT)}")
    except SetupError as trouble:
        say(str(trouble))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
