"""ARAE under p2, one class against the rest: MNIST, Fashion-MNIST, CIFAR-10.

Paper:    Salehi et al. (2021), ARAE: Adversarially robust training of autoencoders improves novelty detection, Neural Networks.
Cost:     `arae.py:paper` 3 hours a digit of MNIST on one thread (1600 epochs); CIFAR-10 more.
Needs:    the three sets, prepared or to be downloaded.
Command:  bin/benchmark --config=configs/tables/arae.py --to=DIR
          bin/benchmark --config=configs/tables/arae.py --datasets=mnist --normals=8 --shorten=10 --to=DIR
"""
from kerasnd.config_tables import blocks

MEMORY = "from memory, not verified against the paper"
PUBLISHED = """
MNIST     | 0    | 1    | 2    | 3    | 4    | 5    | 6    | 7    | 8    | 9
ARAE      | 99.8 | 99.9 | 96.0 | 97.2 | 97.0 | 97.4 | 99.5 | 96.9 | 92.4 | 98.5
OCGAN     | 99.8 | 99.9 | 94.2 | 96.3 | 97.5 | 98.0 | 99.1 | 98.1 | 93.9 | 98.1
LSA       | 99.3 | 99.9 | 95.9 | 96.6 | 95.6 | 96.4 | 99.4 | 98.0 | 95.3 | 98.1
Deep SVDD | 98.0 | 99.7 | 91.7 | 91.9 | 94.9 | 88.5 | 98.3 | 94.6 | 93.9 | 96.5

Fashion-MNIST | 0    | 1    | 2    | 3    | 4    | 5    | 6    | 7    | 8    | 9
ARAE          | 93.7 | 99.1 | 91.1 | 94.4 | 92.3 | 91.4 | 83.6 | 98.9 | 93.9 | 97.9

CIFAR-10 | 0    | 1    | 2    | 3    | 4    | 5    | 6    | 7    | 8    | 9
ARAE     | 72.2 | 43.1 | 69.0 | 55.0 | 75.2 | 54.7 | 70.1 | 51.0 | 72.2 | 40.0
"""
DATASETS = {"MNIST": "mnist", "Fashion-MNIST": "fashion_mnist", "CIFAR-10": "cifar10"}
ROWS = {"ARAE": "configs/arae.py:paper", "Deep SVDD": "configs/deep_svdd.py:paper", "OCGAN": "", "LSA": ""}


def get_table():
    """Returns the values."""
    values, columns = blocks(PUBLISHED), []
    for name in values:
        group, normal = name.rsplit(" ", 1)
        columns.append({"name": name, "group": group, "dataset": DATASETS[group], "normals": [normal],
                        "overrides": {"protocol.name": "one_vs_rest"}})
    return {
        "title": "ARAE, one class against the rest (p2)", "source": "Salehi et al. (2021)", "metric": "auroc", "scale": 100,
        "seeds": [0], "columns": columns,
        "rows": [{"name": name, "config": config, "certainty": MEMORY,
                  "published": {column: each[name] for column, each in values.items() if each.get(name) is not None}}
                 for name, config in ROWS.items()],
    }
