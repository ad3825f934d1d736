"""The launcher: what a beginner reads when something is missing, and no work done twice."""

from __future__ import annotations

import ast
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "packaging" / "setup_env.py"


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("setup_env", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class World:
    """A source tree in a folder of its own; commands are noted, not run."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.setup = load()
        self.root = root
        self.ran: list[str] = []
        self.failing = ""
        monkeypatch.setattr(self.setup, "works", self.works)
        monkeypatch.setattr(self.setup.shutil, "which", lambda name: None)
        for name in ("pyproject.toml", "hatch_build.py", "crisiskit/__init__.py"):
            self.write(name, name)
        for name in ("run", "build", "dev"):
            self.write(f"requirements/{name}.txt", name)
        self.environment = self.setup.Environment(root)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def works(self, command: list[str]) -> bool:
        line = " ".join(command)
        self.ran.append(line)
        if " venv " in line:
            self.environment.bin.mkdir(parents=True, exist_ok=True)
            self.environment.python.touch()
        return not (self.failing and self.failing in line)

    def prepare(self, dev: bool = False) -> list[str]:
        """Prepare once more; what was run."""
        self.ran.clear()
        self.environment.prepare(dev=dev)
        return list(self.ran)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_the_first_time_makes_installs_and_the_second_does_nothing(world: World) -> None:
    steps = world.prepare()
    assert [word in line for word, line in zip(("venv", "run.txt", "-e"), steps, strict=True)]
    assert world.prepare() == []


@pytest.mark.parametrize(
    ("file", "again"),
    [
        ("requirements/run.txt", ["run.txt", "-e"]),
        ("pyproject.toml", ["-e"]),
        ("crisiskit/locale/fr/LC_MESSAGES/crisiskit.po", ["-e"]),
        ("crisiskit/model.py", []),
    ],
)
def test_only_what_changed_is_done_again(world: World, file: str, again: list[str]) -> None:
    world.prepare()
    world.write(file, "changed")
    steps = world.prepare()
    assert len(steps) == len(again)
    assert all(word in line for word, line in zip(again, steps, strict=True))


def test_what_a_developer_needs_comes_on_top_and_stays(world: World) -> None:
    world.prepare()
    assert any("dev.txt" in line for line in world.prepare(dev=True))
    assert world.prepare(dev=False) == []


def test_every_file_is_checked_by_its_hash(world: World) -> None:
    assert all("--require-hashes" in line for line in world.prepare() if ".txt" in line)


def test_a_wheels_folder_stands_in_for_the_network(world: World) -> None:
    (world.root / "wheels").mkdir()
    installs = [line for line in world.prepare() if "pip" in line]
    assert all("--no-index" in line for line in installs)


def test_uv_is_used_where_it_is_and_pip_where_uv_fails(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.setup.shutil, "which", lambda name: "/bin/uv")
    world.failing = "/bin/uv"
    steps = [line for line in world.prepare() if "run.txt" in line]
    assert steps[0].startswith("/bin/uv pip install")
    assert "-m pip" in steps[1]


def test_a_step_that_failed_is_done_again(world: World) -> None:
    world.failing = " -e "
    with pytest.raises(world.setup.SetupError, match="crisiskit itself"):
        world.prepare()
    world.failing = ""
    assert [" -e " in line for line in world.prepare()] == [True]


def test_a_folder_that_was_moved_gets_a_new_environment(world: World, tmp_path: Path) -> None:
    world.prepare()
    stamp = json.loads(world.environment.stamp.read_text())
    world.environment.stamp.write_text(json.dumps({**stamp, "place": "elsewhere"}))
    assert " venv " in world.prepare()[0]


def without_ensurepip(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world.setup, "has_ensurepip", lambda: False)


def test_without_ensurepip_a_sentence_says_what_to_install(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_ensurepip(world, monkeypatch)
    with pytest.raises(world.setup.SetupError, match="sudo apt install python3-venv"):
        world.prepare()


def test_without_ensurepip_the_pip_of_the_wheels_folder_is_used(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_ensurepip(world, monkeypatch)
    world.write("wheels/pip-26.3-py3-none-any.whl", "")
    steps = world.prepare()
    assert "--without-pip" in steps[0]
    assert "pip-26.3-py3-none-any.whl/pip install" in steps[1].replace("\\", "/")


def test_no_network_is_told_in_a_sentence(world: World) -> None:
    world.failing = "run.txt"
    with pytest.raises(world.setup.SetupError, match="make wheels"):
        world.prepare()


def test_an_old_python_asks_for_a_newer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = load()
    monkeypatch.setattr(setup.shutil, "which", lambda name: None)
    with pytest.raises(setup.SetupError, match=r"needs Python 3\.11 or newer"):
        setup.newer_python()


def test_an_old_python_takes_the_newer_one_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = load()
    beside: Callable[[str], str | None] = {"python3.12": sys.executable}.get
    monkeypatch.setattr(setup.shutil, "which", beside)
    assert setup.newer_python() == sys.executable


def test_an_old_python_can_read_the_script() -> None:
    text = SCRIPT.read_text(encoding="utf-8")
    ast.parse(text, feature_version=(3, 7))
    assert "__future__" not in text


def test_it_explains_itself() -> None:
    done = subprocess.run([sys.executable, SCRIPT, "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "--dev" in done.stdout
