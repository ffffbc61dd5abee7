"""Where a TFDS set is on disk, or how it gets there, with an answer in seconds where it cannot."""
import contextlib
import os
import threading
import urllib.parse

from kerasnd.errors import BadData, Misuse, suggest

PATIENCE = 6.0  # seconds within which one of a set's hosts must answer
GCS = "https://storage.googleapis.com"


def prepared(name, data_dir=None):
    """A builder whose files are on disk.

    Args:
        name: str, the TFDS name, with "/config" and ":version" where wanted.
        data_dir: str or None; None is TFDS_DATA_DIR or TFDS's own default.

    Returns:
        tfds.core.DatasetBuilder, prepared.

    Raises:
        Misuse: TFDS knows no such set, configuration or version.
        BadData: it is not prepared and cannot be downloaded.
    """
    import tensorflow_datasets as tfds

    data_dir = os.path.expanduser(data_dir) if data_dir else None
    with _quiet():
        try:
            builder = tfds.builder(name, data_dir=data_dir)
        except tfds.core.DatasetNotFoundError:
            known = tfds.list_builders(with_community_datasets=False)
            raise Misuse(f"`dataset` must be a bundled set, a TFDS name, or a path that exists. Received: dataset={name!r}."
                         f"{suggest(name.split('/')[0].split(':')[0], known)}") from None
        except (ValueError, AssertionError) as error:
            raise Misuse(f"`dataset` must be a configuration and version that TFDS has. Received: dataset={name!r}: "
                         f"{_first_line(error)}") from None
        if builder.is_prepared():
            return builder
        older = _other_version(name, data_dir)
    if older is not None:
        return older
    _download(builder, name)
    return builder


def _other_version(name, data_dir):
    """A builder for whatever version of the set is prepared, or None: an older one is better than a download."""
    import tensorflow_datasets as tfds

    if ":" in name:
        return None
    try:
        builder = tfds.builder(f"{name}:*.*.*", data_dir=data_dir)
        return builder if builder.is_prepared() else None
    except (tfds.core.DatasetNotFoundError, ValueError, AssertionError):
        return None


def _download(builder, name):
    import tensorflow_datasets as tfds

    hosts = _hosts(builder)
    answering = _answering([*hosts, GCS])
    where = f"Received: dataset={name!r}, not prepared in {builder._data_dir_root}"
    if hosts and not answering:
        raise BadData(f"`dataset` must be prepared or downloadable. {where}, and neither {', '.join(hosts)} nor "
                      f"{GCS} answers. Connect to the network, or give --data_dir where the set is prepared.")
    config = tfds.download.DownloadConfig(try_download_gcs=GCS in answering)
    try:
        with _impatient():
            builder.download_and_prepare(download_config=config)
    except Exception as error:  # whatever a host, a checksum, a disk or a set's own script may raise
        raise BadData(f"`dataset` must be prepared or downloadable. {where}, and its download failed: "
                      f"{type(error).__name__}: {_first_line(error)}") from error


def _hosts(builder):
    try:
        urls = [str(url) for url in builder.url_infos]
    except Exception:  # a set of the user's own may have no list
        urls = []
    parsed = [urllib.parse.urlsplit(url) for url in urls]
    return list(dict.fromkeys(f"{url.scheme}://{url.netloc}" for url in parsed if url.netloc))[:4]


def _answering(hosts):
    """Those of `hosts` that answer within `PATIENCE`; asked all at once, by threads that do not outlive the process."""
    import requests

    answered = []

    def ask(host):
        with contextlib.suppress(requests.RequestException):
            requests.head(host, timeout=PATIENCE, allow_redirects=False)
            answered.append(host)

    threads = [threading.Thread(target=ask, args=(host,), daemon=True) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return list(answered)


@contextlib.contextmanager
def _impatient(seconds=60):
    """TFDS downloads without a timeout; inside, a connection that is silent for `seconds` is an error."""
    import requests

    patient = requests.adapters.HTTPAdapter.send

    def send(self, request, stream=False, timeout=None, **kwargs):
        return patient(self, request, stream=stream, timeout=timeout or seconds, **kwargs)

    requests.adapters.HTTPAdapter.send = send
    try:
        yield
    finally:
        requests.adapters.HTTPAdapter.send = patient


@contextlib.contextmanager
def _quiet():
    """TFDS warns of every folder that it looks into in vain."""
    from absl import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _first_line(error):
    lines = str(error).strip().splitlines()
    return lines[0] if lines else "no reason given"
