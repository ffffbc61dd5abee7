"""The two real sets that come with scikit-learn: no download, no network."""

from kerasnd.data.pool import Pool


def digits():
    """Pool of 1797 handwritten digits: x float32 (1797, 8, 8, 1) in 0..16; no official parts.

    Source: Alpaydin and Kaynak (1998), UCI Optical Recognition of Handwritten Digits, test part.
    """
    from sklearn.datasets import load_digits

    images, digit = load_digits(return_X_y=True)
    return Pool(x=images.reshape(-1, 8, 8, 1).astype("float32"), category=digit.astype("int64"), official=None,
                names=tuple(str(number) for number in range(10)))


def breast_cancer():
    """Pool of 569 tumours: x float32 (569, 30); category 0 benign (normal), 1 malignant; no official parts.

    Source: Wolberg, Street and Mangasarian (1993), UCI Breast Cancer Wisconsin (Diagnostic).
    """
    from sklearn.datasets import load_breast_cancer

    x, benign = load_breast_cancer(return_X_y=True)
    # scikit-learn counts malignant as 0; here, as in every table, 0 is the normal class.
    return Pool(x=x.astype("float32"), category=1 - benign.astype("int64"), official=None,
                names=("benign", "malignant"))


BUNDLED = {"digits": digits, "breast_cancer": breast_cancer}
