"""The classics by name, behind one door: scikit-learn solves, the arrays travel in the .keras file, the graph scores."""
from kerasnd.errors import Misuse, suggest
from kerasnd.methods import method

ESTIMATORS = ("ocsvm", "isoforest", "kde")


def Shallow(estimator, example_shape=None, **arguments):
    """A detector without a network of its own.

    Args:
        estimator: "ocsvm", "isoforest" or "kde".
        example_shape: tuple of int, of one raw example; None where `encoder` tells it.
        **arguments: of `kerasnd.OCSVM`, `kerasnd.IsolationForest` or `kerasnd.KDE`.

    Returns:
        Detector, not fitted.

    Raises:
        Misuse: there is no such estimator, or it refuses an argument.
    """
    if estimator not in ESTIMATORS:
        raise Misuse(f"`estimator` must be one of {', '.join(ESTIMATORS)}. Received: estimator={estimator!r}."
                     f"{suggest(estimator, ESTIMATORS)}")
    return method(estimator)(example_shape, **arguments)
