"""ARAE where several classes are normal: COIL-100 objects under p1, and pairs of digits under the union of attacks.

Paper:    Salehi et al. (2021), ARAE, Neural Networks; 30 drawings of objects, 12 combinations of digits.
Cost:     not run whole: COIL-100 was not to be had; `:union_paper` takes 500 epochs of 50 s for one digit on one thread.
Needs:    COIL-100 and MNIST, prepared or to be downloaded.
Command:  bin/benchmark --config=configs/tables/arae_several.py --datasets=coil100 --to=DIR
          bin/benchmark --config=configs/tables/arae_several.py --datasets=mnist --seeds=0-11 --shorten=10 --to=DIR
"""
# objects: their share of anomalies, and AUROC of GPND's paper
COIL = {1: ("0.5", 96.8), 4: ("0.25", 94.5), 7: ("0.15", 91.9)}
QUOTED = "Pidhorskyi et al. (2018), table 2, whose numbers ARAE's table repeats; other subsets and folds"


def get_table():
    """Returns the values."""
    coil = {f"{n} objects": (n, share, published) for n, (share, published) in COIL.items()}
    columns = [{"name": name, "group": "COIL-100", "dataset": "coil100", "normals": [f"random:{n}"],
                "overrides": {"protocol.name": "p1", "protocol.anomaly_share": share}} for name, (n, share, _) in coil.items()]
    columns.append({"name": "two digits", "group": "MNIST mixed", "dataset": "mnist", "normals": ["random:2"],
                    "overrides": {"protocol.name": "one_vs_rest"}})
    return {
        "title": "ARAE, several normal classes", "source": "Salehi et al. (2021); its own numbers here could not be read",
        "metric": "auroc", "scale": 100, "seeds": list(range(30)), "columns": columns,
        "rows": [{"name": "ARAE", "config": "configs/arae.py:paper", "columns": list(coil)},
                 {"name": "ARAE union", "config": "configs/arae.py:union_paper", "columns": ["two digits"]},
                 {"name": "GPND", "certainty": QUOTED, "published": {name: value for name, (_, _, value) in coil.items()}}],
        "notes": ["The seed draws the objects and the pair of digits. The paper's combinations of digits are not known: pairs are "
                  "ours."],
    }
