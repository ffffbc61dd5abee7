"""Active labelling: what is suggested can be trained on, is worth more than what chance picks, and loses no label."""
# ruff: noqa: F401, F811
import csv
import json

import keras
import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import cdist
from short_runs import arrays, quick
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score

from kerasnd import Autoencoder, DeepSAD, config, growing, runs, suggesting
from kerasnd.cli import score as program
from kerasnd.data import pieces
from kerasnd.errors import BadData, Misuse


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def write(path, found):
    with open(path, "w", newline="") as file:
        out = csv.DictWriter(file, found[0])
        out.writeheader()
        out.writerows(found)
    return str(path)


# ---- the choice ------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("scale, shift", [(1, 0), (1e-6, -3), (1e6, 5)])
def test_each_pick_is_worth_the_most_and_the_first_scores_highest(scale, shift):
    rng = np.random.default_rng(0)
    score, values = rng.normal(size=40), rng.normal(size=(40, 3)).astype(np.float32)
    chosen = suggesting.choose(scale * score + shift, values, 15)
    assert chosen.dtype == np.int64 and chosen[0] == np.argmax(score) and len(set(chosen.tolist())) == 15
    distance = cdist(values, values, "sqeuclidean")
    for number in range(1, 15):
        worth = (score - score.min()) * distance[chosen[:number]].min(axis=0)
        assert worth[chosen[number]] == pytest.approx(worth.max(), rel=1e-5)
    assert sorted(suggesting.choose(score, values, 40).tolist()) == list(range(40))


def test_twins_come_last_and_equals_in_their_order():
    values = np.repeat([[0.0], [1.0], [5.0]], 3, axis=0)
    assert suggesting.choose(np.arange(9.0), values, 9).tolist() == [8, 5, 2, 7, 6, 4, 3, 1, 0]
    assert suggesting.choose(np.ones(4), np.zeros((4, 1)), 4).tolist() == [0, 1, 2, 3]
    assert suggesting.choose(np.array([1.0, 2.0]), np.zeros((2, 1)), 1).tolist() == [1]


# ---- own data --------------------------------------------------------------------------------------------------------

def stripes(n, seed):
    """uint8 (2 n, 8, 8), n normals and n anomalies."""
    rng, kind = np.random.default_rng(seed), np.repeat([1, 2], n)
    waves = np.sin(np.arange(8)[None, :, None] * kind[:, None, None]) + rng.normal(0, 0.2, (2 * n, 8, 8))
    return np.clip(128 + 60 * waves, 0, 255).astype(np.uint8)


def pool(kind, folder):
    """(path, normal, names): polluted training data of 24 normals and 6 anomalies, all called normal, and a test part; in `names`
    each hidden anomaly is called as --hints would. Tables have no parts: of all kinds some are judged."""
    train, test = stripes(24, 0)[:30], stripes(8, 1)
    if kind == "folder":
        for part, images, label in (("train", train, np.zeros(30, int)), ("test", test, np.repeat([0, 1], 8))):
            for i, (image, each) in enumerate(zip(images, label)):
                path = folder / "photos" / part / ("good", "bad")[each] / f"{i:02d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(image).save(path)
        return folder / "photos", "good", [str(folder / f"photos/train/good/{i:02d}.png") for i in range(24, 30)]
    if kind == "parts":
        np.savez(folder / "x.npz", x_train=train, y_train=np.zeros(30, int), x_test=test, y_test=np.repeat([0, 1], 8))
        return folder / "x.npz", "0", [str(i) for i in range(24, 30)]
    x, y = np.concatenate([train, test]), np.concatenate([np.zeros(38, int), np.ones(8, int)])
    names = [str(i) for i in range(24, 30)]
    if kind == "npz":
        np.savez(folder / "x.npz", x=x, y=y)
        return folder / "x.npz", "0", names
    table = x[:, :, 0]
    with open(folder / "x.csv", "w", newline="") as file:
        out = csv.writer(file)
        out.writerow([*(f"f{i}" for i in range(8)), "state"])
        out.writerows([*row, ("ok", "broken")[label]] for row, label in zip(table.tolist(), y))
    return folder / "x.csv", "ok", names


def trained(data, normal, run, method="kde", **more):
    own = config.load(method=method, dataset=str(data), normal=normal)
    for stage in own["stages"]:
        stage.get("fit", {}).update(epochs=1, batch_size=8)
    if str(data).endswith(".csv"):
        own["source"]["label_column"] = "state"
    own["protocol"]["calibration_share"] = 0.1
    return runs.train(own, run, **more)


@pytest.mark.parametrize("kind", ["folder", "parts", "npz", "csv"])
def test_what_is_suggested_is_trained_on_and_no_label_is_lost(kind, tmp_path, quick, capsys, monkeypatch):
    data, normal, hidden = pool(kind, tmp_path)
    trained(data, normal, tmp_path / "a")
    monkeypatch.chdir(tmp_path)
    runs.score(tmp_path / "a", data.name, "a.csv", suggest=6)
    assert "6 suggestions in a.suggested.csv" in capsys.readouterr().out
    first, column = rows("a.suggested.csv"), "path" if kind == "folder" else "index"
    assert list(first[0]) == [column, "hint", "score", "why"] and [row["hint"] for row in first] == ["0"] * 6
    scores = {row["path"]: row["score"] for row in rows("a.csv")}
    on_disk = {str(data.parent / name): name for name in scores} if kind == "folder" else {name: name for name in scores}
    assert all(row["score"] == scores[on_disk[row[column]]] for row in first)
    with np.load("a/scores.npz") as file:
        judged = set(file["index"].tolist())
    if kind != "folder":
        assert not judged & {int(row["index"]) for row in first}
    else:
        assert all("photos/train/good/" in row["path"] for row in first)
    if kind == "folder":        # untouched the file says nothing; nor do emptied cells
        first[0]["hint"] = ""
        trained(data, normal, "b", method="ssad", hints=write("empty.csv", first))
        assert "0 known normals, 0 known anomalies" in json.loads((tmp_path / "b/config.json").read_text())["protocol"]["told"]
    for row in first:
        row["hint"] = "-1" if row[column] in hidden else "1"
    told = {row[column]: int(row["hint"]) for row in first}
    trained(data, normal, "c", method="ssad", hints=write("a.suggested.csv", first))
    record = json.loads((tmp_path / "c/config.json").read_text())
    assert f"{6 - sum(v < 0 for v in told.values())} known normals" in record["protocol"]["told"]
    # The second round asks for others, and hands on what is known.
    runs.score("c", data, "c.csv", suggest=3)
    second = rows("c.suggested.csv")
    assert [row["hint"] for row in second[:3]] == ["0"] * 3 and not {row[column] for row in second[:3]} & set(told)
    assert {row[column]: int(row["hint"]) for row in second[3:]} == told
    assert {row["why"] for row in second[3:]} == {"known to the run"}


def test_the_candidates_are_the_highest_of_those_without_a_label(arrays, tmp_path, quick, monkeypatch):
    """Against the same choice made of the whole table and the run's detector, by hand; pieces of seven rows."""
    monkeypatch.setattr(pieces, "MOST", 7)
    trained(arrays, "1", tmp_path / "run", method="deep_svdd")
    with np.load(arrays) as file:
        x = file["x_train"]
    held_out = np.load(tmp_path / "run/calibration.npz")["index"]
    train = np.setdiff1d(np.arange(30, 60), held_out)
    detector = keras.models.load_model(tmp_path / "run/detector.keras")
    monkeypatch.setattr(suggesting, "POOL", 3)
    runs.score(tmp_path / "run", arrays, tmp_path / "s.csv", suggest=4)
    score = np.array([float(row["score"]) for row in rows(tmp_path / "s.csv")])[train]
    best = np.sort(train[np.argsort(-score)[:12]])
    chosen = best[suggesting.choose(score[np.searchsorted(train, best)], detector.encode(x[best]).numpy(), 4)]
    found = rows(tmp_path / "s.suggested.csv")
    assert [int(row["index"]) for row in found] == chosen.tolist()
    assert [row["why"] for row in found] == [suggesting.WHY[0]] + [suggesting.WHY[1]] * 3


def test_killed_while_it_chose_it_goes_on_and_ends_the_same(tmp_path, quick, monkeypatch, capsys):
    data, normal, _ = pool("folder", tmp_path)
    trained(data, normal, tmp_path / "run")
    runs.score(tmp_path / "run", data, tmp_path / "whole.csv", suggest=5)

    def killed(*args):
        raise KeyboardInterrupt
    for place in ((suggesting, "choose"), (growing.GrowingTable, "finish")):
        with monkeypatch.context() as patch:
            patch.setattr(*place, killed)
            with pytest.raises(KeyboardInterrupt):
                runs.score(tmp_path / "run", data, tmp_path / "s.csv", suggest=5)
        assert not (tmp_path / "s.csv").exists() and not (tmp_path / "s.suggested.csv").exists()
    capsys.readouterr()
    runs.score(tmp_path / "run", data, tmp_path / "s.csv", suggest=5)
    assert "going on behind row 46" in capsys.readouterr().out
    for name in ("{}.csv", "{}.suggested.csv"):
        assert (tmp_path / name.format("s")).read_bytes() == (tmp_path / name.format("whole")).read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_broken_files_are_not_suggested(tmp_path, quick, monkeypatch):
    data, normal, _ = pool("folder", tmp_path)
    trained(data, normal, tmp_path / "run")
    monkeypatch.setattr(suggesting, "_training", lambda record, found=suggesting._training(
        json.loads((tmp_path / "run/config.json").read_text())): found)       # broken after training data was looked at
    for path in sorted((data / "train/good").iterdir())[:20]:
        path.write_bytes(b"no image")
    for skip in (False, True):
        runs.score(tmp_path / "run", data, tmp_path / f"{skip}.csv", suggest=15, skip_unreadable=skip)
        found = rows(tmp_path / f"{skip}.suggested.csv")
        assert 7 <= len(found) <= 10 and all(int(row["path"][-6:-4]) >= 20 for row in found)
    for path in sorted((data / "train/good").iterdir())[20:]:
        path.write_bytes(b"no image")
    with pytest.raises(BadData, match="without a label and with a finite score"):
        runs.score(tmp_path / "run", data, tmp_path / "none.csv", suggest=15)


def test_what_cannot_be_suggested_is_refused_in_one_line(arrays, tmp_path, quick, monkeypatch, capsys):
    monkeypatch.setattr(program.process, "settle", lambda *args: None)
    trained(arrays, "1", tmp_path / "run", method="ssad", hints=write(tmp_path / "h.csv", [{"index": 31, "hint": 1}]))

    def told(*more, data=arrays, code=2):
        words = [f"--run={tmp_path / 'run'}", f"--input={data}", f"--output={tmp_path / 's.csv'}"]
        assert program.main([*words, *more]) == code
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert line.startswith("score: `") and not (tmp_path / "s.csv").exists()
        return line
    for wrong in ("0", "-2", "many", "1.5"):
        assert "`--suggest` must be a whole number, 1 or more. Received: --suggest=" in told(f"--suggest={wrong}")
    line = told("--suggest=500")
    assert "the number of training examples without a label. Received: suggest=500, and 2" in line and "beside 1 with" in line
    with np.load(arrays) as file:
        np.savez(tmp_path / "other.npz", x=file["x_train"])
    assert "Received: --input=" in (line := told("--suggest=2", data=tmp_path / "other.npz")) and f"--input={arrays}" in line
    (tmp_path / "s.suggested.csv").write_text("index,hint\n31,-1\n")
    assert "must leave s.suggested.csv free" in told("--suggest=2")
    assert (tmp_path / "s.suggested.csv").read_text() == "index,hint\n31,-1\n"
    (tmp_path / "s.suggested.csv").unlink()
    (tmp_path / "h.csv").write_text("index,hint\n31,-1\n")
    assert "`hints` must be the file that the run was trained with" in told("--suggest=2")
    for wrong in (0, True, 2.0):
        with pytest.raises(Misuse, match="`suggest` must be a whole number of at least 1"):
            runs.score(tmp_path / "run", arrays, tmp_path / "s.csv", suggest=wrong)


# ---- what labels bring -----------------------------------------------------------------------------------------------

def suggested(score, values, n):
    best = np.sort(np.argsort(-score, kind="stable")[:suggesting.POOL * n])
    return best[suggesting.choose(score[best], values[best], n)]


def three_rounds(normal, seed, n=5):
    """(2, 4) AUROCs of Deep SAD on digits, a tenth of whose training examples are hidden anomalies: without labels, and after one,
    two and three times `n` true labels of what is suggested, and of what chance picks."""
    digits, rng = load_digits(), np.random.default_rng(seed)
    x, anomalous = digits.images[..., None].astype(np.uint8), digits.target != normal
    order = rng.permutation(len(x))
    normals, others = order[~anomalous[order]], order[anomalous[order]]
    train = np.concatenate([normals[:108], others[:12]])
    judged = np.setdiff1d(order, train)
    keras.utils.set_random_seed(seed)
    autoencoder = Autoencoder(x.shape[1:], preprocess="unit")
    autoencoder.compile(keras.optimizers.Adam(1e-3))
    autoencoder.fit(x[train], epochs=60, batch_size=40, seed=seed, verbose=0)
    detector = DeepSAD(x.shape[1:])
    detector.compile(optimizer := keras.optimizers.Adam(1e-4))
    detector.inherit(autoencoder)
    begun = detector.get_weights(), [variable.numpy() for variable in optimizer.variables]

    def trained(hint):
        detector.set_weights(begun[0])
        for variable, value in zip(optimizer.variables, begun[1], strict=True):
            variable.assign(value)
        detector.fit(x[train], hint, epochs=100, batch_size=40, seed=seed, verbose=0)
        score = detector.predict(x, verbose=0)
        return roc_auc_score(anomalous[judged], score[judged]), score[train], detector.encode(x[train]).numpy()
    untold, curves = trained(np.zeros(120, np.int8)), []
    for pick in (suggested, lambda score, values, n: rng.permutation(len(score))[:n]):
        (auroc, score, values), hint, curve = untold, np.zeros(120, np.int8), [untold[0]]
        for _ in range(3):
            free = np.flatnonzero(hint == 0)
            asked = free[pick(score[free], values[free], n)]
            hint[asked] = np.where(anomalous[train[asked]], -1, 1)
            auroc, score, values = trained(hint)
            curve.append(auroc)
        curves.append(curve)
    return np.array(curves)


def test_labels_of_what_is_suggested_are_worth_more_than_those_of_what_chance_picks():
    asked, chance = np.mean([three_rounds(normal, seed) for normal, seed in ((9, 1), (1, 2))], axis=0)
    assert (np.diff(asked) > 0.002).all() and asked[3] > chance[3] + 0.01


@pytest.mark.slow
def test_over_all_digits_what_is_suggested_is_worth_more():
    curves = np.array([three_rounds(normal, seed) for seed in (3, 4) for normal in range(10)])
    asked, chance = curves.mean(axis=0)
    assert (np.diff(asked) > 0.001).all() and asked[1:].mean() > chance[1:].mean() + 0.005
    ahead = curves[:, 0, 3] - curves[:, 1, 3]           # chance is now and then lucky in a first round
    assert ahead.mean() > 3 * ahead.std(ddof=1) / np.sqrt(len(ahead))
