"""Files appear whole or not at all, keep their permissions, and outlive crashes; nothing is left behind."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from knn_cert._writing import temporary_sibling, whole_or_nothing

posix = pytest.mark.skipif(os.name != "posix", reason="modes and locks of POSIX")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@posix
@pytest.mark.parametrize("permissions", [0o600, 0o640, 0o664, 0o666])
def test_a_file_keeps_the_permissions_of_the_one_it_replaces(tmp_path, permissions):
    path = tmp_path / "c.json"
    path.touch()
    path.chmod(permissions)
    before = os.umask(0o022)
    try:
        with whole_or_nothing(path) as temporary:
            assert mode(temporary) & ~permissions == 0  # nobody reads it before it is there
            temporary.write_text("new")
    finally:
        os.umask(before)
    assert path.read_text() == "new"
    assert mode(path) == permissions


@posix
@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_the_permissions_that_the_user_gives_all_his_files(tmp_path, umask, expected):
    before = os.umask(umask)
    try:
        with whole_or_nothing(tmp_path / "c.json") as temporary:
            temporary.write_text("new")
    finally:
        os.umask(before)
    assert mode(tmp_path / "c.json") == expected


@posix
def test_the_file_is_on_the_disk_before_it_has_its_name_and_its_name_after(tmp_path, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace

    def synced(descriptor):
        calls.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else os.fstat(descriptor).st_size)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", lambda *paths: (calls.append("rename"), replace(*paths)))
    with whole_or_nothing(tmp_path / "c.json") as temporary:
        temporary.write_text("12345")
    assert calls == [5, "rename", "folder"]


def test_a_folder_that_cannot_be_synced_does_not_lose_the_file(tmp_path, monkeypatch):
    fsync = os.fsync

    def refused(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(22, "Invalid argument")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refused)
    with whole_or_nothing(tmp_path / "c.json") as temporary:
        temporary.write_text("new")
    assert (tmp_path / "c.json").read_text() == "new"


def test_an_error_leaves_the_old_file_and_no_pieces(tmp_path):
    path = tmp_path / "c.json"
    path.write_text("old")
    with pytest.raises(KeyError), whole_or_nothing(path) as temporary:  # noqa: PT012  the error comes after writing
        temporary.write_text("half")
        raise KeyError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def pieces(folder: Path) -> list[Path]:
    return sorted(folder.glob(".*.part"))


@posix
def test_what_a_killed_process_left_is_removed_by_the_next_save_and_what_a_living_one_writes_is_not(tmp_path):
    path = tmp_path / "c [1].json"
    program = textwrap.dedent(
        f"""
        import time
        from pathlib import Path
        from knn_cert._writing import whole_or_nothing
        with whole_or_nothing(Path({str(path)!r})) as temporary:
            temporary.write_text("half")
            print("written", flush=True)
            time.sleep(60)
        """
    )
    writers = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for writer in writers:
            assert writer.stdout.readline() == b"written\n"
        assert len(pieces(tmp_path)) == 2
        writers[0].send_signal(signal.SIGKILL)
        writers[0].wait()
        assert len(pieces(tmp_path)) == 2 and not path.exists()
        other = temporary_sibling(tmp_path / "other.json")
        other.touch()
        with whole_or_nothing(path) as temporary:
            temporary.write_text("whole")
        assert len(pieces(tmp_path)) == 2 and other.exists()  # of the living writer, and of another file
        assert path.read_text() == "whole"
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
            writer.stdout.close()
    with whole_or_nothing(path) as temporary:
        temporary.write_text("again")
    assert pieces(tmp_path) == [other]


@posix
def test_a_file_system_without_locks_still_takes_files_and_nothing_is_removed_there(tmp_path, monkeypatch):
    import fcntl

    def refused(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    path = tmp_path / "c.json"
    left = temporary_sibling(path)
    left.touch()
    with whole_or_nothing(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new" and left.exists()


@posix
def test_no_descriptor_stays_open(tmp_path):
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("no /proc here")
    before = len(list(folder.iterdir()))
    for _ in range(20):
        with whole_or_nothing(tmp_path / "c.json") as temporary:
            temporary.write_text("new")
        with pytest.raises(KeyError), whole_or_nothing(tmp_path / "c.json"):
            raise KeyError
    assert len(list(folder.iterdir())) == before


def test_writers_of_one_path_at_the_same_time_all_succeed(tmp_path):
    path = tmp_path / "c.json"
    program = textwrap.dedent(
        f"""
        from pathlib import Path
        from knn_cert._writing import whole_or_nothing
        for i in range(200):
            with whole_or_nothing(Path({str(path)!r})) as temporary:
                temporary.write_text("whole")
        """
    )
    writers = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
    while any(writer.poll() is None for writer in writers):
        if path.exists():
            assert path.read_text() == "whole"
        time.sleep(0.01)
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    assert pieces(tmp_path) == []


def test_without_locks_of_posix_files_are_still_written_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("knn_cert._writing.fcntl", None)
    path = tmp_path / "c.json"
    for content in ("one", "two"):
        with whole_or_nothing(path) as temporary:
            temporary.write_text(content)
        assert path.read_text() == content
    assert list(tmp_path.iterdir()) == [path]
