"""Real disks for the tests of the blobs layer: full ones and read-only ones."""

import subprocess

import pytest


@pytest.fixture
def mounted(tmp_path):
    """Give a function that mounts a tmpfs with the given options and returns its folder."""
    folders = []

    def mount(options):
        folder = tmp_path / f"disk{len(folders)}"
        folder.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            pytest.skip(f"mounting needs rights that this machine does not give: {done.stderr.strip()}")
        folders.append(folder)
        return folder

    try:
        yield mount
    except FileNotFoundError:
        pytest.skip("there is no mount command")
    finally:
        for folder in folders:
            subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def make_read_only():
    """Give a function that makes a mounted folder read-only."""

    def remount(folder):
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)

    return remount
