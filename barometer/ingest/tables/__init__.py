"""Files with one record a row: survey answers, practitioners' reports, observations and dated counts."""

from barometer.ingest.source import Parser
from barometer.ingest.tables.answers import Answers
from barometer.ingest.tables.counts import CountsTable
from barometer.ingest.tables.observations import Observations
from barometer.ingest.tables.reports import Reports

# Both formats are told apart by their first bytes; the name in the configuration is for its reader.
PARSERS: dict[tuple[str, str], Parser] = {
    (signal, format_name): parser
    for signal, parser in (
        ("answers", Answers()),
        ("reports", Reports()),
        ("observations", Observations()),
        ("counts", CountsTable()),
    )
    for format_name in ("csv", "parquet")
}
"""(signal, format) -> its parser."""
