"""Asks a served detector by REST, with Python's own library alone.

    python rest_client.py --model=threes photo.png another.jpg
"""
import argparse
import base64
import json
import sys
import urllib.error
import urllib.request


def ask(server, model, body, version=None):
    """Posts one request.

    Args:
        server: str, "localhost:8501".
        model: str.
        body: dict: "signature_name" and "instances" (row by row) or "inputs" (column by column).
        version: int or None, the newest.

    Returns:
        "predictions", a list of one dict an example, for "instances"; "outputs", a dict of lists, for "inputs".

    Raises:
        RuntimeError: the server's own words.
    """
    path = f"/v1/models/{model}" + (f"/versions/{version}" if version else "") + ":predict"
    request = urllib.request.Request(f"http://{server}{path}", json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            answer = json.load(response)
    except urllib.error.HTTPError as error:
        raise RuntimeError(json.load(error).get("error", str(error))) from error
    return answer.get("predictions", answer.get("outputs"))


def by_rows(server, model, examples):
    """list of {"score", "p_value", "is_novel"}, of raw examples as nested lists."""
    return ask(server, model, {"signature_name": "serving_default", "instances": [{"x": example} for example in examples]})


def by_columns(server, model, examples):
    """{"score": list, "p_value": list, "is_novel": list}, of the same."""
    return ask(server, model, {"signature_name": "serving_default", "inputs": {"x": examples}})


def at_alphas(server, model, examples, alphas):
    """As `by_columns`, each example judged at its own alpha."""
    return ask(server, model, {"signature_name": "with_alpha", "inputs": {"x": examples, "alpha": alphas}})


def of_files(server, model, contents):
    """As `by_rows`, of image files' bytes."""
    rows = [{"image_bytes": {"b64": base64.b64encode(each).decode()}} for each in contents]
    return ask(server, model, {"signature_name": "image_bytes", "instances": rows})


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="localhost:8501")
    parser.add_argument("--model", required=True)
    parser.add_argument("files", nargs="+")
    given = parser.parse_args()
    contents = []
    for path in given.files:
        with open(path, "rb") as file:
            contents.append(file.read())
    for path, told in zip(given.files, of_files(given.server, given.model, contents)):
        print(f"{path}: score {told['score']:.5g}, p-value {told['p_value']:.4f}, {'novel' if told['is_novel'] else 'normal'}")


if __name__ == "__main__":
    sys.exit(main())
