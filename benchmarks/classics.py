"""Examples scored a second by the classics: `Detector.predict`, which scores in the graph, beside scikit-learn's own estimators."""
import results
import worker

KERASND, RIVAL = "kerasnd", "scikit-learn"
ESTIMATORS = {"ocsvm": "One-class SVM", "isoforest": "Isolation forest", "kde": "Kernel density"}
# features, training examples, examples of a round
SIZES = {"a table": (20, 4000, 4000), "MNIST shapes": (784, 4000, 1000)}


def report(options):
    """Yields Markdown, a table for each classic and size."""
    yield "## Scoring by the classics, batch 512"
    for estimator, title in ESTIMATORS.items():
        for size, (features, n, _) in SIZES.items():
            common = {"estimator": estimator, "size": size, "device": options.device, "threads": options.threads}
            answers, told = worker.measure("classics", {name: common | {"library": name} for name in (KERASND, RIVAL)},
                                           options.rounds)
            yield f"### {title}, {size}: {features} features, fitted on {n} examples"
            yield results.race({name: answer["go"] for name, answer in answers.items()}, "examples/s", "example", KERASND, RIVAL)
            yield from told


def serve(spec, turns):
    """The process of one variant: fitted on the same examples, scoring the same ones."""
    import numpy as np
    features, n, m = SIZES[spec["size"]]
    rng = np.random.default_rng(0)
    x, new = rng.random((n, features), np.float32), rng.random((m, features), np.float32)
    gamma = 1 / (features * float(x.var()))
    if spec["library"] == RIVAL:
        predict = rival(spec["estimator"], gamma).fit(x.astype(np.float64)).score_samples
        new = new.astype(np.float64)
    else:
        predict = own(spec, gamma, x)
    predict(new)
    turns.say()
    while True:
        turns.wait()
        predict(new)
        turns.tell(m)


def rival(estimator, gamma):
    """scikit-learn's estimator, not fitted."""
    from sklearn.ensemble import IsolationForest
    from sklearn.neighbors import KernelDensity
    from sklearn.svm import OneClassSVM
    return {"ocsvm": OneClassSVM(nu=0.1, gamma=gamma), "isoforest": IsolationForest(random_state=0),
            "kde": KernelDensity(bandwidth=1.0)}[estimator]


def own(spec, gamma, x):
    """callable, the scores of kerasnd's detector, fitted."""
    import kerasnd
    from kerasnd import devices
    devices.prepare("none", device=spec["device"], threads=spec["threads"], precision="float32")
    arguments = {"ocsvm": {"gamma": gamma}, "isoforest": {}, "kde": {"bandwidth": 1.0}}[spec["estimator"]]
    detector = kerasnd.Shallow(spec["estimator"], x.shape[1:], preprocess="none", **arguments)
    detector.compile()
    detector.fit(x, seed=0)
    return lambda new: detector.predict(new, batch_size=512, verbose=0)
