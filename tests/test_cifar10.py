"""CIFAR-10: downloaded once, and never opened or left behind where it is not what was published."""

import hashlib
import http.server
import io
import os
import pickle
import shutil
import tarfile
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from books import kill_in_the_middle

from utils.files import ROOT
from utils.networks import data


@pytest.fixture(autouse=True)
def forget():
    yield
    data.images.cache_clear()
    data.labels.cache_clear()


class Trap:
    """A pickle that makes a folder when it is opened."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


def pack(archive, files):
    """Write an archive of files, by the names they have in it."""
    with tarfile.open(archive, "w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def test_missing_cifar10_names_the_path_and_an_altered_one_is_not_unpickled(monkeypatch, tmp_path):
    """A pickle that would make a folder when opened: its digest is wrong, so it never is."""
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    with pytest.raises(data.DataUnavailable, match="data_batch_1"):
        data.images("cifar10")
    (tmp_path / "cifar-10-batches-py").mkdir()
    payload = pickle.dumps(Trap(tmp_path / "opened"))
    for file in data.CIFAR10:
        (tmp_path / "cifar-10-batches-py" / file).write_bytes(payload)
    with pytest.raises(data.DataUnavailable, match=f"MD5 {hashlib.md5(payload).hexdigest()}, published is"):
        data.images("cifar10")
    assert not (tmp_path / "opened").exists()


real = pytest.mark.skipif(not os.environ.get("COMPANION_DATA"), reason="real CIFAR-10 not at hand: set COMPANION_DATA")


@real
@pytest.mark.slow
def test_real_cifar10_and_its_task_standardized_by_channel():
    images = data.images("cifar10")
    assert images.shape == (50_000, 3072) and images.min() == 0 and images.max() == 1
    # Published channel means of the training set (red, green, blue).
    torch.testing.assert_close(
        images.reshape(-1, 3, 1024).mean((0, 2)), torch.tensor([0.4914, 0.4822, 0.4465]), atol=1e-4, rtol=0
    )
    split = data.task("cifar10", scale="standardized", train=2000, test=100)
    channels = split.x.unflatten(1, (3, 1024))
    assert channels.mean((0, 2)).abs().max() < 1e-4 and (channels.std((0, 2)) - 1).abs().max() < 1e-2
    assert split.x_test.shape == (100, 3072) and set(split.y.tolist()) == set(range(10))


@real
def test_a_truncated_copy_of_the_real_cifar10_is_refused(monkeypatch, tmp_path):
    folder = tmp_path / "cifar-10-batches-py"
    shutil.copytree(ROOT / Path(os.environ["COMPANION_DATA"]) / "cifar-10-batches-py", folder)
    file = folder / "data_batch_3"
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1])
    monkeypatch.setenv("COMPANION_DATA", str(tmp_path))
    with pytest.raises(data.DataUnavailable, match="data_batch_3 has MD5"):
        data.images("cifar10")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A web server with an archive of CIFAR-10's shape, as the one download there is, and an empty cache."""
    monkeypatch.delenv("COMPANION_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")  # macOS would be asked for one, which a forked process must not do
    files = {name: pickle.dumps({b"data": np.full((4, 3072), i, np.uint8), b"labels": [i] * 4}) for i, name in
             enumerate([*data.CIFAR10, *data.CIFAR10_TEST])}  # fmt: skip
    served = tmp_path / "served"
    served.mkdir()
    archive = served / "cifar-10-python.tar.gz"
    pack(archive, {f"cifar-10-batches-py/{name}": content for name, content in files.items()})
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=served)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    monkeypatch.setattr(data, "ARCHIVE", f"http://127.0.0.1:{server.server_port}/{archive.name}")
    monkeypatch.setattr(data, "ARCHIVE_MD5", hashlib.md5(archive.read_bytes()).hexdigest())
    for table in ("CIFAR10", "CIFAR10_TEST"):
        digests = {name: hashlib.md5(files[name]).hexdigest() for name in getattr(data, table)}
        monkeypatch.setattr(data, table, digests)
    monkeypatch.setattr(data, "user_cache_path", lambda name: tmp_path / "cache" / name)
    yield archive
    server.shutdown()


def test_cifar10_is_downloaded_once(site, capfd):
    assert data.images("cifar10").shape == (20, 3072) and data.labels("cifar10", test=True).tolist() == [5] * 4
    assert "100%" in capfd.readouterr().err, "with a progress bar"
    site.unlink()
    data.images.cache_clear()
    assert data.images("cifar10").shape == (20, 3072)


@pytest.mark.parametrize("fault", ["half-written", "missing", "archive truncated"])
def test_an_interrupted_download_or_unpacking_is_mended(site, tmp_path, fault):
    data.images("cifar10")
    (file,), (archive,) = ((tmp_path / "cache").rglob(name) for name in ("data_batch_3", "*.tar.gz"))
    content = file.read_bytes()
    file.write_bytes(content[:100])
    if fault != "half-written":
        file.unlink()
    if fault == "archive truncated":
        archive.write_bytes(archive.read_bytes()[:100])
    data.images.cache_clear()
    assert data.images("cifar10").shape == (20, 3072) and file.read_bytes() == content


@pytest.mark.parametrize("fault", ["truncated", "other", "gone", "no network"])
def test_a_bad_download_is_refused_says_what_to_do_and_leaves_nothing(site, tmp_path, monkeypatch, fault):
    content = site.read_bytes()
    bad = {"truncated": content[:-100], "other": content[::-1]}
    with monkeypatch.context() as patch:
        if fault == "no network":
            patch.setattr(data, "ARCHIVE", "http://127.0.0.1:9/cifar-10-python.tar.gz")
        site.write_bytes(bad[fault]) if fault in bad else site.unlink()
        with pytest.raises(data.DataUnavailable, match=r"(?s)could not be downloaded.*data='digits'") as caught:
            data.images("cifar10")
    assert "Try again with a network, or point COMPANION_DATA" in str(caught.value)
    assert fault not in bad or "hash" in str(caught.value)
    assert not list((tmp_path / "cache").rglob("*batch*"))
    site.write_bytes(content)
    assert data.images("cifar10").shape == (20, 3072), "the next run completes"


@pytest.fixture
def evil(site, tmp_path):
    """The archive, tampered with: a path that leads out, an absolute one, a malicious pickle in place of a batch."""
    files = {
        # First, so that the folder is there for those that lead out of it.
        "cifar-10-batches-py/data_batch_1": pickle.dumps(Trap(tmp_path / "opened")),
        "cifar-10-batches-py/../../../out": b"out",
        str(tmp_path / "out"): b"out",
        "cifar-10-batches-py/data_batch_1/../../../../out": b"out",
    }
    pack(site, files)
    return tmp_path / "cache" / "bn-orthogonality-companion"


def test_nothing_of_a_tampered_archive_leads_out_and_no_pickle_is_opened(evil, site, tmp_path, monkeypatch):
    """Refused before it is unpacked; were its digest broken, names that lead out passed over, and each file's digest checked."""
    with pytest.raises(data.DataUnavailable, match="hash"):
        data.images("cifar10")
    assert not [path for path in evil.rglob("*") if path.is_file()]
    monkeypatch.setattr(data, "ARCHIVE_MD5", hashlib.md5(site.read_bytes()).hexdigest())
    with pytest.raises(data.DataUnavailable):
        data.images("cifar10")
    assert not [path for path in (tmp_path / "out", tmp_path / "cache" / "out", tmp_path / "opened") if path.exists()]
    assert all(path.parent in (evil, evil / "cifar-10-batches-py") for path in evil.rglob("*") if path.is_file())


@pytest.mark.slow
def test_a_killed_download_leaves_nothing_for_good(site, tmp_path, monkeypatch):
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
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    cache = tmp_path / "cache" / "bn-orthogonality-companion"
    get = partial(data.images, "cifar10")
    with monkeypatch.context() as patch:
        patch.setattr(data, "ARCHIVE", f"http://127.0.0.1:{server.server_port}/cifar-10-python.tar.gz")
        kill_in_the_middle(get, when=lambda: any(cache.glob("tmp*")))
    server.shutdown()
    (part,) = cache.iterdir()
    os.utime(part, (time.time() - 7200,) * 2)
    assert get().shape == (20, 3072)
    assert sorted(path.name for path in cache.iterdir()) == ["cifar-10-batches-py", "cifar-10-python.tar.gz"]
