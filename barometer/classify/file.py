"""A file of posts -> a file of labels, without a lake: `barometer classify FILE.jsonl --output OUT.parquet`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from barometer.classify.decide import LABEL_COLUMNS, PROBABILITY_COLUMNS
from barometer.classify.lines import Line, Rejected, lines, opened
from barometer.classify.model import PROMOTED, Model, load_model, predict_once
from barometer.errors import BadInput
from barometer.ledger import Counts

MESSAGES_SHOWN = 100
OUTPUT_SCHEMA: dict[str, pl.DataType] = {
    "id": pl.String(),
    **dict.fromkeys(LABEL_COLUMNS, pl.String()),
    **dict.fromkeys(PROBABILITY_COLUMNS, pl.Float64()),
}
_BATCH_LINES = 4_096

Write = Callable[[pl.DataFrame], None]


class _Account:
    """What became of the lines, told on the error stream as it happens; the text of a line is never shown."""

    def __init__(self, source: Path, progress: Progress) -> None:
        self._source, self._progress = source, progress
        self._task = progress.add_task(source.name, total=source.stat().st_size, labelled=0)
        self.labelled, self.rejected = 0, Counter[str]()

    def reject(self, line: Rejected) -> None:
        """Count a line that cannot be used, and say why; after the first hundred only count."""
        self.rejected[line.field or "the whole line"] += 1
        if self.rejected.total() <= MESSAGES_SHOWN:
            field = f", field {line.field}" if line.field else ""
            self.say(f"{self._source}, line {line.number}{field}: {line.reason}; the line is left out")

    def advance(self, labelled: int, bytes_read: int) -> None:
        """Count labelled lines, and show how far the file was read."""
        self.labelled += labelled
        self._progress.update(self._task, completed=bytes_read, labelled=self.labelled)

    def say(self, message: str) -> None:
        """One line on the error stream, above the progress bar."""
        self._progress.console.print(message, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> Counts:
        """Say the sums and return them; raises `BadInput` when there were lines and none could be used."""
        total = self.rejected.total()
        fields = ", ".join(f"{count:,} for {field}" for field, count in sorted(self.rejected.items()))
        if total and not self.labelled:
            raise BadInput(f"{self._source}: none of its {total:,} lines can be used ({fields}); is it the right file?")
        left_out = f"; {total:,} left out ({fields})" if total else ""
        self.say(f"{self._source}: {self.labelled:,} posts labelled{left_out}")
        received = self.labelled + total
        return Counts(read=received, received=received, written=self.labelled, quarantined=total)


def classify_file(source: Path, output: Path, *, model: str = PROMOTED, models: Path) -> Counts:
    """Label the posts of `source` and write `id, trust, target, rumour, hostile` and every probability, in its order.

    `source` holds `{"id", "text"}` JSON lines, plain, gzip or zstd, and is read as a stream. A bad line is
    reported with file, line and field on the error stream, counted as quarantined and left out. `output` (Parquet)
    appears only when it is complete.
    Raises `BadInput` when the file cannot be read or none of its lines can be used.
    """
    _refuse_output(source, output)
    labeller = load_model(model, models)
    with _progress() as progress, opened(source) as (stored, plain), _parquet(output) as write:
        account = _Account(source, progress)
        for batch in _batches(_good(lines(plain), account)):
            write(label_lines(batch, labeller))
            account.advance(len(batch), stored.tell())
        return account.close()


def label_lines(posts: list[Line], model: Model) -> pl.DataFrame:
    """Ids, labels and probabilities of some lines, in order."""
    ids = pl.Series("id", [post.id for post in posts], dtype=pl.String)
    texts = pl.Series("text", [post.text for post in posts], dtype=pl.String)
    return predict_once(model, texts).insert_column(0, ids).select(list(OUTPUT_SCHEMA))


def _good(found: Iterable[Line | Rejected], account: _Account) -> Iterator[Line]:
    for line in found:
        if isinstance(line, Line):
            yield line
        else:
            account.reject(line)


def _batches(posts: Iterator[Line]) -> Iterator[list[Line]]:
    while batch := list(islice(posts, _BATCH_LINES)):
        yield batch


def _progress() -> Progress:
    labelled = TextColumn("{task.fields[labelled]:,} posts")
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), labelled, TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True))


def _refuse_output(source: Path, output: Path) -> None:
    if output.is_dir():
        raise BadInput(f"{output}: is a folder; name the Parquet file to write")
    if output.resolve() == source.resolve():
        raise BadInput(f"{output}: is also the file to read; name another file to write")


@contextmanager
def _parquet(output: Path) -> Iterator[Write]:
    """A writer of frames of `OUTPUT_SCHEMA`, to a file beside `output` that takes its name once all is written."""
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = output.with_name(f".{output.name}.unfinished")
    try:
        with pq.ParquetWriter(unfinished, _arrow(pl.DataFrame(schema=OUTPUT_SCHEMA)).schema) as writer:
            yield lambda frame: writer.write_table(_arrow(frame))
        unfinished.replace(output)
    finally:
        unfinished.unlink(missing_ok=True)


def _arrow(frame: pl.DataFrame):  # type: ignore[no-untyped-def]
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())
