"""GPND: MNIST and Fashion-MNIST at five shares of anomalies, COIL-100 objects, CIFAR-10 against what is no photograph.

Paper:    Pidhorskyi, Almohsen, Doretto (2018), Generative probabilistic novelty detection, NeurIPS; arXiv version 2.
Cost:     `gpnd.py:paper` an hour and a half a digit of MNIST on two cores in bfloat16 (80 epochs); days for all.
Needs:    the sets, prepared or to be downloaded. Shares other than 50 percent are judged by one training:
          bin/evaluate --run=RUN --shares=0.1,0.2,0.3,0.4,0.5
Command:  bin/benchmark --config=configs/tables/gpnd.py --precision=bfloat16 --to=DIR
          bin/benchmark --config=configs/tables/gpnd.py --datasets=mnist --normals=8 --precision=bfloat16 --shorten=4 --to=DIR
"""
READ = "read in the paper"
DIGITS = [str(digit) for digit in range(10)]
SHARES = ("10 %", "20 %", "30 %", "40 %", "50 %")
# Percent, mean of ten classes, at these shares of anomalies.
MNIST = {
    "GPND": (98.1, 98.0, 98.0, 98.0, 98.0), "autoencoder": (93.4, 93.8, 93.4, 92.9, 92.8),
    "VAE by the density": (95.2, 95.7, 95.6, 95.8, 95.9), "without the image critic": (95.2, 95.6, 95.3, 95.2, 95.3),
}
FASHION = (92.8, 93.2, 93.3, 93.3, 93.3)
COIL = {"1 object, 50 %": (1, "0.5", 96.8), "4 objects, 25 %": (4, "0.25", 94.5), "7 objects, 15 %": (7, "0.15", 91.9)}
NOISE = {"uniform noise": ("uniform_noise", 99.9), "Gaussian noise": ("gaussian_noise", 100.0)}
CONFIGS = {
    "GPND": ("configs/gpnd.py:paper", {}),
    "without the image critic": ("configs/gpnd.py:paper", {"stages[0].model.image_critic": "false"}),
    "VAE by the density": ("configs/vae.py:paper", {"stages[0].model.network": "gpnd", "stages[0].model.score_by": "density"}),
    "autoencoder": ("configs/autoencoder.py:paper", {"stages[0].model.network": "gpnd"}),
}


def get_table():
    """Returns the values."""
    folds = {"protocol.name": "folds", "protocol.anomaly_share": "0.5"}
    columns = [{"name": f"MNIST {share}", "group": "MNIST", "dataset": "mnist", "normals": DIGITS, "overrides": folds}
               if share == "50 %" else {"name": f"MNIST {share}", "group": "MNIST", "dataset": "mnist", "normals": []}
               for share in SHARES]
    columns += [{"name": f"Fashion-MNIST {share}", "group": "Fashion-MNIST", "dataset": "fashion_mnist",
                 "normals": DIGITS if share == "50 %" else [], "overrides": folds} for share in SHARES]
    columns += [{"name": name, "group": "COIL-100", "dataset": "coil100", "normals": [f"random:{n}"], "overrides": {
        "protocol.name": "folds", "protocol.per_class": "1", "protocol.validation_folds": "0", "protocol.anomaly_share": share}}
        for name, (n, share, _) in COIL.items()]
    columns += [{"name": name, "group": "CIFAR-10 against", "dataset": "cifar10", "normals": ["all"],
                 "flags": {"outliers": outliers}}
                for name, (outliers, _) in NOISE.items()]
    published = {name: dict(zip((f"MNIST {share}" for share in SHARES), values)) for name, values in MNIST.items()}
    published["GPND"] |= {f"Fashion-MNIST {share}": value for share, value in zip(SHARES, FASHION)}
    published["GPND"] |= {name: value for name, (_, _, value) in COIL.items()} | {name: value for name, (_, value) in NOISE.items()}
    return {
        "title": "GPND", "source": "Pidhorskyi et al. (2018), arXiv version 2, tables 2 to 5", "metric": "auroc", "scale": 100,
        "seeds": [0], "columns": columns,
        "rows": [{"name": name, "config": config, "overrides": overrides, "certainty": READ, "published": published[name],
                  "columns": [column for column in (each["name"] for each in columns) if name == "GPND" or "MNIST" in column]}
                 for name, (config, overrides) in CONFIGS.items()],
        "notes": ["Fold 0 of five; published: all folds. The paper's `P-VAE` and `P-AAE` are its pipeline with a VAE and without "
                  "the image critic.",
                  "TinyImageNet, LSUN and iSUN crops are files of another study: --outliers=FOLDER judges against them."],
    }
