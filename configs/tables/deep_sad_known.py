"""Deep SAD, more labelled anomalies: scenario (i).

Paper:    Ruff et al. (2020), Deep Semi-Supervised Anomaly Detection, ICLR, table 3; three data sets, ten normal classes each.
Cost:     days on two cores; `deep_sad.py:paper` alone 6 to 12 minutes a digit of MNIST on one thread, CIFAR-10 many times that.
Needs:    MNIST, Fashion-MNIST and CIFAR-10, prepared or to be downloaded.
Command:  bin/benchmark --config=configs/tables/deep_sad_known.py --to=DIR
          bin/benchmark --config=configs/tables/deep_sad_known.py --datasets=mnist --seeds=0 --shorten=5 --to=DIR
"""
from kerasnd.config_tables import blocks, study_columns, study_rows

DATASETS = {"MNIST": "mnist", "F-MNIST": "fashion_mnist", "CIFAR-10": "cifar10"}
PUBLISHED = """
MNIST         | .00      | .01      | .05      | .10      | .20
OC-SVM Raw    | 96.0±2.9 | –        | –        | –        | –
OC-SVM Hybrid | 96.3±2.5 | –        | –        | –        | –
IF Raw        | 85.4±8.7 | –        | –        | –        | –
IF Hybrid     | 90.5±5.3 | –        | –        | –        | –
KDE Raw       | 95.0±3.3 | –        | –        | –        | –
KDE Hybrid    | 87.8±5.6 | –        | –        | –        | –
CAE           | 92.9±5.7 | –        | –        | –        | –
Deep SVDD     | 92.8±4.9 | –        | –        | –        | –
SSAD Raw      | 96.0±2.9 | 96.6±2.4 | 93.3±3.6 | 90.7±4.4 | 87.2±5.6
SSAD Hybrid   | 96.3±2.5 | 96.8±2.3 | 97.4±2.0 | 97.6±1.7 | 97.8±1.5
SS-DGM        | –        | 89.9±9.2 | 92.2±5.6 | 91.6±5.5 | 91.2±5.6
Deep SAD      | 92.8±4.9 | 96.4±2.7 | 96.7±2.4 | 96.9±2.3 | 96.9±2.4
Supervised    | –        | 92.8±5.5 | 94.5±4.6 | 95.0±4.7 | 95.6±4.4

F-MNIST       | .00       | .01       | .05       | .10       | .20
OC-SVM Raw    | 92.8±4.7  | –         | –         | –         | –
OC-SVM Hybrid | 91.2±4.7  | –         | –         | –         | –
IF Raw        | 91.6±5.5  | –         | –         | –         | –
IF Hybrid     | 82.5±8.1  | –         | –         | –         | –
KDE Raw       | 92.0±4.9  | –         | –         | –         | –
KDE Hybrid    | 69.7±14.4 | –         | –         | –         | –
CAE           | 90.2±5.8  | –         | –         | –         | –
Deep SVDD     | 89.2±6.2  | –         | –         | –         | –
SSAD Raw      | 92.8±4.7  | 92.1±5.0  | 88.3±6.2  | 85.5±7.1  | 82.0±8.0
SSAD Hybrid   | 91.2±4.7  | 89.4±6.0  | 90.5±5.9  | 91.0±5.6  | 89.7±6.6
SS-DGM        | –         | 65.1±16.3 | 71.4±12.7 | 72.9±12.2 | 74.7±13.5
Deep SAD      | 89.2±6.2  | 90.0±6.4  | 90.5±6.5  | 91.3±6.0  | 91.0±5.5
Supervised    | –         | 74.4±13.6 | 76.8±13.2 | 79.0±12.3 | 81.4±12.0

CIFAR-10      | .00       | .01      | .05      | .10      | .20
OC-SVM Raw    | 62.0±10.6 | –        | –        | –        | –
OC-SVM Hybrid | 63.8±9.0  | –        | –        | –        | –
IF Raw        | 60.0±10.0 | –        | –        | –        | –
IF Hybrid     | 59.9±6.7  | –        | –        | –        | –
KDE Raw       | 59.9±11.7 | –        | –        | –        | –
KDE Hybrid    | 56.1±10.2 | –        | –        | –        | –
CAE           | 56.2±13.2 | –        | –        | –        | –
Deep SVDD     | 60.9±9.4  | –        | –        | –        | –
SSAD Raw      | 62.0±10.6 | 73.0±8.0 | 71.5±8.1 | 70.1±8.1 | 67.4±8.8
SSAD Hybrid   | 63.8±9.0  | 70.5±8.3 | 73.3±8.4 | 74.0±8.1 | 74.5±8.0
SS-DGM        | –         | 49.7±1.7 | 50.8±4.7 | 52.0±5.5 | 53.2±6.7
Deep SAD      | 60.9±9.4  | 72.6±7.4 | 77.9±7.2 | 79.8±7.1 | 81.9±7.0
Supervised    | –         | 55.6±5.0 | 63.5±8.0 | 67.7±9.6 | 80.5±5.9
"""


def get_table():
    """Returns the values."""
    values = blocks(PUBLISHED)
    return {
        "title": "Deep SAD, more labelled anomalies: scenario (i)", "source": "Ruff et al. (2020), table 3",
        "metric": "auroc", "scale": 100, "seeds": list(range(9)),
        "columns": study_columns(values, "protocol.ratio_known_outlier", DATASETS,
                                 {"protocol.ratio_pollution": "0"}),
        "rows": study_rows(values),
        "notes": ["Published: a run for each pair of a normal and a known anomalous class; here the seed draws the known class.",
                  "Published SSAD Raw from .01 on is doubtful: its values are those of scenario (ii) with as much pollution.",
                  "OC-SVM and SSAD choose gamma by test labels, as published."],
    }
