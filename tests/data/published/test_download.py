"""Against a local server that cuts off, stalls, knows no ranges, or hands out other files."""

import functools
import hashlib
import http.server
import threading
import time
from concurrent import futures

import numpy as np
import pytest

from jaxnn.data.errors import DataCorruptError, DataNotFoundError
from jaxnn.data.published import download

pytestmark = pytest.mark.quick

CONTENT = np.random.default_rng(0).bytes(300_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Hands out `content`, in the way that the attributes say.

    Attributes:
      cut: ends every answer after so many bytes, but announces all of them.
      stall: sends nothing more after so many bytes, and keeps the line open.
      ranges: understands HTTP Range.
      lengths: announces the length.
      asked: the Range header of each request, or None.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.cut, self.stall, self.ranges, self.lengths = CONTENT, None, None, True, 1
        self.asked, self.over = [], threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}/file.bin"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, asked = self.server, self.headers["Range"]
        server.asked.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and server.ranges else 0
        if self.path != "/file.bin" or (start and start >= len(server.content)):
            self.send_error(404 if self.path != "/file.bin" else 416)
            return
        self.send_response(206 if start else 200)
        if start:
            whole = len(server.content)
            self.send_header("Content-Range", f"bytes {start}-{whole - 1}/{whole}")
        if server.lengths:
            self.send_header("Content-Length", str(len(server.content) - start))
        self.send_header("Content-Encoding", "gzip")  # of a .gz, which is not to be unpacked
        self.end_headers()
        self.wfile.write(server.content[start:][: server.cut or server.stall])
        if server.stall:
            server.over.wait(20)

    def log_message(self, template, *args):
        pass


@pytest.fixture
def server():
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server
        server.over.set()
        server.shutdown()


@pytest.fixture
def fetch(server, tmp_path):
    """Fetches the content, and says how."""
    return functools.partial(
        download.fetch, server.url, tmp_path / "file.bin", sha256=SHA256, size=len(CONTENT)
    )


def assert_holds(folder, **contents):
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == contents


@pytest.mark.parametrize("size", [len(CONTENT), None])
@pytest.mark.parametrize("lengths", [True, False])
def test_a_file_is_fetched_once(server, fetch, tmp_path, size, lengths):
    server.lengths = lengths
    fetch(size=size)
    fetch(size=size)
    assert server.asked == [None]
    assert_holds(tmp_path, **{"file.bin": CONTENT})


def test_a_file_that_comes_in_pieces_is_put_together(server, fetch, tmp_path):
    server.cut = 100_000
    fetch()
    assert server.asked == [None, "bytes=100000-", "bytes=200000-"]
    assert_holds(tmp_path, **{"file.bin": CONTENT})


def test_without_ranges_what_came_is_kept_until_the_next_call_begins_anew(server, fetch, tmp_path):
    server.cut, server.ranges = 100_000, False
    with pytest.raises(DataNotFoundError, match=r"file.bin failed with .*; 100000 bytes are kept"):
        fetch()
    assert_holds(tmp_path, **{".file.bin.part": CONTENT[:100_000]})
    server.cut = None
    fetch()
    assert_holds(tmp_path, **{"file.bin": CONTENT})


def test_an_interrupted_download_is_gone_on_with_by_the_next_call(server, fetch, tmp_path):
    (tmp_path / ".file.bin.part").write_bytes(CONTENT[:123_456])
    fetch()
    assert server.asked == ["bytes=123456-"]
    assert_holds(tmp_path, **{"file.bin": CONTENT})


@pytest.mark.parametrize("length", [len(CONTENT), len(CONTENT) + 5])
@pytest.mark.parametrize("size", [len(CONTENT), None])
def test_a_part_of_another_file_is_thrown_away(server, fetch, tmp_path, length, size):
    (tmp_path / ".file.bin.part").write_bytes(bytes(length))
    fetch(size=size)
    assert server.asked[-1] is None
    assert_holds(tmp_path, **{"file.bin": CONTENT})


def test_a_part_that_is_whole_only_gets_its_name(server, fetch, tmp_path):
    (tmp_path / ".file.bin.part").write_bytes(CONTENT)
    fetch()
    assert server.asked == []
    assert_holds(tmp_path, **{"file.bin": CONTENT})


def test_a_server_that_stalls_does_not_hang_and_nothing_is_lost(
    server, fetch, tmp_path, monkeypatch
):
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    server.stall = 250_000
    fetch()  # it stalls once, is asked for the rest, and has no more to stall with
    assert server.asked == [None, "bytes=250000-"]
    assert_holds(tmp_path, **{"file.bin": CONTENT})


def test_a_server_that_stalls_for_good_is_given_up_with_what_it_sent(
    server, fetch, tmp_path, monkeypatch
):
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    server.stall, server.ranges = 7, False
    start = time.perf_counter()
    with pytest.raises(DataNotFoundError, match=r"ReadTimeoutError; 7 bytes are kept, and"):
        fetch()
    assert time.perf_counter() - start < 10
    assert_holds(tmp_path, **{".file.bin.part": CONTENT[:7]})


@pytest.mark.parametrize(
    ("content", "size", "message"),
    [
        (CONTENT[:-1] + b"x", len(CONTENT), "file.bin has SHA-256 .*, but .* is registered"),
        (CONTENT[:-1], len(CONTENT), "file.bin has 299999 bytes, but 300000 are registered"),
        (CONTENT + b"x", len(CONTENT), "file.bin has 300001 bytes, but 300000 are registered"),
        (CONTENT[:-1], None, "file.bin has SHA-256 .*, but .* is registered"),
    ],
)
def test_another_file_is_refused_and_not_kept(server, fetch, tmp_path, content, size, message):
    server.content = content
    with pytest.raises(DataCorruptError, match=message):
        fetch(size=size)
    assert_holds(tmp_path)


def test_no_more_than_the_registered_size_is_ever_written(server, fetch, tmp_path):
    server.content, server.lengths = CONTENT * 10, False
    with pytest.raises(DataCorruptError, match=f"goes on after its {len(CONTENT)} bytes"):
        fetch()
    assert_holds(tmp_path)


def test_what_is_not_there_is_named_with_its_status(server, tmp_path):
    url = server.url + "x"
    with pytest.raises(DataNotFoundError, match=f"of {url} failed with HTTP status 404"):
        download.fetch(url, tmp_path / "file.bin", sha256=SHA256)
    assert_holds(tmp_path)


def test_those_who_fetch_it_at_the_same_time_fetch_it_once(server, fetch, tmp_path):
    server.cut = 10_000
    with futures.ThreadPoolExecutor(4) as pool:  # its lock tells threads apart as it does processes
        list(pool.map(lambda _: fetch(), range(4)))
    assert len(server.asked) == 30
    assert_holds(tmp_path, **{"file.bin": CONTENT})
