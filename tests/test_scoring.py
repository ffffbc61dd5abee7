"""A run set to work on much data: the table grows batch by batch, survives a kill, and tells of what it could not read."""
# ruff: noqa: F401, F811
import csv
import fcntl

import keras
import numpy as np
import pytest
from PIL import Image
from short_runs import arrays, quick, settings

from kerasnd import growing, runs, scoring
from kerasnd.cli import score as program
from kerasnd.data import pieces
from kerasnd.errors import BadData, Misuse


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def image_run(arrays, tmp_path_factory):
    run = tmp_path_factory.mktemp("images") / "run"
    runs.train(settings("autoencoder", arrays, "1", epochs=1), run)
    return run


@pytest.fixture
def photos(arrays, tmp_path, monkeypatch):
    """Eighteen JPEG files, scored four at a time; the seventh is half a file."""
    monkeypatch.setattr(pieces, "MOST", 4)
    (tmp_path / "in").mkdir()
    with np.load(arrays) as file:
        for i, image in enumerate(file["x_test"][:18]):
            Image.fromarray(image[..., 0]).save(tmp_path / f"in/{i:02d}.jpg", quality=95)
    broken = tmp_path / "in/06.jpg"
    broken.write_bytes(broken.read_bytes()[:200])
    return tmp_path / "in"


def test_a_broken_file_has_a_row_that_says_why_and_the_others_are_scored(image_run, photos, tmp_path, capsys, caplog):
    with caplog.at_level("WARNING", "absl"):
        assert runs.score(image_run, photos, tmp_path / "s.csv") == 17
    found = rows(tmp_path / "s.csv")
    assert [row["path"] for row in found] == [str(photos / f"{i:02d}.jpg") for i in range(18)]
    broken = found.pop(6)
    assert (broken["score"], broken["p_value"], broken["is_novel"]) == ("", "", "") and broken["error"]
    assert {row["error"] for row in found} == {""} and f"no score for {broken['path']}: {broken['error']}" in caplog.text
    assert "17 scores in" in (told := capsys.readouterr().out) and "1 without one" in told
    x = np.stack([np.asarray(Image.open(row["path"]))[..., None] for row in found])
    expected = keras.models.load_model(image_run / "detector.keras").predict(x, verbose=0)
    np.testing.assert_allclose([float(row["score"]) for row in found], expected, rtol=1e-5)
    assert runs.score(image_run, photos, tmp_path / "s.csv", skip_unreadable=True) == 17
    assert rows(tmp_path / "s.csv") == found and "1 left out" in capsys.readouterr().out
    assert not list(tmp_path.glob(".s.*"))


@pytest.mark.parametrize("batches, then", [(0, b""), (1, b""), (3, b"half a ro"), (3, b"x,1,,,\nmore"), (4, None)])
def test_what_was_killed_goes_on_and_ends_in_the_same_table(image_run, photos, tmp_path, monkeypatch, capsys, batches, then):
    out, passed, add = tmp_path / "s.csv", [], growing.GrowingTable.add
    runs.score(image_run, photos, out)
    whole = out.read_bytes()
    out.write_text("old")

    def killed(self, rows, n, **counts):
        passed.append(n)
        if len(passed) > batches + 1:       # the first is the header
            raise KeyboardInterrupt
        add(self, rows, n, **counts)
    with monkeypatch.context() as patch:
        patch.setattr(growing.GrowingTable, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            runs.score(image_run, photos, out)
    assert out.read_text() == "old"
    partial = list(tmp_path.glob(".s.*.partial.csv"))
    assert len(partial) == (batches > 0)
    if then is None:                        # the journal did not reach the disk
        partial[0].with_suffix(".json").write_text('{"rows": 16, "byt')
    elif batches:
        with open(partial[0], "ab") as file:
            file.write(then)
    passed.clear()
    monkeypatch.setattr(growing.GrowingTable, "add", lambda self, rows, n, **more: (passed.append(n), add(self, rows, n, **more)))
    capsys.readouterr()
    assert runs.score(image_run, photos, out) == 17 and out.read_bytes() == whole
    assert sum(passed) == 18 - 4 * batches * (then is not None) and not list(tmp_path.glob(".s.*"))
    assert (f"going on behind row {4 * batches}" in capsys.readouterr().out) is (then is not None and batches > 0)


def test_half_a_table_of_other_data_is_not_gone_on_with(image_run, photos, tmp_path, monkeypatch):
    identities = []

    class Begun(Exception):
        pass

    def begun(path, header, identity):
        identities.append(identity)
        raise Begun
    monkeypatch.setattr(scoring, "GrowingTable", begun)

    def identity(**more):
        with pytest.raises(Begun):
            runs.score(image_run, photos, tmp_path / "s.csv", **more)
        return identities.pop()
    assert identity() == (first := identity())
    others = [identity(alpha=0.3), identity(calibration=photos), identity(skip_unreadable=True)]
    (photos / "03.jpg").write_bytes((photos / "04.jpg").read_bytes())
    others.append(identity())
    assert all(each != first for each in others)


def test_a_table_that_another_process_writes_is_refused_and_stale_halves_go(tmp_path):
    with growing.GrowingTable(tmp_path / "s[1].csv", ("a",), 1) as table:
        table.add([("1",)], 1)
        with pytest.raises(Misuse, match="`output` must be free.*another process is at work"):
            with growing.GrowingTable(tmp_path / "s[1].csv", ("a",), 1):
                pass
    assert len(list(tmp_path.iterdir())) == 2
    with growing.GrowingTable(tmp_path / "s[1].csv", ("a",), 2) as table:
        assert table.done["rows"] == 0 and len(list(tmp_path.iterdir())) == 2
        table.add([("ü,\n",)], 1)
        table.finish()
    assert [path.name for path in tmp_path.iterdir()] == ["s[1].csv"]
    assert (tmp_path / "s[1].csv").read_bytes() == 'a\r\n"ü,\n"\r\n'.encode()


def test_nothing_readable_is_refused_and_a_command_ends_with_its_code(image_run, photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(program.process, "settle", lambda *args: None)
    words = [f"--run={image_run}", f"--input={photos}", f"--output={tmp_path / 's.csv'}"]
    assert program.main(words) == 0 and len(rows(tmp_path / "s.csv")) == 18
    assert program.main([*words, "--alpha=0.01"]) == 2 and "Give 99 or more" in capsys.readouterr().err
    assert program.main([*words, f"--calibration={tmp_path / 'none'}"]) == 2 and "--calibration=" in capsys.readouterr().err
    np.savez(tmp_path / "nan.npz", x=np.full((5, 8, 8, 1), np.nan))
    assert program.main([f"--run={image_run}", f"--input={tmp_path / 'nan.npz'}", f"--output={tmp_path / 'n.csv'}"]) == 1
    assert "`input` must have an example to score" in capsys.readouterr().err and not (tmp_path / "n.csv").exists()
    assert not list(tmp_path.glob(".n.*"))
