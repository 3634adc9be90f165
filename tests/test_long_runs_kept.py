"""What a long run keeps: a folder that is its own, parts that are its own, and nothing of anybody else."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from long_runs import (
    N_TEST,
    THREATS,
    Killed,
    certify,
    failure,
    in_small_parts,
    no_table_fits,
    numbers,
    stopped,
    write_table,
)

from knn_cert.cli import main
from knn_cert.gate.errors import InvalidInput
from knn_cert.streaming import JournalWarning, journal, passes
from knn_cert.streaming.head import Head

BEGIN = [*THREATS[0], "--memory", "30GB"]
RESUME = [*BEGIN, "--resume"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A working folder with tables that are read in parts, so that where these end depends on no clock."""
    no_table_fits(monkeypatch)
    return in_small_parts(tmp_path, monkeypatch)


@pytest.fixture
def expected(folder):
    """The bytes of the result."""
    certify("once.csv", *BEGIN)
    return (folder / "once.csv").read_bytes()


@pytest.fixture
def parts(folder, monkeypatch):
    """The folder of a run that was stopped after two parts."""
    stopped(folder, monkeypatch)
    return folder / "out.csv.parts"


def content_of(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("more", [BEGIN, RESUME])
@pytest.mark.parametrize(
    "names", [["mine.txt"], ["part-000000000000000.npz"], ["part-000000000000000.json", "lock"]]
)
def test_a_folder_of_somebody_else_is_refused_before_anything_is_written(folder, capsys, names, more):
    (folder / "out.csv.parts").mkdir()
    for name in names:
        (folder / "out.csv.parts" / name).write_text("mine")
    before = content_of(folder)
    said = failure(capsys, "out.csv", *more)
    assert "expected a folder of this run, got one that holds" in said and "no run.json" in said
    assert content_of(folder) == before


@pytest.mark.parametrize("more", [BEGIN, RESUME])
@pytest.mark.parametrize("what", ["a link to a folder", "a link to nothing", "a file"])
def test_a_link_or_a_file_in_the_place_of_the_folder_is_refused(folder, capsys, what, more):
    (folder / "elsewhere").mkdir()
    place = folder / "out.csv.parts"
    if what == "a file":
        place.write_text("mine")
    else:
        place.symlink_to("elsewhere" if what == "a link to a folder" else "nowhere")
    said = failure(capsys, "out.csv", *more)
    assert "expected a folder of this run, got" in said and "give --out another name" in said
    assert not list((folder / "elsewhere").iterdir()) and not (folder / "nowhere").exists()


@pytest.mark.parametrize(
    "name", ["lock", f"part-{0:015d}.npz", f"part-{7:015d}.json", f"unfinished-{'a' * 16}.npz"]
)
def test_something_else_in_the_place_of_a_file_is_refused_and_left_alone(folder, monkeypatch, capsys, name):
    stopped(folder, monkeypatch)
    place = folder / "out.csv.parts" / name
    place.unlink(missing_ok=True)
    place.mkdir()
    (place / "mine").write_text("mine")
    before = content_of(folder)
    assert f"{name}: expected a file of this run, got something else" in failure(capsys, "out.csv", *RESUME)
    assert content_of(folder) == before


@pytest.mark.parametrize("names", [[], ["lock"], ["lock", f".run-{'0' * 32}.part"]])
def test_a_folder_in_which_nothing_was_begun_yet_is_taken(folder, names, expected):
    (folder / "out.csv.parts").mkdir()
    for name in names:
        (folder / "out.csv.parts" / name).touch()
    certify("out.csv", *BEGIN)
    assert (folder / "out.csv").read_bytes() == expected and not (folder / "out.csv.parts").exists()


def test_what_is_not_ours_outlives_the_run(folder, parts, expected):
    (parts / "notes.txt").write_text("mine")
    (parts / "more").mkdir()
    certify("out.csv", *RESUME)
    assert sorted(path.name for path in parts.iterdir()) == ["more", "notes.txt"]
    assert (folder / "out.csv").read_bytes() == expected


@pytest.mark.parametrize("n_files", range(9))
def test_a_run_that_dies_while_it_tidies_up_has_a_result_and_blocks_nothing(
    folder, monkeypatch, capsys, expected, n_files
):
    unlink, left = Path.unlink, [10**9]

    def dying(self, **options):
        if self.parent.name == "out.csv.parts":
            left[0] -= 1
            if left[0] < 0:
                raise Killed
        unlink(self, **options)

    remove = journal.Journal.remove

    def removing(self):
        left[0] = n_files
        remove(self)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", dying)
        patch.setattr(journal.Journal, "remove", removing)
        try:
            certify("out.csv", *BEGIN)
        except Killed:
            assert json.loads((folder / "out.csv.parts" / "run.json").read_text())["finished"]
    assert (folder / "out.csv").read_bytes() == expected
    assert "nothing is left to go on with" in failure(capsys, "out.csv", *RESUME)
    assert not (folder / "out.csv.parts").exists()
    certify("out.csv", *BEGIN)


def damage_certificates(parts, number):
    path = sorted(parts.glob("part-*.npz"))[number]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def change_note(parts, number, **changes):
    path = sorted(parts.glob("part-*.json"))[number]
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


DAMAGES = {
    "a bit of the first certificates": lambda parts: damage_certificates(parts, 0),
    "a bit of the last certificates": lambda parts: damage_certificates(parts, 1),
    "no certificates": lambda parts: (parts / "part-000000000000000.npz").unlink(),
    "no first note": lambda parts: (parts / "part-000000000000000.json").unlink(),
    "a note that is cut off": lambda parts: (parts / "part-000000000000014.json").write_text("{"),
    "a note of something else": lambda parts: (parts / "part-000000000000014.json").write_text("[[]]"),
    "another number of queries": lambda parts: change_note(parts, 0, n_queries=7),
    "another end": lambda parts: change_note(parts, 0, stop=13),
    "no summary": lambda parts: change_note(parts, 1, note={}),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_parts_that_are_not_as_they_were_written_are_certified_again(folder, parts, expected, damage):
    DAMAGES[damage](parts)
    with pytest.warns(JournalWarning, match=r"is missing, damaged or of another run; from there on all is"):
        certify_with_warnings("out.csv", *RESUME)
    assert (folder / "out.csv").read_bytes() == expected and not parts.exists()


def certify_with_warnings(*words):
    """Certify as the command does, and have warnings raised as warnings."""
    from long_runs import words as words_of

    from knn_cert.cli import _run

    assert _run(words_of(*words)) == 0


def test_parts_of_another_run_are_not_taken_for_ours(folder, monkeypatch, parts, expected):
    shutil.copytree(parts, folder / "kept")
    shutil.rmtree(parts)
    write_table(folder / "train.csv", *numbers(300, 7))
    stopped(folder, monkeypatch)
    for name in ("part-000000000000014.npz", "part-000000000000014.json"):
        shutil.copy(parts / name, folder / "kept" / name)
    shutil.rmtree(parts)
    shutil.copytree(folder / "kept", parts)
    write_table(folder / "train.csv", *numbers(300, 0))
    with pytest.warns(JournalWarning, match=r"row 14 of TEST .*\(1 of 2 parts\)"):
        certify_with_warnings("out.csv", *RESUME)
    assert (folder / "out.csv").read_bytes() == expected


def test_a_pass_that_is_damaged_begins_anew(folder, monkeypatch, capsys):
    certify("once.csv", *BEGIN)

    def die(*args, **options):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(journal.Journal, "add", die)
        with pytest.raises(Killed):
            certify("out.csv", *BEGIN)
    (unfinished,) = (folder / "out.csv.parts").glob("unfinished-*.npz")
    unfinished.write_bytes(unfinished.read_bytes()[:100])
    with pytest.warns(JournalWarning, match="cannot be used"):
        certify_with_warnings("out.csv", *RESUME)
    assert (folder / "out.csv").read_bytes() == (folder / "once.csv").read_bytes()


def without(key):
    def change(head):
        del head[key]

    return change


def in_plan(**values):
    def change(head):
        head["plan"] |= values

    return change


CHANGES = {
    **{f"no {key}": without(key) for key in ("format", "knn_cert", "about", "plan", "finished")},
    "no options": lambda head: head["about"].pop("options"),
    "options of another kind": lambda head: head["about"].update(options=["--k"]),
    "a number as an option": lambda head: head["about"]["options"].update({"--k": 5}),
    "no plan of ours": lambda head: head.update(plan={"streamed": True}),
    "a list as a plan": lambda head: head.update(plan=[1, 2, 3]),
    "no rows": in_plan(rows_at_once=0),
    "fewer than no queries": in_plan(queries_at_once=-1),
    "half a query": in_plan(queries_at_once=0.5),
    "too many rows": in_plan(rows_at_once=10**18),
    "true": in_plan(summary_bytes=True),
    "a text": in_plan(summary_bytes="1"),
    "perhaps": lambda head: head.update(finished="perhaps"),
    "another format": lambda head: head.update(format="other"),
    "a later version": lambda head: head.update(version=4, knn_cert="99.0"),
    "a plan where there was none": lambda head: head.update(
        plan=dict.fromkeys(("rows_at_once", "queries_at_once", "summary_bytes"), 1)
    ),
    "ended": lambda head: head.update(finished=True),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_run_json_that_was_changed_is_refused_in_words(folder, monkeypatch, capsys, change):
    stopped(folder, monkeypatch)
    path = folder / "out.csv.parts" / "run.json"
    head = json.loads(path.read_text())
    CHANGES[change](head)
    path.write_text(json.dumps(head))
    said = failure(capsys, "out.csv", *RESUME)
    assert "delete the folder" in said and "out.csv.parts" in said


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, "\ud800"])
def test_a_run_json_that_is_none_is_refused_in_words(parts, capsys, text):
    (parts / "run.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    assert "none of ours" in failure(capsys, "out.csv", *RESUME)


def test_a_plan_of_another_run_is_not_mixed_with_parts(folder, monkeypatch, capsys):
    certify("once.csv", *BEGIN)
    stopped(folder, monkeypatch)
    head = Head.read(folder / "out.csv.parts")
    replace(head, plan=head.plan._replace(rows_at_once=3)).write(folder / "out.csv.parts")
    with pytest.warns(JournalWarning, match=r"row 0 of TEST .*\(2 of 2 parts\)"):
        certify_with_warnings("out.csv", *RESUME)


@pytest.mark.parametrize("streamed", [True, False])
def test_a_data_set_does_not_go_on_with_tables(folder, monkeypatch, capsys, streamed):
    monkeypatch.setattr("knn_cert.streaming.whole_table_fits", lambda *size: not streamed)
    stopped(folder, monkeypatch)
    capsys.readouterr()
    assert main(["certify", "--dataset", "spambase", "--resume", "--out", "out.csv"]) == 2
    err = capsys.readouterr().err
    assert "belongs to another run: --dataset was not given, and is spambase" in err


@pytest.mark.parametrize("name", ["train.csv", "test.csv"])
def test_a_table_of_the_same_size_and_time_is_noticed(folder, monkeypatch, capsys, name):
    add = journal.Journal.add

    def writing(self, *args):
        add(self, *args)
        path = folder / name
        times = path.stat()
        path.write_text(path.read_text().replace("0", "1"))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    monkeypatch.setattr(journal.Journal, "add", writing)
    assert "got one that was written to" in failure(capsys, "out.csv", *BEGIN)


def test_other_rights_are_no_other_table(folder, monkeypatch, expected):
    add = journal.Journal.add

    def changing(self, *args):
        add(self, *args)
        (folder / "train.csv").chmod(0o600 + self.n_queries % 8)

    monkeypatch.setattr(journal.Journal, "add", changing)
    certify("out.csv", *BEGIN)
    assert (folder / "out.csv").read_bytes() == expected


def test_a_folder_that_goes_missing_hides_no_error(folder, monkeypatch, capsys):
    def losing(self, *args):
        shutil.rmtree(folder / "out.csv.parts")
        raise InvalidInput("lost")

    monkeypatch.setattr(journal.Journal, "add", losing)
    assert "lost" in failure(capsys, "out.csv", *BEGIN)


@pytest.mark.parametrize("train_is", ["whole", "in parts"])
def test_a_run_that_never_began_leaves_nothing_behind(folder, monkeypatch, capsys, train_is):
    monkeypatch.setattr("knn_cert.streaming.whole_table_fits", lambda *size: train_is == "whole")
    test = (folder / "test.csv").read_text()
    (folder / "test.csv").write_text(test.replace("\n", "\nx", 1))
    assert "text" in failure(capsys, "out.csv", *BEGIN)
    assert not (folder / "out.csv.parts").exists()
    (folder / "test.csv").write_text(test)
    certify("out.csv", *BEGIN)


def test_who_interrupts_before_anything_is_kept_is_told_so(folder, monkeypatch, capsys):
    def stop(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("knn_cert.streaming.certify_with_passes", stop)
    certify("out.csv", *BEGIN, code=130)
    assert "nothing is kept" in capsys.readouterr().err
    assert not (folder / "out.csv.parts").exists()


def test_who_interrupts_a_pass_is_told_that_it_is_kept(folder, monkeypatch, capsys):
    keep = passes.Passes._keep

    def stopping(self, *args):
        keep(self, *args)
        raise KeyboardInterrupt

    monkeypatch.setattr(passes.Passes, "_keep", stopping)
    certify("out.csv", *BEGIN, code=130)
    assert "a part of a pass over the training table kept in" in capsys.readouterr().err
    monkeypatch.setattr(passes.Passes, "_keep", keep)
    certify("out.csv", *RESUME)


def test_a_run_that_was_killed_before_its_first_part_is_begun_anew(folder, monkeypatch, expected):
    def die(*args, **options):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("knn_cert.streaming.certify_with_passes", die)
        with pytest.raises(Killed):
            certify("out.csv", *BEGIN, "--limit", "3")
    assert (folder / "out.csv.parts" / "run.json").exists()
    certify("out.csv", *BEGIN)
    assert (folder / "out.csv").read_bytes() == expected
    assert len(expected.splitlines()) == N_TEST + 1
