"""Builds dist/crisiskit_VERSION_ARCH.deb: the program with its own Python environment.

Run with the Python of the environment (``make deb``). The package fits the Debian release
with the same minor version of Python. All compiled parts are the published wheels, checked
by hash, so nothing is compiled and no root or chroot is needed. The same source and date
(``SOURCE_DATE_EPOCH``, else the date of the Debian changelog) give the same bytes.
"""

import argparse
import gzip
import hashlib
import os
import re
import shutil
import subprocess
import sys
from email.utils import parsedate_to_datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "deb"
TREE = BUILD / "tree"
HOME = TREE / "usr" / "lib" / "crisiskit"
MINOR = f"{sys.version_info.major}.{sys.version_info.minor}"
SITE = HOME / "lib" / f"python{MINOR}" / "site-packages"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
# Wheels that run with the C library of Debian 12 (2.36).
GLIBC_NEWEST = 36
# Only sqlite-utils' own command wants it, and no such command is installed.
LEFT_OUT = ["pip"]
PROVIDERS = {
    "libc.so": "libc6",
    "libm.so": "libc6",
    "libdl.so": "libc6",
    "libpthread.so": "libc6",
    "librt.so": "libc6",
    "ld-linux": "libc6",
    "libgcc_s.so": "libgcc-s1",
    "libstdc++.so": "libstdc++6",
}


def run(*command: "str | Path") -> str:
    """Run a command that must succeed and return what it printed."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit(f"build_deb: this step failed: {' '.join(str(part) for part in command)}")
    return done.stdout


def source_date() -> int:
    """The date of every file in the package, in seconds since 1970."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    signature = re.search(r"^ -- .*>  (.*)$", (HERE / "changelog").read_text(), re.MULTILINE)
    assert signature, "the Debian changelog has no signature line"
    return int(parsedate_to_datetime(signature[1]).timestamp())


def debian_version(version: str) -> str:
    """The version in Debian's order: a pre-release sorts before its release."""
    return re.sub(r"\.?(a|b|rc|dev)(\d+)", r"~\1\2", version)


def build_wheel() -> Path:
    """The wheel of the source tree."""
    pip = [sys.executable, "-m", "pip", "--quiet", "--quiet", "wheel"]
    run(*pip, "--no-deps", "--no-build-isolation", "--no-index", "-w", BUILD, ROOT)
    return next(BUILD.glob("crisiskit-*.whl"))


def install(wheel: Path, machine: str) -> None:
    """Put the locked packages and our wheel into the environment's folder."""
    platforms = [f"--platform=manylinux_2_{n}_{machine}" for n in range(5, GLIBC_NEWEST + 1)]
    pip = [sys.executable, "-m", "pip", "--quiet", "--quiet", "--no-input", "install"]
    into = ["--no-deps", "--no-compile", "--only-binary=:all:", f"--target={SITE}"]
    fits = [f"--python-version={MINOR}", "--implementation=cp", f"--platform=linux_{machine}"]
    wheels = ROOT / "wheels"
    source = ["--no-index", f"--find-links={wheels}"] if wheels.is_dir() else []
    locked = ["--require-hashes", f"--requirement={ROOT / 'requirements' / 'links.txt'}"]
    run(*pip, *into, *fits, *platforms, *source, *locked)
    run(*pip, *into, "--no-index", "--upgrade", wheel)


def prune() -> None:
    """Remove what a package must not carry, and its lines in the lists of files."""
    for name in LEFT_OUT:
        for path in [SITE / name, *SITE.glob(f"{name}-*.dist-info")]:
            shutil.rmtree(path)
    for path in [*SITE.rglob("__pycache__"), SITE / "bin", SITE / "share"]:
        shutil.rmtree(path, ignore_errors=True)
    # Where the build folder was is nobody's business, and C sources are not run.
    for pattern in ("*.dist-info/direct_url.json", "*.c", "*.h", "*.pyx", "*.pxd"):
        for path in SITE.rglob(pattern):
            path.unlink()
    for record in SITE.glob("*.dist-info/RECORD"):
        lines = record.read_text().splitlines(keepends=True)
        record.write_text("".join(line for line in lines if is_there(line)))


def is_there(record_line: str) -> bool:
    """Whether the file of this line of a RECORD is still in the package."""
    return (SITE / record_line.split(",")[0].strip('"')).exists()


def strip(machine: str) -> "list[Path]":
    """Strip the compiled modules and return them."""
    tool = shutil.which(f"{machine}-linux-gnu-strip") or (
        shutil.which("strip") if machine == os.uname().machine else None
    )
    if not tool:
        sys.exit(f"build_deb: no 'strip' for {machine}: install binutils for it")
    modules = sorted(path for path in SITE.rglob("*.so*") if path.is_file())
    for path in modules:
        run(tool, "--strip-unneeded", path)
    return modules


def library_depends(modules: "list[Path]") -> "list[str]":
    """The Debian packages that hold the shared libraries these modules name."""
    packages = set()
    newest = (0, 0)
    for path in modules:
        headers = run("objdump", "-p", path)
        for library in re.findall(r"NEEDED\s+(\S+)", headers):
            names = [package for prefix, package in PROVIDERS.items() if library.startswith(prefix)]
            if not names:
                sys.exit(f"build_deb: {path.name} needs {library}, which no known package holds")
            packages.add(names[0])
        versions = re.findall(r"\bGLIBC_(\d+)\.(\d+)", headers)
        newest = max([newest, *((int(major), int(minor)) for major, minor in versions)])
    packages.discard("libc6")
    return [f"libc6 (>= {newest[0]}.{newest[1]})", *sorted(packages)]


def lay_out() -> None:
    """The environment's own files, and ours outside of it."""
    write(
        HOME / "pyvenv.cfg",
        f"home = /usr/bin\ninclude-system-site-packages = false\nversion = {MINOR}\n",
    )
    (HOME / "bin").mkdir()
    (HOME / "bin" / "python3").symlink_to(f"../../../bin/python{MINOR}")
    copy(HERE / "launcher.sh", TREE / "usr/bin/crisiskit", 0o755)
    for unit in sorted((ROOT / "packaging/systemd").glob("*.service")):
        copy(unit, TREE / "usr/lib/systemd/system" / unit.name)
    for rules in sorted((ROOT / "packaging/udev").glob("*.rules")):
        copy(rules, TREE / "usr/lib/udev/rules.d" / rules.name)
    document = TREE / "usr/share/doc/crisiskit"
    copy(HERE / "copyright", document / "copyright")
    write(document / "changelog.gz", packed(HERE / "changelog"))
    write(TREE / "usr/share/man/man1/crisiskit.1.gz", packed(HERE / "crisiskit.1"))
    copy(HERE / "lintian-overrides", TREE / "usr/share/lintian/overrides/crisiskit")


def packed(path: Path) -> bytes:
    """The file, compressed, without name and date."""
    return gzip.compress(path.read_bytes(), 9, mtime=0)


def write(path: Path, content: "str | bytes") -> None:
    """Write a file of the package."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def copy(source: Path, target: Path, mode: int = 0o644) -> None:
    """Copy a file of the source tree into the package."""
    write(target, source.read_bytes())
    target.chmod(mode)


def write_control(version: str, architecture: str, libraries: "list[str]") -> None:
    """The DEBIAN folder: who we are, what we need, and the sum of each file."""
    files = sorted(path for path in TREE.rglob("*") if path.is_file() and not path.is_symlink())
    after = f"{sys.version_info.major}.{sys.version_info.minor + 1}"
    depends = [f"python3 (>= {MINOR})", f"python3 (<< {after})", "adduser", *libraries]
    sums = [
        f"{hashlib.md5(path.read_bytes()).hexdigest()}  {path.relative_to(TREE)}\n"
        for path in files
    ]
    control = (
        (HERE / "control.in")
        .read_text()
        .format(
            version=version,
            architecture=architecture,
            installed_kib=sum(path.stat().st_size for path in files) // 1024,
            depends=", ".join(depends),
        )
    )
    write(TREE / "DEBIAN/control", control)
    write(TREE / "DEBIAN/md5sums", "".join(sums))
    for script in ("postinst", "prerm", "postrm"):
        copy(HERE / script, TREE / "DEBIAN" / script, 0o755)


def settle(date: int) -> None:
    """The same modes and dates on every machine."""
    for path in [TREE, *TREE.rglob("*")]:
        if not path.is_symlink():
            is_module = path.suffix in (".py", ".so")
            runs = path.is_dir() or (path.stat().st_mode & 0o100 and not is_module)
            path.chmod(0o755 if runs else 0o644)
        os.utime(path, (date, date), follow_symlinks=False)


def main() -> None:
    """Build the package and print where it is."""
    parser = argparse.ArgumentParser(description="Build the Debian package.")
    own = run("dpkg", "--print-architecture").strip()
    parser.add_argument("--architecture", choices=sorted(MACHINES), default=own)
    architecture = parser.parse_args().architecture
    date = source_date()
    os.environ["SOURCE_DATE_EPOCH"] = str(date)
    shutil.rmtree(BUILD, ignore_errors=True)
    SITE.mkdir(parents=True)
    wheel = build_wheel()
    version = debian_version(wheel.name.split("-")[1])
    install(wheel, MACHINES[architecture])
    prune()
    libraries = library_depends(strip(MACHINES[architecture]))
    lay_out()
    write_control(version, architecture, libraries)
    settle(date)
    target = ROOT / "dist" / f"crisiskit_{version}_{architecture}.deb"
    target.parent.mkdir(exist_ok=True)
    run("dpkg-deb", "--root-owner-group", "-Zxz", "--threads-max=1", "--build", TREE, target)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size // 1024} KiB, for Python {MINOR}")


if __name__ == "__main__":
    main()
