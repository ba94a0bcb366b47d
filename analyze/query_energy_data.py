"""Ask the stored readings: any measure, by hour to month, channel or hour of the week.

Reads   v_sites, v_meters, v_latest_readings, v_readings_enriched; with --sql what the role
        argo_reader may read. Always as that role, in READ ONLY transactions. config/sites.yaml:
        the tariff (--measure cost), holidays (--compare)
Writes  nothing in the database; --out and --png FILE where asked for
Exits   0 done, 2 unknown site, channel or measure, a malformed condition, an SQL error, a file
        whose ending is another format's or whose folder is not there

    python analyze/query_energy_data.py --site 23271 --days 30 --by day,channel --format csv
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from config.settings import get_settings
from lib import clock
from lib.cli import is_given, period_options, script, site_option
from lib.database import Connection, fetch_all, reader_connection
from lib.date_utils import Period, chosen_period, days_up_to, last_days, refuse_unbegun
from lib.errors import UsageError

if TYPE_CHECKING:
    from analyze.query.aggregate import Question
    from analyze.query.channels import Channel, Site
    from analyze.query.chart import Picture
    from analyze.query.output import Rows
    from analyze.query.prices import Prices
    from analyze.query.result import Request
    from config.sites import SiteConfig

logger = logging.getLogger(__name__)

DEFAULT_DAYS = 7
MAX_TIMEOUT_SECONDS = 3600
# What says something about a question of ours, and nothing about somebody's own SQL.
QUESTION_OPTIONS = (
    "channel", "start", "end", "days", "by", "measure", "agg", "top", "where", "compare", "chart",
    "png",
)  # fmt: skip
EXAMPLES = """
Examples:
  npm run py:query -- --by day
  npm run py:query -- --days 30 --by channel --top 5 --compare previous
  npm run py:query -- --channel RTU-1 --by hour-of-week --measure power_kw --chart
  npm run py:query -- --by hour,channel --where "weekday in (sat, sun) and hour >= 22" --out n.csv
  npm run py:query -- --sql "SELECT * FROM v_channel_health" --format json
"""


@script(epilog=EXAMPLES)
@site_option()
@click.option("--channel", multiple=True, metavar="ID|NAME", help="Only this one; repeatable.")
@period_options(f"the last {DEFAULT_DAYS} days, today included")
@click.option("--days", type=click.IntRange(min=1), metavar="N", help="Today and the days before.")
@click.option(
    "--by", default="day", show_default=True, metavar="KEYS",
    help="Rows: hour, day, week, month, channel, hour-of-week, or several with commas; or total.",
)  # fmt: skip
@click.option(
    "--measure", default="energy_kwh", show_default=True, metavar="NAME",
    help="energy_kwh, power_kw, cost (energy by the tariff), voltage_v, temperature_c, ...",
)  # fmt: skip
@click.option(
    "--agg", type=click.Choice(["sum", "mean", "min", "max", "count"]),
    help="[default: sum of energy and cost, mean of everything else]",
)  # fmt: skip
@click.option("--top", type=click.IntRange(min=1), metavar="N", help="Only the N largest values.")
@click.option(
    "--where",
    metavar="EXPR",
    help='Only readings for which this holds: "power_kw > 5 and weekday in (sat, sun)".',
)
@click.option(
    "--compare", type=click.Choice(["previous", "last-year"]),
    help="Beside it as many days (whole months: months) before, or 52 weeks (a year) earlier.",
)  # fmt: skip
@click.option("--sql", metavar="SELECT", help="A query of your own, as the role argo_reader.")
@click.option(
    "--timeout", type=click.IntRange(1, MAX_TIMEOUT_SECONDS), default=60, show_default=True,
    metavar="SECONDS", help="How long --sql may take for an answer.",
)  # fmt: skip
@click.option(
    "--format", "file_format", type=click.Choice(["table", "csv", "json", "parquet"]),
    help="[default: by the ending of --out, else table]",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Write there instead of stdout.",
)  # fmt: skip
@click.option("--chart", is_flag=True, help="Draw bars in the terminal instead of a table.")
@click.option(
    "--png", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help="Draw a picture."
)
def main(site: str, sql: str | None, timeout: int, **options: Any) -> None:
    """Ask the stored readings of a site."""
    # pandas takes half a second to import: --help does without it.
    from analyze.query.output import chosen_format

    name = chosen_format(options["file_format"], options["out"])
    if options["png"] is not None:
        require_png(options["png"])
    if sql is not None:
        run_sql(sql, site, timeout, name, options["out"])
        return
    if options["chart"] and options["out"] is None and name != "table":
        raise UsageError("--chart goes to the terminal: give --out FILE for the rows")
    with reader_connection() as connection:
        request = asked(connection, site, **options)
        if (options["chart"] or options["png"]) and len(request.question.time_keys) > 1:
            raise UsageError("a chart has one time axis: give --by one of its keys (and channel)")
        deliver(connection, request, name, options)


def require_png(path: Path) -> None:
    """Raises UsageError for a picture of another kind, and for a folder that is not there."""
    from analyze.query.output import require_folder

    if path.suffix.lower() != ".png":
        raise UsageError(f"--png {path.name}: the picture is a PNG, its name has to end in .png")
    require_folder("--png", path)


def run_sql(sql: str, site: str, timeout: int, name: str, out: Path | None) -> None:
    """Run a query of a person's own; times on the site's clock where the site is stored."""
    from analyze.query.passthrough import query_rows, require_reader

    given = [option for option in QUESTION_OPTIONS if is_given(option)]
    if given:
        raise UsageError(f"--sql stands alone: it cannot be combined with --{given[0]}")
    require_reader()
    with reader_connection() as connection:
        timezone = sql_timezone(connection, site)
        with query_rows(connection, sql, timezone, timeout) as rows:
            write_rows(rows, name, out)


def sql_timezone(connection: Connection, site: str) -> str:
    """The zone of the site; UTC where the default site is not stored."""
    from analyze.query.channels import load_site

    try:
        return load_site(connection, site).timezone
    except UsageError:
        if is_given("site"):
            raise
        return "UTC"


def asked(connection: Connection, site_id: str, **options: Any) -> Request:
    """The request that the options make. Raises UsageError for what cannot be asked."""
    from analyze.query.aggregate import Question
    from analyze.query.channels import load_channels, load_site, selected, without_wholes
    from analyze.query.grouping import CHANNEL, chosen_keys
    from analyze.query.measures import chosen_agg, chosen_measure
    from analyze.query.predicates import parse
    from analyze.query.result import Request
    from analyze.site_settings import analysis_config

    by = chosen_keys(options["by"])
    measure = chosen_measure(options["measure"])
    agg = chosen_agg(measure, options["agg"])
    where = parse(options["where"]) if options["where"] is not None else None
    site = load_site(connection, site_id)
    period = asked_period(options["start"], options["end"], options["days"], site.timezone)
    every = load_channels(connection, site_id)
    channels = selected(every, options["channel"], measure, apart=CHANNEL in by)
    if options["top"] is not None and CHANNEL in by and not options["channel"]:
        channels, wholes = without_wholes(channels)
        for whole in wholes:
            logger.warning("not ranked, its parts are: %s", whole.channel_name)
    config = analysis_config(site_id)
    prices = None
    if measure.is_priced:
        prices = asked_prices(connection, site, every, period, config)
    question = Question(site, tuple(channels), by, measure, agg, where, prices)
    require_whole_sums(question)
    settled = clock.now() - timedelta(seconds=get_settings().eniscope_settle_seconds)
    return Request(question, period, settled, options["compare"], options["top"], config)


def asked_prices(
    connection: Connection,
    site: Site,
    channels: Sequence[Channel],
    period: Period,
    config: SiteConfig,
) -> Prices:
    """What a kWh costs on the site. Raises UsageError where no tariff says it."""
    from analyze.cost_model import tariff_cover
    from analyze.query.prices import Prices, usual_month_kwh
    from analyze.site_settings import sites_file_name

    cover = tariff_cover(period, config.tariff)
    if cover == "unset":
        raise UsageError(f"no tariff is set for site {site.site_id} in {sites_file_name()}")
    if cover == "outside":
        raise UsageError(
            f"the tariff of site {site.site_id} begins on {config.tariff[0].valid_from}: nothing "
            f"up to {period.last_day} has a price"
        )
    month_kwh = 0.0
    if any(entry.tiers for entry in config.tariff):
        month_kwh = usual_month_kwh(connection, site, channels, period)
    return Prices(config.tariff, currency_of(connection, site, config), month_kwh)


def currency_of(connection: Connection, site: Site, config: SiteConfig) -> str:
    """The currency of the site's money."""
    sql = "SELECT currency_code FROM v_sites WHERE site_id = %s"
    (row,) = fetch_all(connection, sql, [site.site_id])
    return config.money_currency(row["currency_code"])


def require_whole_sums(question: Question) -> None:
    """Raises UsageError where --where would take single channels out of a sum at one time."""
    if question.is_summed_first and not question.counts_due:
        raise UsageError(
            f"--where about values looks at single channels, and {question.measure.name} is of "
            "their sum: add channel to --by, or name one --channel"
        )


def asked_period(start: date | None, end: date | None, days: int | None, timezone: str) -> Period:
    """The days asked for. Raises UsageError when both --days and --start are given."""
    now = clock.now()
    if days is not None and start is not None:
        raise UsageError("give --days or --start, not both")
    if end is not None and start is None:
        return days_up_to(end, days or DEFAULT_DAYS, timezone)
    period = chosen_period(start, end, last_days(days or DEFAULT_DAYS, now, timezone))
    refuse_unbegun(period.first_day, now, timezone)
    return period


def deliver(connection: Connection, request: Request, name: str, options: dict[str, Any]) -> None:
    """Write the rows, the bars and the picture."""
    from analyze.query.chart import terminal_bars, write_png
    from analyze.query.output import Rows
    from analyze.query.result import result_rows

    rows = result_rows(connection, request)
    if not options["chart"] and options["png"] is None:
        write_rows(rows, name, options["out"])
        return
    kept = Rows(rows.columns, [rows.all()], rows.about)
    picture = drawn(kept, request)
    if options["png"] is not None:
        left_out = write_png(picture, options["png"], request.period.timezone)
        if left_out:
            logger.warning("not drawn (too many lines): %s", ", ".join(left_out))
    if options["chart"]:
        bars = terminal_bars(picture, shutil.get_terminal_size((100, 24)).columns)
        click.echo(bars, nl=False)
    if options["out"] is not None or not options["chart"]:
        write_rows(kept, name, options["out"])


def drawn(rows: Rows, request: Request) -> Picture:
    """What a chart shows of rows: the first time key, the channel, the value."""
    from analyze.query.chart import Picture, Point
    from analyze.query.telling import described

    question, names = request.question, [column.name for column in rows.columns]
    value = names.index(request.value_name)
    series = names.index("channel_name") if question.is_apart else None
    points: Sequence[Point] = [
        Point(
            row[0] if question.time_keys else None,
            row[series] if series is not None else "",
            row[value],
        )
        for row in rows.all()
    ]
    what, _, agg = described(question).rpartition(": ")
    axis = what if agg == "sum" else f"{what} ({agg})"
    return Picture(rows.about["heading"][0], axis, points, question.measure.adds_over_channels)


def write_rows(rows: Rows, name: str, out: Path | None) -> None:
    """Write rows and say what was written or left out."""
    from analyze.query.output import write

    if name != "table":
        for line in rows.about.get("heading", ()):
            logger.info("%s", line)
    written, left_out = write(rows, name, out)
    if left_out:
        logger.warning("%d more rows are not shown: --format csv writes all", left_out)
    if out is not None:
        logger.info("%d rows", written)
        click.echo(out.resolve())


if __name__ == "__main__":
    main()
