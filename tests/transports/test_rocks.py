"""Rows on a disk: what was written is there, and what the disk did to it is noticed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rocksdict import Cache

from stream.transports.errors import RowsInUse
from stream.transports.rocks import RocksRows
from stream.transports.rows import RowsClosed, RowsDamaged

ROWS = {b"k%05d" % number: os.urandom(300) for number in range(3_000)}


def rows_at(path: Path, incarnation: str = "a") -> RocksRows:
    return RocksRows(path, Cache(1 << 20), incarnation)


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A directory with rows up to offset 5."""
    rows = rows_at(tmp_path / "0")
    rows.write(dict(ROWS), 5)
    rows.close()
    return tmp_path / "0"


def test_what_was_written_is_there(kept: Path) -> None:
    """Rows and the offset come back; a deleted one does not."""
    rows = rows_at(kept)
    assert rows.end == 5
    rows.write({b"k00000": None, b"new": b"1"}, 6)
    assert dict(rows.items()) == {**{key: value for key, value in ROWS.items() if key != b"k00000"}, b"new": b"1"}
    assert (b"k00000" in rows, b"new" in rows, len(rows)) == (False, True, len(ROWS))
    assert (rows.size(b"k00000"), rows.size(b"new")) == (None, 1)
    rows.close()


def test_rows_of_a_later_start_share_the_one_cache(kept: Path) -> None:
    """What partitions take of the memory is one sum, also where the directory was made before."""
    cache = Cache(1 << 20)
    rows = RocksRows(kept, cache, "a")
    assert len(rows) == len(ROWS)
    assert cache.get_usage() < 10_000, "what is read in passing is not kept"
    assert [key for key in ROWS if key not in rows] == []
    assert 100_000 < cache.get_usage() < 2 << 20
    rows.close()


def test_rows_of_another_changelog_are_forgotten(kept: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The topic was made anew, or the directory is another installation's: it is said, and all is read again."""
    rows = rows_at(kept, "b")
    assert (rows.end, len(rows)) == (None, 0)
    assert "come from another changelog" in caplog.text
    rows.close()


def test_a_damaged_block_stops_the_worker_and_is_read_anew(kept: Path) -> None:
    """Neither half of the rows nor a bad record: reading says so, and whoever opens the directory next has none."""
    [file] = kept.glob("*.sst")
    content = bytearray(file.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2_000] = bytes(2_000)
    file.write_bytes(content)
    rows = rows_at(kept)
    assert rows.end == 5, "RocksDB does not see it when it opens"
    with pytest.raises(RowsDamaged, match="next start reads them from the changelog"):
        list(rows.items())
    with pytest.raises(RowsDamaged):
        [rows.get(key) for key in ROWS]
    rows.close()
    rows = rows_at(kept)
    assert (rows.end, len(rows)) == (None, 0)
    rows.close()


@pytest.mark.parametrize("share", [0.0, 0.5, 0.97, 0.99, 1.0])
def test_damage_is_not_taken_for_a_lock(kept: Path, share: float) -> None:
    """Wherever a file is damaged, also where the offset is: the rows are read anew, nobody is said to have them."""
    [file] = kept.glob("*.sst")
    content = bytearray(file.read_bytes())
    start = int(share * (len(content) - 4_000))
    content[start : start + 4_000] = bytes(4_000)
    file.write_bytes(content)
    for _ in range(2):
        rows = rows_at(kept)
        try:
            found = dict(rows.items())
        except RowsDamaged:
            rows.close()
            continue
        assert (rows.end, found) == (None, {})
        rows.close()
        break
    else:
        pytest.fail("damaged, and opened as if it were not")


def test_what_is_no_database_is_begun_anew(kept: Path) -> None:
    """A directory that RocksDB cannot open is emptied: the changelog has everything."""
    (kept / "CURRENT").write_bytes(b"nonsense")
    rows = rows_at(kept)
    assert (rows.end, len(rows)) == (None, 0)
    rows.close()


def test_a_directory_in_use_is_refused(kept: Path) -> None:
    """Two workers with one directory: the second is told, and the first goes on."""
    rows = rows_at(kept)
    with pytest.raises(RowsInUse, match="of its own"):
        rows_at(kept)
    assert len(rows) == len(ROWS)
    rows.close()


def test_rows_that_were_given_up(kept: Path) -> None:
    """Whoever still has them is told that they no longer count."""
    rows = rows_at(kept)
    rows.close()
    with pytest.raises(RowsClosed):
        rows.get(b"k00001")
    with pytest.raises(RowsClosed):
        rows.write({b"a": b"b"}, 7)
    with pytest.raises(RowsClosed):
        list(rows.items())
