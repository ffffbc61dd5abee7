"""Where a TFDS set is on disk, or how it gets there, with an answer in seconds where it cannot."""
import contextlib
import threading
import urllib.parse

from kerasnd.errors import BadData, Misuse, suggest

PATIENCE = 6.0  # seconds within which one of a set's hosts must answer
SILENCE = 60.0  # seconds after which a download that brings nothing is given up
GCS = "https://storage.googleapis.com"  # where TFDS keeps some sets ready


def find(name, data_dir=None, others=()):
    """A builder of the set, for files that are prepared where there are any.

    Args:
        name: str, the TFDS name, with "/config" and ":version" where wanted.
        data_dir: str or None, looked into first, then TFDS_DATA_DIR or TFDS's own default.
        others: iterable of str, names that a misspelt one may also have meant.

    Returns:
        tfds.core.DatasetBuilder. Where the version that TFDS would make is not prepared, but another is, that one.

    Raises:
        Misuse: TFDS knows no such set, configuration or version.
    """
    import tensorflow_datasets as tfds

    wanted = [name] if ":" in name else [name, f"{name}:*.*.*"]
    with quiet():
        for place in dict.fromkeys([data_dir, None]):
            for spelling in wanted:
                with contextlib.suppress(tfds.core.DatasetNotFoundError, ValueError, AssertionError):
                    builder = tfds.builder(spelling, data_dir=place)
                    if builder.info and builder.is_prepared():
                        return builder
        try:
            builder = tfds.builder(name, data_dir=data_dir)
            return builder if builder.info else None  # `info` is read here, where its warnings are not heard
        except tfds.core.DatasetNotFoundError:
            known = [*others, *tfds.list_builders(with_community_datasets=False)]
            raise Misuse("`dataset` must be a bundled set, a TFDS name, or a path that exists. Received: "
                         f"dataset={name!r}.{suggest(_bare(name), known)}") from None
        except (ValueError, AssertionError) as error:
            raise Misuse(f"`dataset` must be a configuration and a version that TFDS has. Received: dataset={name!r}."
                         f"{_offer(tfds, name, error)}") from None


def ensure(builder, name):
    """Downloads and prepares the set unless it is prepared.

    Args:
        builder: tfds.core.DatasetBuilder.
        name: str, what to call it in messages.

    Raises:
        BadData: its hosts do not answer, or whatever went wrong on the way.
    """
    import tensorflow_datasets as tfds

    if builder.is_prepared():
        return
    # What the user must fetch by hand, TFDS explains itself.
    hosts = [] if builder.MANUAL_DOWNLOAD_INSTRUCTIONS else _hosts(builder)
    answering = _answering([*hosts, GCS])
    refusal = ("`dataset` must be prepared or downloadable. "
               f"Received: dataset={name!r}, not prepared in {builder.data_dir}")
    if hosts and not answering:
        raise BadData(f"{refusal}, and neither {', '.join(hosts)} nor {GCS} answers. Connect to the network, or give "
                      "--data_dir, or TFDS_DATA_DIR, where the set is prepared.")
    try:
        with _impatient():
            config = tfds.download.DownloadConfig(try_download_gcs=GCS in answering)
            builder.download_and_prepare(download_config=config)
    except Exception as error:  # whatever a host, a checksum, a disk or a set's own script may raise
        raise BadData(f"{refusal}, and preparing it failed: {type(error).__name__}: "
                      f"{' '.join(str(error).split())}") from error


@contextlib.contextmanager
def quiet():
    """TFDS warns of every folder that it looks into in vain, and of its own deprecations."""
    from absl import logging

    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _bare(name):
    return name.split("/")[0].split(":")[0]


def _offer(tfds, name, error):
    """What there is instead: configurations, or TFDS's own words on versions."""
    configs = list(tfds.builder_cls(_bare(name)).builder_configs)
    config = name.split(":")[0].partition("/")[2]
    if config and config not in configs:
        return f"{suggest(config, configs)} It has: {', '.join(configs[:8]) or 'no configurations'}."
    return f" {str(error).strip().splitlines()[0].split('}' + chr(34) + ': ')[-1]}"


def _hosts(builder):
    try:
        urls = [urllib.parse.urlsplit(str(url)) for url in builder.url_infos]
    except Exception:  # a set of the user's own may have no list
        return []
    return list(dict.fromkeys(f"{url.scheme}://{url.netloc}" for url in urls if url.netloc))[:4]


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
def _impatient():
    """TFDS waits for ever, and asks a host that is not there ten times, minutes long; not inside of this."""
    import requests

    patient = requests.adapters.HTTPAdapter.send

    def send(self, request, stream=False, timeout=None, **kwargs):
        self.max_retries = self.max_retries.new(connect=2, read=2)
        return patient(self, request, stream=stream, timeout=timeout or SILENCE, **kwargs)

    requests.adapters.HTTPAdapter.send = send
    try:
        yield
    finally:
        requests.adapters.HTTPAdapter.send = patient
