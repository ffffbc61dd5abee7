"""A user's labels file: hints reach training examples, known anomalies join them, and nothing that is judged is told."""
# ruff: noqa: F401, F811
import dataclasses
import hashlib
import json
import os

import numpy as np
import pytest
from short_runs import arrays, quick, settings

from kerasnd import examples, judging, runs
from kerasnd.data import hints, protocols
from kerasnd.data.pool import Pool
from kerasnd.errors import BadData, Misuse
from kerasnd.methods.deep_svdd import DeepSVDD

# Class 0 is normal. 0..5 train and 6..9 test, officially.
CATEGORY = np.array([0, 0, 0, 1, 2, 1, 0, 0, 1, 2])
OFFICIAL = np.array(["train"] * 6 + ["test"] * 4)
FILES = np.array([f"/data/{part}/{category}/{i}.png" for i, (part, category) in enumerate(zip(OFFICIAL, CATEGORY))])
POOL = Pool(x=np.zeros((10, 2), np.float32), category=CATEGORY, official=OFFICIAL, names=("a", "b", "c"))


def split(name="one_vs_rest", **options):
    return protocols.make(name, CATEGORY, OFFICIAL, (0,), np.random.default_rng(0), **options)


@pytest.fixture
def file(tmp_path):
    def write(text, encoding="utf-8"):
        (tmp_path / "labels.csv").write_bytes(text.encode(encoding))
        return str(tmp_path / "labels.csv")
    return write


def known(parts):
    return dict(zip(parts.train.tolist(), parts.hint.tolist()))


@pytest.mark.parametrize("name, options", [("one_vs_rest", {}), ("holdout", {}), ("contaminated", {"share": 0.3}),
                                           ("legacy_transductive", {"variant": "cifar10"})])
def test_what_is_spare_is_neither_trained_on_nor_judged(name, options):
    category = np.repeat([0, 1, 2], 600) if "variant" in options else CATEGORY
    for official in (None, OFFICIAL) if name in ("contaminated", "holdout") else (OFFICIAL,):
        parts = protocols.make(name, category, official, (0,), np.random.default_rng(0), **options)
        together = np.concatenate([parts.train, parts.test, parts.spare])
        if name == "legacy_transductive":
            assert len(parts.spare) == 0
            continue
        assert sorted(together.tolist()) == list(range(10)) and (category[parts.spare] > 0).all()


def test_fingerprints_are_those_of_before_there_was_a_spare_part():
    parts = split()
    assert protocols.fingerprint(parts) == "fdbce43a3e52"
    assert parts.spare.tolist() == [3, 4, 5] and parts.spare.dtype == np.int64


@pytest.mark.parametrize("text", [
    "index,hint\n0,1\n2,-1\n3,-1\n5,-1\n1,\n", "\ufeffHint;Index\r\n+1;0\r\n-1;2\r\n-1;3\r\n\r\n-1;5\r\n0;1\r\n",
    "0,1\n2,-1\n3,-1\n5,-1\n", "index,hint,note\n0,1.0,x\n2,-1.0,y\n3,-1,\n5,-1,\n3,-1,again\n"])
def test_hints_by_index(file, text):
    parts = hints.load(file(text), POOL, split())
    assert known(parts) == {0: 1, 1: 0, 2: -1, 3: -1, 5: -1}
    assert parts.train.tolist() == [0, 1, 2, 3, 5] and parts.hint.dtype == np.int8 and parts.spare.tolist() == [4]
    before = split()
    assert (parts.test == before.test).all() and (parts.label == before.label).all()
    assert protocols.fingerprint(parts) != protocols.fingerprint(before)


def test_hints_by_path_relative_or_absolute(file, monkeypatch):
    pool = Pool(x=POOL.x, category=CATEGORY, official=OFFICIAL, names=POOL.names, paths=FILES)
    for text in ("path,hint\n/data/train/0/0.png,1\ntrain/2/4.png,-1\n./train/1/../1/5.png,-1\n",
                 "train/0/0.png,1\n/data/train/2/4.png,-1\ntrain/1/5.png,-1\n",
                 "index,hint\n0,1\n4,-1\n5,-1\n", "0,1\n4,-1\n5,-1\n"):
        assert known(hints.load(file(text), pool, split(), "/data")) == {0: 1, 1: 0, 2: 0, 4: -1, 5: -1}
    monkeypatch.chdir("/")
    assert known(hints.load(file("path,hint\ndata/train/0/0.png,1\n"), pool, split(), "/data"))[0] == 1
    with pytest.raises(Misuse, match="`path` must be the path of an example. Received: 'train/0/9.png' in row 2"):
        hints.load(file("path,hint\ntrain/0/9.png,1\n"), pool, split(), "/data")
    with pytest.raises(Misuse, match="Received: '' in row 2"):
        hints.load(file("path,hint\n,1\n"), pool, split(), "/data")


def test_what_is_judged_or_contradicts_the_classes_is_not_told(file, caplog):
    with caplog.at_level("INFO", "absl"):
        parts = hints.load(file("index,hint\n0,1\n6,1\n8,-1\n9,-1\n3,1\n4,0\n5,-1\n"), POOL, split())
    assert known(parts) == {0: 1, 1: 0, 2: 0, 5: -1} and (parts.test == split().test).all()
    assert "their examples are judged: 3" in caplog.text and "take no part in this protocol: 2" in caplog.text
    assert parts.told == "1 known normals, 1 known anomalies, of which 1 joined"
    caplog.clear()
    parts = hints.load(file("0,1\n5,-1\n"), POOL, split("contaminated", share=0.5))
    assert set(parts.hint[np.isin(parts.train, [0, 5])].tolist()) == {1, -1}
    with caplog.at_level("WARNING", "absl"):
        hints.load(file("8,-1\n"), POOL, split())
    assert "nothing is known of any training example" in caplog.text


def test_what_gives_a_threshold_is_judged_too(file, caplog):
    parts = dataclasses.replace(split(), train=np.array([0, 1]), hint=np.zeros(2, np.int8), validation=np.array([2, 3]),
                                validation_label=np.int8([0, 1]), spare=np.array([4, 5]))
    with caplog.at_level("WARNING", "absl"):
        assert known(hints.load(file("2,1\n3,-1\n4,-1\n"), POOL, parts)) == {0: 0, 1: 0, 4: -1}
    assert "their examples are judged: 2" in caplog.text and "no part" not in caplog.text


@pytest.mark.parametrize("overlap", [False, True])
def test_the_file_is_all_that_is_known(file, overlap):
    category = np.repeat([0, 1, 2], 100)
    pool = Pool(x=np.zeros((300, 2), np.float32), category=category, official=None, names=("a", "b", "c"))
    drawn = protocols.make("semi_supervised", category, None, (0,), np.random.default_rng(0), known_outlier=[1],
                           ratio_known_outlier=0.2, ratio_known_normal=0.1, ratio_pollution=0.1, overlap=overlap)
    labelled = drawn.train[drawn.hint == -1]
    assert len(labelled) and (drawn.hint == 1).any() and not np.intersect1d(drawn.spare, np.r_[drawn.train, drawn.test]).size
    parts = hints.load(file(f"{labelled[0]},-1\n{drawn.test[0]},1\n"), pool, drawn)
    assert (parts.train[parts.hint != 0].tolist(), parts.hint.min(), parts.hint.max()) == ([labelled[0]], -1, 0)
    assert not np.isin(labelled[1:], parts.train).any() and len(set(parts.train.tolist())) == len(parts.train)
    assert sorted(np.r_[parts.train, parts.spare, parts.test].tolist()) == list(range(300))


@pytest.mark.parametrize("text, error, told", [
    ("index,hint\n0,1\n10,1\n", Misuse, "`index` must be an index from 0 to 9. Received: '10' in row 3"),
    ("index,hint\n-1,1\n", Misuse, "Received: '-1' in row 2"), ("index,hint\n1.5,1\n", Misuse, "Received: '1.5' in row 2"),
    ("index,hint\n0,2\n", Misuse, "`hint` must be -1 (known anomalous), 0 (unknown) or +1 (known normal). Received: '2' in row 2"),
    ("0,1\n1,\n", Misuse, "Received: '' in row 2"), ("0,1\n1,anomalous\n", Misuse, "Received: 'anomalous' in row 2"),
    ("index,hint\n0,1\n2,0\n0,-1\n", Misuse, "Received: -1 for '0' in row 4 of"),
    ("index,hint\n0,1\n2,0\n0,-1\n", Misuse, "after +1 in row 2"),
    ("path,hint\na.png,1\n", Misuse, "by index where the data has no files"),
    ("file,hint\n0,1\n", Misuse, "whose first line is 'file,hint'"),
    ("index,path,hint\n0,a,1\n", Misuse, "one column path or index"), ("index\n0\n", Misuse, "whose first line is 'index'"),
    ("index,hint\n", BadData, "without any"),
    ("", Misuse, "whose first line is ''"), ("index,hint\n0\n", BadData, "1 values in row 2"),
    ('index,hint\n"0,1\n', BadData, "`hints` must be a readable .csv"),
])
def test_files_that_are_no_hints(file, text, error, told):
    with pytest.raises(error) as refusal:
        hints.load(file(text), POOL, split())
    assert told in str(refusal.value) and "\n" not in str(refusal.value) and "Received: " in str(refusal.value)


def test_digests_are_sha256(file):
    assert hints.digest(file("0,1\n")) == hashlib.sha256(b"0,1\n").hexdigest()
    with pytest.raises(Misuse, match="hints=.*no.csv"):
        hints.digest("no.csv")
    assert examples.known("") == {"hints": ""}


# ---- a run -----------------------------------------------------------------------------------------------------------

def test_a_run_learns_from_a_file_and_a_changed_file_is_another_config(arrays, file, tmp_path, monkeypatch, quick, capsys):
    seen = []
    monkeypatch.setattr(DeepSVDD, "takes_hints", True)
    monkeypatch.setattr(DeepSVDD, "start", lambda self, feed, start=DeepSVDD.start: (seen.append(feed), start(self, feed))[1])
    anomalies, normals = [60, 61, 62], [31, 32]                      # stripes: classes 0, 1, 2 of 30 each in the training part
    path = file("index,hint\n" + "".join(f"{i},-1\n" for i in anomalies) + "".join(f"{i},1\n" for i in normals) + "100,-1\n")
    own = settings("deep_svdd", arrays, "1", epochs=1)
    own["protocol"]["calibration_share"] = 0
    run = tmp_path / "run"
    result = runs.train(own, run, hints=path)
    record = json.loads((run / "config.json").read_text())
    assert record["config"]["hints"] == path and record["config"]["hints_sha256"] == hints.digest(path)
    assert len(seen[0].hint) == 33 and np.flatnonzero(seen[0].hint == -1).tolist() == [30, 31, 32]
    assert np.flatnonzero(seen[0].hint == 1).tolist() == [1, 2]
    with np.load(arrays) as file_:
        np.testing.assert_array_equal(np.asarray(seen[0].x)[30:], file_["x_train"][60:63])
    assert "their examples are judged: 1" in (run / "log.txt").read_text()
    assert runs.evaluate(run)["protocol_hash"] == result["protocol_hash"] == record["protocol"]["hash"]
    runs.train(own, run, hints=os.path.relpath(path))
    assert "nothing was done" in capsys.readouterr().out
    file("60,-1\n")
    with pytest.raises(Misuse, match="hints_sha256"):
        runs.train(own, run, hints=path)
    with pytest.raises(Misuse, match="which has changed"):
        runs.evaluate(run)
    os.remove(path)
    with pytest.raises(Misuse, match="^`hints` must be the file .*labels.csv, which is gone. Put it back there") as refusal:
        runs.evaluate(run)
    assert "\n" not in str(refusal.value)
    assert runs.evaluate(run, outliers="uniform_noise")["untrained_auroc"] is None     # judged, and its baselines left blank
    with pytest.raises(Misuse, match=r"other values of hints \("):
        runs.train(own, run)


def test_methods_that_take_no_hints_refuse_them(file, tmp_path):
    with pytest.raises(Misuse, match="--hints.*semi-supervised.*autoencoder, which takes none"):
        runs.train(settings("autoencoder"), tmp_path / "run", hints=file("0,1\n"))
    assert not (tmp_path / "run").exists()


def test_the_untrained_network_of_a_method_without_hints_sees_none(monkeypatch):
    monkeypatch.setattr(judging, "INITIALISATIONS", 1)
    x = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
    hint = np.where(np.arange(30) < 9, -1, 0).astype(np.int8)
    for method, same in (("deep_svdd", True), ("deep_sad", False)):
        config = {"seed": 0, "stages": [{"method": method}]}
        told, untold = (judging.untrained_scores(config, x, each, x, (4,))[0] for each in (hint, 0 * hint))
        assert np.array_equal(told, untold) is same
