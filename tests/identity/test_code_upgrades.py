"""Two real environments over one store: an upgraded package misses where it is used, and nowhere else.

Nothing comes from an index: the packages are wheels that the test builds, installed by pip into environments made by
`venv`. What consist itself needs is found through a ``.pth`` file, behind the environment's own packages.
"""

import base64
import hashlib
import json
import os
import subprocess
import sys
import textwrap
import zipfile

import pytest

JOB = """
    import json, sys
    import used_package, unrelated_package
    from consist import Tracker

    def step(x):
        return used_package.scaled(x)

    def other(x):
        return x + len(unrelated_package.NAMES)

    with Tracker(run_dir="runs", db_path=sys.argv[1], store=sys.argv[2], durable=False) as tracker:
        ran = tracker.run(step, config={"x": 5})
        print(json.dumps([ran.cache_hit, ran.value, tracker.run(other, config={"x": 5}).cache_hit]))
"""
USED = {"1.0": "def scaled(x):\n    return 2 * x\n", "1.1": "def scaled(x):\n    return 3 * x\n"}
UNRELATED = {"5.0": "NAMES = ['a']\n", "5.1": "NAMES = ['a', 'b']\n"}


def _wheel(folder, name, version, source):
    """Build a wheel as its specification says: a module, METADATA, WHEEL, and RECORD with a hash of each."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: consist's tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    rows = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
        rows.append(f"{path},sha256={digest},{len(text.encode())}\n")
    wheel = folder / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in {**files, f"{info}/RECORD": "".join(rows) + f"{info}/RECORD,,\n"}.items():
            archive.writestr(path, text)


class Environment:
    """A virtual environment of its own, with what consist needs behind it."""

    def __init__(self, folder):
        self.folder = folder
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        self.python = folder / "bin" / "python"
        (site,) = folder.glob("lib/python3*/site-packages")
        behind = [path for path in sys.path if path and os.path.isdir(path)]  # noqa: PTH112 - text, as in sys.path
        (site / "behind.pth").write_text("\n".join(behind) + "\n")

    def install(self, wheels, *wanted):
        """Install by name and version, as from an index: pip then leaves no address behind."""
        command = [sys.executable, "-m", "pip", "--python", self.python, "--disable-pip-version-check", "install"]
        options = ["--quiet", "--no-index", "--no-deps", "--no-cache-dir", "--find-links", wheels]
        subprocess.run([*command, *options, *wanted], check=True, env={**os.environ, "PYTHONPATH": ""})

    def run(self, project, store):
        """Run the step: is it a hit, what does it return, is the step that uses the other package a hit?

        Each environment has an index of its own, as machines have; the hit comes from the store.
        """
        done = subprocess.run(
            [self.python, project / "job.py", self.folder / "index.lmdb", store],
            cwd=project,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.mark.slow
def test_upgrading_a_used_package_misses_and_another_hits(tmp_path):
    pytest.importorskip("pip")
    project = tmp_path / "project"
    project.mkdir()
    (project / "job.py").write_text(textwrap.dedent(JOB))
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name, versions in {"used_package": USED, "unrelated_package": UNRELATED}.items():
        for version, source in versions.items():
            _wheel(wheels, name, version, source)
    store = tmp_path / "store"
    first, second = (Environment(tmp_path / name) for name in ("first", "second"))

    first.install(wheels, "used_package==1.0", "unrelated_package==5.0")
    assert first.run(project, store) == [False, 10, False]
    second.install(wheels, "used_package==1.0", "unrelated_package==5.1")
    assert second.run(project, store) == [True, 10, False], "newer is only the package that the other step uses"
    second.install(wheels, "used_package==1.1")
    assert second.run(project, store) == [False, 15, True], "newer is the package that the step uses"

    assert first.run(project, store) == [True, 10, True], "the old environment still finds the old results"
    first.install(wheels, "used_package==1.1")
    assert first.run(project, store) == [True, 15, True], "upgraded, it finds what the other one has made"
