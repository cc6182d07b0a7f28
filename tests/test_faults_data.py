"""Archives that are not what was published: nothing of them is unpacked, opened or left behind."""

import hashlib
import http.server
import io
import os
import pickle
import signal
import subprocess
import sys
import tarfile
import threading
import time

import pytest
from test_data import forget, site  # noqa: F401 (fixtures: a web server with an archive, and empty caches)

from utils.files import ROOT
from utils.networks import data

pytestmark = pytest.mark.slow


class Trap:
    """A pickle that makes a file when it is opened."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.fixture
def evil(site, tmp_path):
    """The archive, tampered with: a path that leads out, an absolute one, a malicious pickle in place of a batch."""
    inside = tmp_path / "cache" / "bn-orthogonality-companion"
    files = {
        # First, so that the folder is there for those that lead out of it.
        "cifar-10-batches-py/data_batch_1": pickle.dumps(Trap(tmp_path / "opened")),
        "cifar-10-batches-py/../../../out": b"out",
        str(tmp_path / "out"): b"out",
        "cifar-10-batches-py/data_batch_1/../../../../out": b"out",
    }
    with tarfile.open(site, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return inside


def test_a_tampered_archive_is_refused_before_it_is_unpacked(evil, tmp_path):
    with pytest.raises(data.DataUnavailable, match="hash"):
        data.images("cifar10")
    assert not (tmp_path / "out").exists() and not (tmp_path / "opened").exists()
    assert not [path for path in evil.rglob("*") if path.is_file()]


def test_even_with_the_right_digest_nothing_leads_out_and_no_pickle_is_opened(evil, site, tmp_path, monkeypatch):
    """Were the archive's digest broken, names that lead out would be passed over and each file's own digest still be checked."""
    monkeypatch.setattr(data, "ARCHIVE_MD5", hashlib.md5(site.read_bytes()).hexdigest())
    with pytest.raises(data.DataUnavailable):
        data.images("cifar10")
    assert not (tmp_path / "out").exists() and not (tmp_path / "cache" / "out").exists()
    assert not (tmp_path / "opened").exists()
    assert all(path.parent in (evil, evil / "cifar-10-batches-py") for path in evil.rglob("*") if path.is_file())


def test_a_truncated_archive_in_the_cache_is_fetched_again(site, tmp_path):
    data.images("cifar10")
    (cached,) = (tmp_path / "cache").rglob("*.tar.gz")
    cached.write_bytes(cached.read_bytes()[:100])
    for file in (tmp_path / "cache").rglob("*_batch*"):
        file.unlink()
    data.images.cache_clear()
    assert data.images("cifar10").shape == (20, 3072)


def test_a_killed_download_leaves_nothing_for_good(site, tmp_path):
    """Kill -9 in the middle of the archive; an hour later the next download clears up, and completes."""
    whole = site.read_bytes()

    class Half(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", str(len(whole)))
            self.end_headers()
            self.wfile.write(whole[: len(whole) // 2])
            self.wfile.flush()
            time.sleep(30)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Half)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    cache = tmp_path / "cache" / "bn-orthogonality-companion"
    get = (
        "import pathlib, sys; from utils.networks import data\n"
        f"data.ARCHIVE = 'http://127.0.0.1:{server.server_port}/cifar-10-python.tar.gz'\n"
        f"data.user_cache_path = lambda name: pathlib.Path({str(cache)!r})\n"
        "data.images('cifar10')"
    )
    env = {name: value for name, value in os.environ.items() if name != "COMPANION_DATA"}
    child = subprocess.Popen([sys.executable, "-c", get], cwd=ROOT, env=env, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 100
    while not list(cache.glob("tmp*")):
        assert time.monotonic() < deadline and child.poll() is None
        time.sleep(0.05)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    server.shutdown()
    (part,) = cache.iterdir()
    os.utime(part, (time.time() - 7200,) * 2)
    assert data.images("cifar10").shape == (20, 3072)
    assert sorted(path.name for path in cache.iterdir()) == ["cifar-10-batches-py", "cifar-10-python.tar.gz"]
