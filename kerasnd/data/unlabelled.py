"""A user's own data without classes, to be scored: images, TFRecords, .npz, .mat or .csv."""
import os

from kerasnd.errors import BadData, Misuse, naming

KINDS = "an image, a folder of images, TFRecords, .npz, .mat or .csv"


def load(path, like=None, size=None, channels=None, label_column=None, schema=None, block_mean=False, argument="input"):
    """Examples alone, to be read piece by piece; whatever classes the file has are not looked at.

    Args:
        path: str, one image file; a folder of images, searched to any depth; a TFRecord file of images, or a folder of them; .npz
            with `x` (or `X`); .mat with `X`; .csv. Of these only .mat is held in memory as a whole.
        like: (shape, dtype) of the examples that are wanted, or None: an image that is otherwise, where others fit, is told of by
            itself.
        size: None, or (height, width) to which every image is resized, as in training.
        channels: None, 1 or 3, what images are to have, as in training.
        label_column: str or None, a column of a .csv that is no feature; None leaves out the label of the training table, or
            one called label, y, class or target.
        schema: dict or None, how a .csv that was trained on was read (see `columns`): columns go by their names.
        block_mean: bool, how image files are resized, as in training.
        argument: str, what named the path, for messages.

    Returns:
        kerasnd.data.pieces.Input

    Raises:
        Misuse, BadData: as the sources, where it is no such input or nothing of it can be read.
    """
    path = os.path.expanduser(os.fspath(path))
    with naming(argument):
        images = {"like": like, "size": size, "channels": channels, "block_mean": block_mean}
        return _opened(path, label_column, schema, size, images)


def _opened(path, label_column, schema, size, options):
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".csv" and not os.path.isdir(path):
        from kerasnd.data import table_inputs

        return table_inputs.Csv(path, label_column, schema)
    if suffix in (".npz", ".mat") and not os.path.isdir(path):
        from kerasnd.data import array_inputs

        return getattr(array_inputs, suffix[1:])(path, size)
    from kerasnd.data import image_inputs, images, record_inputs

    if not os.path.isdir(path):
        if images.is_image(os.path.basename(path)):
            return image_inputs.Files(path, [path], **options)
        if _is_records(path):
            return record_inputs.Records(path, [path], **options)
        raise Misuse(f"`dataset` must be {KINDS}. Received: {path!r}.")
    files = _files(path)
    found = [each for each in files if images.is_image(os.path.basename(each))]
    if found:
        return image_inputs.Files(path, found, **options)
    found = [each for each in files if _is_records(each)]
    if not found:
        raise BadData(f"`dataset` must be a folder with images or TFRecords. Received: {path!r} without any.")
    return record_inputs.Records(path, found, **options)


def _is_records(path):
    return ".tfrecord" in os.path.basename(path)        # TFDS calls them mnist-test.tfrecord-00000-of-00001


def _files(path):
    """Every file in a folder, at any depth, in the order of their names."""
    found = []
    for folder, folders, files in os.walk(path):  # links to folders are not followed
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [os.path.join(folder, name) for name in sorted(files) if not name.startswith(".")]
    return found
