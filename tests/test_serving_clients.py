"""The example clients: what they send, as TensorFlow Serving's REST reads it."""
import base64
import http.server
import importlib
import json
import threading
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "serving"


@pytest.fixture
def client(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    return importlib.import_module("rest_client")


@pytest.fixture
def server():
    """A stand-in that keeps what it is asked, and answers as it is told."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.path, body))
            code = 400 if body.get("signature_name") == "nowhere" else 200
            rows = [{"score": 1.5, "p_value": 0.1, "is_novel": True}] * len(body.get("instances", []))
            answer = {"error": "no signature"} if code == 400 else {"predictions": rows} if rows else {"outputs": {"score": [1.5]}}
            self.send_response(code)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *args):
            pass
    asked, running = [], http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{running.server_port}", asked
    running.shutdown()


def test_the_rest_client_asks_in_the_documented_forms(client, server, tmp_path, monkeypatch, capsys):
    at, asked = server
    assert client.by_rows(at, "m", [[1.0], [2.0]])[1]["is_novel"] is True
    assert client.by_columns(at, "m", [[1.0]]) == {"score": [1.5]}
    client.at_alphas(at, "m", [[1.0]], [0.1])
    assert asked[0] == ("/v1/models/m:predict", {"signature_name": "serving_default", "instances": [{"x": [1.0]}, {"x": [2.0]}]})
    assert asked[1][1]["inputs"] == {"x": [[1.0]]}
    assert asked[2][1] == {"signature_name": "with_alpha", "inputs": {"x": [[1.0]], "alpha": [0.1]}}
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    monkeypatch.setattr("sys.argv", ["rest_client.py", f"--server={at}", "--model=m", str(tmp_path / "a.png")])
    client.main()
    assert base64.b64decode(asked[3][1]["instances"][0]["image_bytes"]["b64"]) == b"\x89PNG"
    assert "a.png: score 1.5, p-value 0.1000, novel" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="no signature"):
        client.ask(at, "m", {"signature_name": "nowhere"})
