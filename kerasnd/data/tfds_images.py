"""TFDS image classification sets by name: read where they are prepared, else downloaded."""
import numpy
from absl import logging

from kerasnd.data import coil
from kerasnd.data.pool import Pool, Stream, too_large
from kerasnd.data.tfds_prepared import ensure, find, quiet
from kerasnd.errors import BadData, Misuse, suggest


def load(name, data_dir=None, size=None, label_column=None, cache_gib=2.0, others=()):
    """A TFDS image classification set.

    Args:
        name: str, the TFDS name, with "/config" and ":version" where wanted.
        data_dir: str or None, where it is, or will be, prepared; None is TFDS_DATA_DIR or TFDS's own default.
        size: None, or (height, width) to which every image is resized.
        label_column: None, or the feature that is the class; None is `label`, else `object_id`, else the only one;
            of coil100 always `object_id`, for version 1 calls the angle `label`.
        cache_gib: float, above this many GiB of raw pixels the images stay on disk.
        others: iterable of str, names that a misspelt one may also have meant.

    Returns:
        Pool: the train part, then the test part (or the validation part, where no labelled test part exists), each in
        storage order; of a set with one part only, that part, without official parts.

    Raises:
        Misuse: no such set; not an image classification set; images of many sizes and no `size`.
        BadData: neither prepared nor to be downloaded; unreadable.
    """
    import tensorflow as tf

    builder = find(name, data_dir, others)
    # Checked before the download, which may take hours.
    image = _image_feature(builder.info.features, name)
    block_mean = builder.name == coil.TFDS_NAME
    target = _class_feature(builder.info.features, name, label_column or (coil.OBJECT if block_mean else None))
    feature = builder.info.features[image]
    example_shape, dtype = _example_shape(feature, name, size), numpy.dtype(feature.np_dtype)
    ensure(builder, name)
    try:
        parts = _parts(builder, image, target)
        count = [builder.info.splits[part].num_examples for part in parts]
        shape = (sum(count), *example_shape)
        reading = _reading(builder, parts, image, target)
        if too_large(shape, dtype, cache_gib):
            logging.info("%s: %d images of %s stay on disk and are read anew on every pass.", name, shape[0], shape[1:])
            x = TFDSStream(shape, dtype, reading.map(lambda example: example[image]), feature, size, block_mean)
            values = reading.map(lambda example: example[target]).batch(1024)
            value = numpy.concatenate(list(values.as_numpy_iterator()))
        else:
            x, value = _cached(reading, shape, dtype, feature, (size, block_mean), image, target)
    except tf.errors.OpError as error:
        reason = str(error.message).splitlines()[0]
        raise BadData(f"`dataset` must be a readable set. Received: {name!r}, prepared in {builder.data_dir}: "
                      f"{reason}. Delete that folder and prepare the set again.") from None
    if len(value) != shape[0]:
        raise BadData(f"`dataset` must hold what its description says. Received: {name!r}, prepared in "
                      f"{builder.data_dir} with {len(value)} of {shape[0]} examples. Delete that folder and "
                      "prepare the set again.")
    category, names = ((coil.categories(value) if block_mean and value.dtype == object else None)
                       or _categories(value, builder.info.features[target], name))
    official = numpy.repeat(["train", "test"], count) if len(parts) == 2 else None
    return Pool(x=x, category=category, official=official, names=names, block_mean=block_mean)


class TFDSStream(Stream):
    """The images of a prepared TFDS set, read in storage order and decoded only where asked for."""

    def __init__(self, shape, dtype, encoded, feature, size, block_mean=False):
        super().__init__(shape, dtype, in_order=False)
        self._encoded, self._feature, self._resizing = encoded, feature, (size, block_mean)

    def examples(self, index):
        import tensorflow as tf

        index = tf.cast(index, tf.int64)
        place = tf.tensor_scatter_nd_update(tf.fill([self.shape[0]], tf.constant(-1, tf.int64)), index[:, None],
                                            tf.range(tf.size(index, tf.int64)))
        # What lies behind the last example that was asked for is not read.
        chosen = self._encoded.enumerate().take(tf.reduce_max(tf.concat([index, [-1]], 0)) + 1)
        chosen = chosen.filter(lambda stored, encoded: place[stored] >= 0)
        return chosen.map(lambda stored, encoded: (place[stored], _decode(encoded, self._feature, *self._resizing)),
                          num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)


def _decode(encoded, feature, size, block_mean):
    from kerasnd.data.resizing import resize

    image = feature.decode_example(encoded)
    return image if size in (None, tuple(image.shape[:2])) else resize(image, *size, block_mean)


def _image_feature(features, name):
    import tensorflow_datasets as tfds

    images = [key for key, feature in features.items()
              if isinstance(feature, tfds.features.Image) and not isinstance(feature, tfds.features.LabeledImage)]
    if "image" not in images and len(images) != 1:
        raise Misuse(f"`dataset` must be an image classification set. Received: dataset={name!r}, which has "
                     f"{len(images) or 'no'} image features among {', '.join(features)}.")
    key = "image" if "image" in images else images[0]
    if numpy.dtype(features[key].np_dtype).kind != "u":
        raise Misuse(f"`dataset` must be a set of uint8 or uint16 images. Received: dataset={name!r}, whose images are "
                     f"{features[key].np_dtype.__name__}.")
    return key


def _class_feature(features, name, label_column):
    import tensorflow_datasets as tfds

    scalar = [key for key, feature in features.items()
              if feature.shape == () and numpy.dtype(feature.np_dtype).kind in "iubOSU"]
    if label_column is not None:
        if label_column not in scalar:
            raise Misuse(f"`label_column` must be a class feature of {name} ({', '.join(scalar)}). Received: "
                         f"label_column={label_column!r}.{suggest(label_column, scalar)}")
        return label_column
    for key in ("label", "object_id"):
        if key in scalar:
            return key
    classes = [key for key in scalar if isinstance(features[key], tfds.features.ClassLabel)]
    if len(classes) == 1:
        return classes[0]
    raise Misuse(f"`dataset` must be an image classification set. Received: dataset={name!r}, which has "
                 f"{len(classes) or 'no'} class labels"
                 + (f". Choose one by --label_column: {', '.join(classes)}." if classes
                    else f" among {', '.join(features)}."))


def _example_shape(feature, name, size):
    height, width, channels = feature.shape
    if size is not None:
        height, width = size
    if height is None or width is None:
        raise Misuse(f"`size` must be given for a set whose images differ in size. Received: dataset={name!r}, "
                     "size=None. Give --config.source.size=[h,w].")
    return int(height), int(width), int(channels or 3)


def _reading(builder, parts, image, target):
    """tf.data.Dataset of {image: encoded, target: class value}, the parts one after another in storage order."""
    import tensorflow_datasets as tfds

    wanted = tfds.decode.PartialDecoding({image: True, target: True}, decoders={image: tfds.decode.SkipDecoding()})
    # One file at a time: otherwise the order depends on how many files the set was stored in.
    config = tfds.ReadConfig(interleave_cycle_length=1, try_autocache=False)
    with quiet():
        datasets = [builder.as_dataset(split=part, shuffle_files=False, decoders=wanted, read_config=config)
                    for part in parts]
    return datasets[0] if len(datasets) == 1 else datasets[0].concatenate(datasets[1])


def _parts(builder, image, target):
    """The training part and the part to judge, or the only one there is."""
    there = [part for part in builder.info.splits if builder.info.splits[part].num_examples]
    for part in ("test", "validation"):
        if "train" in there and part in there:
            first = next(iter(_reading(builder, [part], image, target).take(1).as_numpy_iterator()))[target]
            # TFDS writes -1 where the labels of a test part were never published.
            if not (isinstance(first, numpy.integer) and first < 0):
                return ["train", part]
    return ["train"] if "train" in there else there[:1]


def _cached(reading, shape, dtype, feature, resizing, image, target):
    import tensorflow as tf

    x, value, done = numpy.empty(shape, dtype), [], 0
    decoded = tf.TensorSpec(shape[1:], tf.dtypes.as_dtype(dtype))

    def decode(batch):  # by the batch, since calling a function costs more than decoding a small image
        images = tf.map_fn(lambda encoded: _decode(encoded, feature, *resizing), batch[image], fn_output_signature=decoded)
        return images, batch[target]

    # About 16 MiB of pixels a batch.
    batch = int(numpy.clip(2**24 // (dtype.itemsize * numpy.prod(shape[1:])), 1, 256))
    batches = reading.batch(batch).map(decode, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
    for images, values in batches.prefetch(2).as_numpy_iterator():
        x[done:done + len(images)] = images[:len(x) - done]
        value.append(values)
        done += len(images)
    return x, numpy.concatenate(value)


def _categories(value, feature, name):
    import tensorflow_datasets as tfds

    if isinstance(feature, tfds.features.ClassLabel) and feature.num_classes:
        if value.min() < 0:
            raise BadData(f"`dataset` must be a labelled set. Received: {name!r}, with {int((value < 0).sum())} "
                          "examples without a class.")
        return value.astype(numpy.int64), tuple(feature.names)
    found, category = numpy.unique(value, return_inverse=True)
    names = tuple(each.decode() if isinstance(each, bytes) else str(each) for each in found)
    return category.astype(numpy.int64), names
