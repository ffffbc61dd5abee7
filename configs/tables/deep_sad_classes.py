"""Deep SAD, labels of more classes: scenario (iii).

Paper:    Ruff et al. (2020), Deep Semi-Supervised Anomaly Detection, ICLR, table 5; three data sets, ten normal classes each.
Cost:     days on two cores; `deep_sad.py:paper` alone 6 to 12 minutes a digit of MNIST on one thread, CIFAR-10 many times that.
Needs:    MNIST, Fashion-MNIST and CIFAR-10, prepared or to be downloaded.
Command:  bin/benchmark --config=configs/tables/deep_sad_classes.py --to=DIR
          bin/benchmark --config=configs/tables/deep_sad_classes.py --datasets=mnist --seeds=0 --shorten=5 --to=DIR
"""
from kerasnd.config_tables import blocks, study_columns, study_rows

DATASETS = {"MNIST": "mnist", "F-MNIST": "fashion_mnist", "CIFAR-10": "cifar10"}
PUBLISHED = """
MNIST         | 0        | 1        | 2        | 3        | 5
OC-SVM Raw    | 88.8±6.0 | –        | –        | –        | –
OC-SVM Hybrid | 91.4±5.1 | –        | –        | –        | –
IF Raw        | 82.3±9.5 | –        | –        | –        | –
IF Hybrid     | 88.2±6.5 | –        | –        | –        | –
KDE Raw       | 82.1±8.5 | –        | –        | –        | –
KDE Hybrid    | 85.9±6.6 | –        | –        | –        | –
CAE           | 83.7±8.4 | –        | –        | –        | –
Deep SVDD     | 86.5±6.8 | –        | –        | –        | –
SSAD Raw      | 88.8±6.0 | 90.7±4.4 | 92.5±3.6 | 93.9±3.3 | 95.5±2.5
SSAD Hybrid   | 91.4±5.1 | 86.0±4.6 | 87.7±3.8 | 89.8±3.3 | 91.9±3.0
SS-DGM        | –        | 89.7±7.5 | 92.8±5.3 | 94.9±4.2 | 96.7±2.3
Deep SAD      | 86.5±6.8 | 91.2±4.9 | 92.0±3.6 | 94.7±2.8 | 97.3±1.8
Supervised    | –        | 83.6±8.2 | 90.3±4.6 | 93.9±2.8 | 96.9±1.7

F-MNIST       | 0         | 1         | 2         | 3         | 5
OC-SVM Raw    | 89.5±6.1  | –         | –         | –         | –
OC-SVM Hybrid | 89.3±6.2  | –         | –         | –         | –
IF Raw        | 90.2±6.3  | –         | –         | –         | –
IF Hybrid     | 85.5±7.7  | –         | –         | –         | –
KDE Raw       | 81.8±11.2 | –         | –         | –         | –
KDE Hybrid    | 77.8±12.0 | –         | –         | –         | –
CAE           | 77.4±11.1 | –         | –         | –         | –
Deep SVDD     | 76.2±7.3  | –         | –         | –         | –
SSAD Raw      | 89.5±6.1  | 85.6±7.0  | 87.8±6.1  | 89.4±5.5  | 91.2±4.8
SSAD Hybrid   | 89.3±6.2  | 79.8±9.0  | 80.1±10.5 | 83.8±9.4  | 86.8±7.7
SS-DGM        | –         | 72.5±15.5 | 74.3±15.4 | 77.5±14.7 | 79.9±13.8
Deep SAD      | 76.2±7.3  | 78.2±9.1  | 80.5±8.2  | 83.9±7.4  | 87.3±6.4
Supervised    | –         | 56.7±4.1  | 62.3±2.9  | 67.3±3.0  | 75.3±2.7

CIFAR-10      | 0         | 1        | 2        | 3        | 5
OC-SVM Raw    | 60.8±10.7 | –        | –        | –        | –
OC-SVM Hybrid | 62.9±8.2  | –        | –        | –        | –
IF Raw        | 58.8±10.1 | –        | –        | –        | –
IF Hybrid     | 59.1±6.6  | –        | –        | –        | –
KDE Raw       | 57.3±13.5 | –        | –        | –        | –
KDE Hybrid    | 54.9±11.1 | –        | –        | –        | –
CAE           | 55.4±13.3 | –        | –        | –        | –
Deep SVDD     | 58.6±10.0 | –        | –        | –        | –
SSAD Raw      | 60.8±10.7 | 69.8±8.4 | 73.0±7.1 | 73.8±6.6 | 75.1±5.5
SSAD Hybrid   | 62.9±8.2  | 69.3±8.5 | 72.3±7.5 | 73.3±7.0 | 74.2±6.5
SS-DGM        | –         | 50.5±3.6 | 50.3±2.4 | 50.0±0.7 | 50.0±1.0
Deep SAD      | 58.6±10.0 | 71.8±7.0 | 75.2±6.4 | 77.5±5.9 | 80.4±4.6
Supervised    | –         | 60.6±8.3 | 61.0±6.6 | 62.7±6.8 | 60.9±4.6
"""


def get_table():
    """Returns the values."""
    values = blocks(PUBLISHED)
    return {
        "title": "Deep SAD, labels of more classes: scenario (iii)", "source": "Ruff et al. (2020), table 5",
        "metric": "auroc", "scale": 100, "seeds": list(range(9)),
        "columns": study_columns(values, "protocol.n_known_outliers", DATASETS,
                                 {"protocol.ratio_known_outlier": "0.05", "protocol.ratio_pollution": "0.1"}),
        "rows": study_rows(values),
        "notes": ["Published: a run for each pair of a normal and a known anomalous class; here the seed draws the known class.",
                  "OC-SVM and SSAD choose gamma by test labels, as published."],
    }
