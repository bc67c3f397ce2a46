"""Where the project ends: which distribution a file belongs to, and what of it counts."""

import math
import os
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from consist.identity.code import code_identity, distributions, fresh_code_identity
from consist.identity.code.distributions import Kind, origin_of_file, origin_of_namespace


def _install(site, name, version, files, *, info="dist-info", requires=(), extra=None):  # noqa: PLR0913 - what there is
    """Write a distribution as an installer would."""
    for path, text in files.items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    folder = site / f"{name.replace('-', '_')}-{version}.{info}"
    folder.mkdir(parents=True)
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {line}" for line in requires)]
    if info == "dist-info":
        (folder / "METADATA").write_text("\n".join(lines) + "\n\nA text with Name: other\n")
        rows = [*files, f"{folder.name}/METADATA", "../../../bin/tool"]
        (folder / "RECORD").write_text("".join(f"{row},sha256={hash(files.get(row))},1\n" for row in rows))
    else:
        (folder / "PKG-INFO").write_text("\n".join(lines))
        (folder / "top_level.txt").write_text("\n".join({path.partition("/")[0].partition(".")[0] for path in files}))
    for path, text in (extra or {}).items():
        (folder / path).write_text(text)
    return folder


@pytest.fixture
def site(tmp_path):
    folder = tmp_path / "lib" / "site-packages"
    folder.mkdir(parents=True)
    return folder


def _owner(site, path):
    origin = origin_of_file("somebody", str(site / path))
    return origin.distribution.label if origin.distribution else origin.kind


def test_files_find_their_distribution(site):
    _install(site, "Big-Name", "1.0", {"bigname/__init__.py": "", "bigname/sub/mod.py": "", "single.py": ""})
    _install(site, "old", "0.9", {"oldpkg/__init__.py": ""}, info="egg-info")
    assert _owner(site, "bigname/sub/mod.py") == "big-name 1.0"
    assert _owner(site, "single.py") == "big-name 1.0"
    assert _owner(site, "oldpkg/__init__.py") == "old 0.9"


def test_shared_folders_are_told_apart_by_file(site):
    _install(site, "space-a", "1.0", {"space/a.py": ""})
    _install(site, "space-b", "2.0", {"space/b/__init__.py": ""})
    assert _owner(site, "space/a.py") == "space-a 1.0"
    assert _owner(site, "space/b/__init__.py") == "space-b 2.0"


def test_what_no_distribution_owns_is_the_project(site, tmp_path):
    (site / "loose.py").write_text("")
    assert _owner(site, "loose.py") is Kind.PROJECT
    assert origin_of_file("job", str(tmp_path / "job.py")).kind is Kind.PROJECT
    assert origin_of_file("job", "").kind is Kind.PROJECT
    assert origin_of_file("fast", str(tmp_path / "fast.so")).kind is Kind.NATIVE


def test_the_real_environment():
    assert origin_of_namespace(vars(np)).distribution.name == "numpy"
    assert origin_of_namespace(vars(math)).kind is Kind.STDLIB
    assert origin_of_namespace(vars(textwrap)).kind is Kind.STDLIB
    assert origin_of_namespace(vars(distributions)).kind is Kind.CONSIST
    assert origin_of_namespace(globals()).kind is Kind.PROJECT
    assert origin_of_namespace(vars(sys.modules["importlib._bootstrap"])).kind is Kind.STDLIB


def test_required_distributions_count_without_extras(site):
    _install(
        site,
        "top",
        "1.0",
        {"top.py": ""},
        requires=["Middle.Dist>=1; python_version > '3'", "absent", "optional; extra == 'more'"],
    )
    _install(site, "middle-dist", "1.1", {"middle.py": ""}, requires=["bottom (>=2)", "top"])
    _install(site, "bottom", "2.2", {"bottom.py": ""})
    _install(site, "optional", "3.3", {"optional.py": ""})
    top = origin_of_file("top", str(site / "top.py")).distribution
    found = distributions.with_requirements(top)
    assert [distribution.label for distribution in found] == ["bottom 2.2", "middle-dist 1.1", "top 1.0"]


def test_a_local_install_counts_by_its_record(tmp_path):
    digests = set()
    for number, url in enumerate([None, None, "a", "b"]):
        site = tmp_path / str(number) / "site-packages"
        extra = {"direct_url.json": '{"url": "file:///src", "dir_info": {}}'} if url else {}
        _install(site, "mine", "1.0", {"mine.py": url or str(number)}, extra=extra)
        digests.add(distributions.distribution_digest(origin_of_file("mine", str(site / "mine.py")).distribution))
    assert len(digests) == 3, "by name and version from an index; by content from a folder"


def test_a_local_install_is_the_same_in_every_environment(tmp_path):
    """Where sources and scripts lie, and whether bytecode was made, differ; the code does not."""
    digests = set()
    for name, bytecode in (("first", ()), ("second", ("__pycache__/mine.cpython-311.pyc,,",))):
        site = tmp_path / name / "site-packages"
        info = _install(site, "mine", "1.0", {"mine.py": "X = 1"}, extra={"direct_url.json": f"file:///{name}"})
        rows = ["mine.py,sha256=abc,5", f"{info.name}/direct_url.json,sha256={name},9", *bytecode]
        rows += [f"../../../bin/tool,sha256={name},200"]
        (info / "RECORD").write_text("\n".join(rows if bytecode else reversed(rows)) + "\n")
        digests.add(distributions.distribution_digest(origin_of_file("mine", str(site / "mine.py")).distribution))
    assert len(digests) == 1


PROGRAM = """
import sys
sys.path[:0] = [{site!r}, {project!r}]
import job
from consist.identity.code import code_identity
found = code_identity(job.f)
assert not found.uncacheable, found.uncacheable
print(found.digest)
print(*found.manifest, sep="|")
"""


def _identity(site, project):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(site=str(site), project=str(project))],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
        capture_output=True,
        text=True,
    )
    digest, labels = done.stdout.splitlines()
    return digest, labels.split("|")


def test_upgrades_miss_where_they_matter(tmp_path):
    project = tmp_path / "project"
    project.mkdir()
    (project / "job.py").write_text("import used\ndef f(x):\n    return used.g(x)\n")
    digests = {}
    cases = {
        "plain": ("1.0", "1.0", "1.0"),
        "used": ("1.1", "1.0", "1.0"),
        "required": ("1.0", "1.1", "1.0"),
        "other": ("1.0", "1.0", "1.1"),
    }
    for name, (used, required, other) in cases.items():
        site = tmp_path / name / "site-packages"
        _install(site, "used", used, {"used.py": "def g(x):\n    return x\n"}, requires=["required"])
        _install(site, "required", required, {"required.py": ""})
        _install(site, "other", other, {"other.py": ""})
        digests[name], labels = _identity(site, project)
        assert {f"used {used}", f"required {required}"} <= set(labels)
        assert not any(label.startswith("other") for label in labels)
    assert digests["plain"] == digests["other"]
    assert len(set(digests.values())) == 3


def test_an_optional_package_counts_when_it_is_named():
    import pandas as pd
    import pyarrow as pa

    from consist.identity.code import code_identity

    def f(x):
        return pd.DataFrame(x)

    def labels(**options):
        return {label.partition(" ")[0] for label in code_identity(f, **options).manifest}

    assert "pandas" in labels()
    assert "pyarrow" not in labels()
    assert "pyarrow" in labels(code=[pa])


def test_an_import_inside_a_function_imports_no_installed_package(tmp_path):
    project, site = tmp_path / "project", tmp_path / "site-packages"
    project.mkdir()
    (project / "job.py").write_text("def f(x):\n    import slow.part as p\n    return p.g(x)\n")
    _install(site, "slow", "1.0", {"slow/__init__.py": "raise SystemExit('imported')", "slow/part.py": ""})
    _, labels = _identity(site, project)
    assert "slow 1.0" in labels


def test_an_optional_import_that_is_missing(project):
    from consist.identity.code import code_identity

    module = project(
        job="def f(x):\n    try:\n        import no_such_thing\n    except ImportError:\n        return 1\n"
    )
    found = code_identity(module.f)
    assert not found.uncacheable
    assert any("no_such_thing" in label for label in found.manifest)


def test_a_package_that_is_upgraded_before_it_is_imported(install, project):
    install("other", "1.0", "def g(x):\n    return x\n")
    install("late", "1.0", "def g(x):\n    return 1\n")

    def versions(source):
        found = fresh_code_identity(project(job=source).f).manifest
        return [label for label in found if label.startswith(("late ", "other "))]

    early = "import other\ndef f(x):\n    return other.g(x)\n"
    assert versions(early) == ["other 1.0"]
    within = "def f(x):\n    import late\n    return late.g(x)\n"
    assert versions(within) == ["late 1.0"]
    remembered = project(job=within).f
    before = code_identity(remembered)
    assert code_identity(remembered) is before
    install("late", "2.0", "def g(x):\n    return 2\n")
    install("other", "2.0", "def g(x):\n    return -x\n")
    assert versions(within) == ["late 2.0"], "not imported yet"
    assert "late 2.0" in code_identity(remembered).manifest
    assert versions("import late\ndef f(x):\n    return late.g(x)\n") == ["late 2.0"]
    assert versions(early) == ["other 1.0"], "what was imported stays what it was"
