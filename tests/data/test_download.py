"""Downloads from a server of our own: whole files only, of the bytes that were announced."""

from __future__ import annotations

import hashlib
import http.server
import re
import sys
import threading

import pytest

from tatamikomi.data import download

DATA = bytes(range(256)) * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    """Counts what is asked for; some names are answered badly."""

    def do_GET(self):
        self.server.asked.append(self.path)
        if "missing" in self.path:
            self.send_error(404)
            return
        body = {"other": b"something else", "empty": b""}.get(self.path.strip("/").partition(".")[0], DATA)
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if "broken" in self.path else body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    pytest.importorskip("pooch")
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        running.asked = []
        running.url = f"http://127.0.0.1:{running.server_address[1]}"
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_a_file_comes_whole_and_only_once(tmp_path, server):
    folder = tmp_path / "new" / "folder"
    path = download(f"{server.url}/set.bin?version=2", SHA256.upper(), folder)
    assert path == str(folder / "set.bin")
    assert (folder / "set.bin").read_bytes() == DATA
    assert download(f"{server.url}/set.bin", SHA256, folder) == path
    assert len(server.asked) == 1
    assert [one.name for one in folder.iterdir()] == ["set.bin"]


def test_a_name_of_ones_own(tmp_path, server):
    assert download(f"{server.url}/get/7", SHA256, tmp_path, name="a.bin") == str(tmp_path / "a.bin")
    assert download(f"{server.url}/a%20b.bin", SHA256, tmp_path) == str(tmp_path / "a b.bin")


def test_the_permissions_are_those_of_any_file(tmp_path, server):
    (tmp_path / "usual").touch()
    path = download(f"{server.url}/a.bin", SHA256, tmp_path)
    assert (tmp_path / "usual").stat().st_mode == (tmp_path / path).stat().st_mode


@pytest.mark.parametrize("before", [None, b"an older file"])
@pytest.mark.parametrize(
    ("name", "error", "message"),
    [
        ("other.bin", ValueError, r"other\.bin: the 14 bytes that came have the SHA-256 [0-9a-f]{64}, expected "),
        ("empty.bin", ValueError, r"empty\.bin: the 0 bytes that came have the SHA-256 e3b0c442"),
        ("broken.bin", (ValueError, OSError), r"(broken\.bin: the \d+ bytes that came|IncompleteRead|Connection)"),
        ("missing.bin", OSError, "404"),
    ],
)
def test_nothing_is_left_of_what_is_not_the_file(tmp_path, server, name, error, message, before):
    if before is not None:
        (tmp_path / name).write_bytes(before)
    with pytest.raises(error, match=message):
        download(f"{server.url}/{name}", SHA256, tmp_path)
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == ({} if before is None else {name: before})


def test_a_damaged_file_is_fetched_anew(tmp_path, server):
    (tmp_path / "a.bin").write_bytes(DATA[:-1])
    download(f"{server.url}/a.bin", SHA256, tmp_path)
    assert (tmp_path / "a.bin").read_bytes() == DATA


def test_no_server_at_all(tmp_path, server):
    with pytest.raises(OSError, match="refused"):
        download("http://127.0.0.1:1/a.bin", SHA256, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"sha256": "0" * 63}, ValueError, "download: sha256: expected 64 hexadecimal digits"),
        ({"sha256": "g" * 64}, ValueError, "download: sha256: expected 64 hexadecimal digits"),
        ({"sha256": None}, TypeError, "download: sha256: expected text, got NoneType"),
        ({"url": 3}, TypeError, "download: url: expected text, got int"),
        ({"url": "file:///etc/passwd"}, ValueError, "download: url: expected http:// or https:// and a host"),
        ({"url": "http:///a.bin"}, ValueError, "download: url: expected http://"),
        ({"url": "http://host/"}, ValueError, "download: name: expected the name of a file, without folders, got ''"),
        ({"url": "http://host/.."}, ValueError, r"download: name: expected the name of a file, .* got '\.\.'"),
        ({"url": "http://host/..%2Fa"}, ValueError, r"download: name: .* got '\.\./a'"),
        ({"name": "../a"}, ValueError, "download: name: "),
        ({"name": "/a"}, ValueError, "download: name: "),
    ],
)
def test_arguments_are_checked_before_anything_is_asked_for(tmp_path, arguments, error, message):
    call = {"url": "http://host/a.bin", "sha256": SHA256, "folder": tmp_path / "folder"} | arguments
    with pytest.raises(error, match=message):
        download(**call)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_package_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(ImportError, match=re.escape("download needs pooch: pip install 'tatamikomi[download]'")):
        download("http://host/a.bin", SHA256, tmp_path)


def test_what_is_there_needs_no_package(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    (tmp_path / "a.bin").write_bytes(DATA)
    assert download("http://host/a.bin", SHA256, tmp_path) == str(tmp_path / "a.bin")
