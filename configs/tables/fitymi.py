"""FITYMI: CIFAR-10 and the superclasses of CIFAR-100, one class against the rest.

Paper:    Mirzaei et al. (2023), Fake it till you make it: towards accurate near-distribution novelty detection, ICLR.
Cost:     days of a GPU a class, the generator's included.
Needs:    CIFAR-10, CIFAR-100; ViT-B/16 weights in Google's layout (.npz) and generated negatives, which are not distributed here.
Command:  bin/benchmark --config=configs/tables/fitymi.py --config.stages[0].model.pretrained=ViT-B_16.npz --to=DIR
          The near protocol (NND) is judged on a finished run: bin/evaluate --run=RUN --each_class
"""
READ = "in the authors' README"
QUOTED = "read by eye in a table of a later study"
CLASSES = [str(number) for number in range(10)]
SUPERCLASSES = [str(number) for number in range(20)]


def get_table():
    """Returns the values."""
    one_vs_rest = {"protocol.name": "one_vs_rest"}
    others = {"Transformaly": (98.3, 97.3), "KDAD (ViT)": (98.5, 97.4), "MSAD": (97.2, 96.4), "PANDA": (96.2, 94.1),
              "PatchCore": (67.2, 64.1)}
    return {
        "title": "FITYMI, one class against the rest", "source": "Mirzaei et al. (2023)",
        "metric": "auroc", "scale": 100, "seeds": [0],
        "columns": [
            {"name": "CIFAR-10", "group": "CIFAR-10", "dataset": "cifar10", "normals": CLASSES, "overrides": one_vs_rest},
            {"name": "CIFAR-10, nearest class", "group": "near (NND)", "dataset": "cifar10", "normals": []},
            {"name": "CIFAR-100", "group": "CIFAR-100", "dataset": "cifar100", "normals": SUPERCLASSES, "overrides": one_vs_rest,
             "flags": {"label_column": "coarse_label"}}],
        "rows": [{"name": "FITYMI", "config": "configs/fitymi.py:paper", "certainty": READ,
                  "published": {"CIFAR-10": 99.1, "CIFAR-10, nearest class": 90.0, "CIFAR-100": 98.1}},
                 *({"name": name, "certainty": QUOTED, "published": {"CIFAR-10": ten, "CIFAR-100": hundred}}
                   for name, (ten, hundred) in others.items())],
        "notes": ["With `--negatives=FILE` class by class through bin/train, or `fitymi.py:generated`, which draws its own."],
    }
