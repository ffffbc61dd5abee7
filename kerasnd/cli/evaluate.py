"""Scores and judges a finished run again: flags -> `runs.evaluate`."""
import sys

from kerasnd import arguments, process
from kerasnd.cli import finished, flags
from kerasnd.errors import Misuse

ABOUT = """
Scores a run's test set again, or another set, and rewrites the run's scores, metrics and figures.

  bin/evaluate --run=saved_models/ocnn/digits/3/0
  bin/evaluate --run=saved_models/ocnn/mnist/3/0 --outliers=fashion_mnist
  bin/evaluate --run=saved_models/arae/mnist/8/0 --config.protocol.anomaly_share=0.1
  bin/evaluate --run=saved_models/deep_sad/cifar10/3/0 --outliers=cifar100 --each_class
  bin/evaluate --run=saved_models/gpnd/mnist/8/0 --shares=0.1,0.2,0.3,0.4,0.5
  bin/evaluate --run=saved_models/arae/mnist/8/0 --attack=linf --eps=0.1

An option of the run's protocol may be another where the same examples would have trained, as anomaly_share of p1.
With --shares every example is scored once for all of them, and metrics_shares.json tells the numbers at each; the run's own
scores and metrics stay. With --each_class the normals are held against one class of anomalies after another, and
metrics_nnd.json tells the AUROC of each, their minimum and mean: how near a novelty may be. With --attack the test set is
changed a little, so as to be misjudged: here too these stay, and metrics_attack.json tells what is left of the AUROC.
"""


def program():
    """Returns the `Flags` of this program."""
    evaluate = flags.Flags(ABOUT)
    evaluate.group("What to judge")
    evaluate.string("run", None, "The run folder.")
    evaluate.string("dataset", None, "Another data set or path than the run's own.")
    evaluate.string("normal", None, "Other normal classes than the run's own.")
    evaluate.string("outliers", "", "The anomalies come from this set or path instead, or are made: uniform_noise, "
                    "gaussian_noise.")
    evaluate.string("shares", "", "Shares of anomalies, with commas between: the protocol's anomaly_share, one after another.")
    evaluate.switch("each_class", "The normals against each class of --outliers, or of the run's own anomalies, one after another.")
    evaluate.group("Under attack")
    evaluate.choice("attack", ["none", "linf", "l2", "spatial"],
                    "Every value moved by at most eps; the example as a whole; the worst of 279 rotations and shifts.")
    evaluate.number("eps", "How far, where 0 to 1 is the range of the values; default: 0.1 for linf (tables 0.05), 1.5 for l2 "
                           "and 28x28.")
    evaluate.group("More about the data")
    evaluate.string("data_dir", None, "Where TFDS sets are prepared; else TFDS_DATA_DIR.")
    evaluate.string("label_column", None, "The column of a .csv, or the feature of a TFDS set, that holds the class; with "
                    "--each_class, of the outliers'.")
    evaluate.switch("skip_unreadable", "Leave broken images out, and say which, instead of stopping.")
    finished.machine_flags(evaluate)
    return evaluate


def evaluate(values, overrides):
    """Hands the run and what to judge it on to `runs.evaluate`."""
    options = finished.protocol_options(overrides)
    attack = _attack(values["attack"].value, values["eps"].value)
    run = finished.existing_run(values)
    process.settle(values["device"].value, values["threads"].value)
    process.import_tensorflow()
    if values["each_class"].value:
        return _per_class(values, run, attack, overrides)
    if values["shares"].value:
        return _per_share(values, run, attack, options)
    from kerasnd import runs
    runs.evaluate(run, options=options, **attack, **{name: values[name].value for name in
                          ("dataset", "normal", "outliers", "data_dir", "label_column", "skip_unreadable", "device", "threads")})


def _per_share(values, run, attack, options):
    """Hands the run and the shares to `per_share.evaluate`."""
    elsewhere = [name for name in ("dataset", "normal", "outliers", "label_column", "skip_unreadable") if values[name].value]
    elsewhere += ["attack"] * bool(attack)
    if elsewhere:
        raise Misuse(f"`--shares` must go with the run's own examples. Received: --{elsewhere[0]} with it. Leave one of the two "
                     "out.")
    from kerasnd import per_share
    shares = [share.strip() for share in values["shares"].value.split(",")]
    per_share.evaluate(run, shares, options=options, **{name: values[name].value for name in ("data_dir", "device", "threads")})


def _per_class(values, run, attack, overrides):
    """Hands the run and the outliers to `per_class.evaluate`."""
    finished.no_overrides(overrides)
    elsewhere = [name for name in ("dataset", "normal", "shares") if values[name].value] + ["attack"] * bool(attack)
    if elsewhere:
        raise Misuse(f"`--each_class` must go with the run's own normals and --outliers alone. Received: --{elsewhere[0]} with it. "
                     "Leave one of the two out.")
    from kerasnd import per_class
    per_class.evaluate(run, **{name: values[name].value for name in (
        "outliers", "data_dir", "label_column", "skip_unreadable", "device", "threads")})


def _attack(name, eps):
    """{"attack": name, "eps": eps}, or {} where there is none. Raises Misuse where eps has no place or no size."""
    if eps is not None and name not in ("linf", "l2"):
        raise Misuse(f"`--eps` must go with --attack=linf or l2. Received: --eps={eps:g} with --attack={name}. Leave it out.")
    if eps is not None:
        arguments.number("--eps", eps, at_least=0)
    return {} if name == "none" else {"attack": name, "eps": eps}


def main(argv=None):
    """Returns the exit code."""
    return flags.run("evaluate", program(), evaluate, argv)


if __name__ == "__main__":
    sys.exit(main())
