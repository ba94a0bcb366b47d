"""A replay of a site's quarantine: judge each entry again, store what passes, keep the books."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

from config.sites import SiteConfig, site_config
from ingest.pipeline.judge import (
    LENGTH_NOT_RECORDED,
    OVERLAPS,
    RowVerdicts,
    judge_fields,
    judge_rows,
)
from ingest.store import replay as store
from ingest.store.channel_status import learn_from_run
from ingest.store.replay import Entry, Selection, Touched
from ingest.store.rows import Window
from lib.clock import now
from lib.database import Connection, Cursor, transaction
from lib.reading_rules import ReadingRules, rules_for


@dataclass
class Tally:
    """What became of the entries of one scope and reason; `refused` by today's reason."""

    before: int = 0
    stored: int = 0
    known: int = 0
    refused: Counter[str] = field(default_factory=Counter)


@dataclass
class Replay:
    """A replay in numbers; `tallies` by (scope, recorded reason)."""

    run_id: UUID
    tallies: dict[tuple[str, str], Tally] = field(default_factory=dict)
    rows_inserted: int = 0
    rows_changed: int = 0
    values_refused: int = 0
    channels: set[int] = field(default_factory=set)

    def tally(self, entry: Entry) -> Tally:
        """Where an entry is counted."""
        return self.tallies.setdefault((entry.scope, entry.reason), Tally())

    @property
    def before(self) -> int:
        """Entries that were looked at."""
        return sum(tally.before for tally in self.tallies.values())

    @property
    def still_refused(self) -> int:
        """Entries that stay in quarantine."""
        return sum(tally.refused.total() for tally in self.tallies.values())


@dataclass(frozen=True)
class _Channel:
    """What judging a channel needs: its site's limits and when it was installed."""

    site_id: str
    channel_id: int
    config: SiteConfig
    installed_at: datetime | None
    sends_power_factor: bool
    rated_kw: float | None

    def rules(self, interval_seconds: int) -> ReadingRules:
        """Today's rules for its readings of this length."""
        return rules_for(
            self.config,
            self.channel_id,
            interval_seconds,
            self.installed_at,
            sends_power_factor=self.sends_power_factor,
            rated_kw=self.rated_kw,
        )


def replay(connection: Connection, selection: Selection, *, dry_run: bool) -> Replay:
    """Judge every selected entry again and store what passes, one transaction per page.

    A dry run does the same and takes it back, so that its figures are those of the real one.
    """
    done = Replay(uuid4())
    for channel_id in selection.channel_ids:
        last = None
        while True:
            with transaction(connection) as cursor:
                page = store.next_page(cursor, selection, channel_id, last)
                if page:
                    _replay_page(cursor, done, selection.site_id, channel_id, page)
                if dry_run:
                    connection.rollback()
            if not page:
                break
            last = page[-1]
    if done.channels and not dry_run:
        learn_from_run(connection, selection.site_id, done.run_id, sorted(done.channels))
    return done


def _replay_page(
    cursor: Cursor, done: Replay, site_id: str, channel_id: int, page: list[Entry]
) -> None:
    """Judge and store one page of a channel's entries, books included."""
    facts = store.channel_facts(cursor, channel_id)
    channel = _Channel(site_id, channel_id, site_config(site_id), *facts)
    rows: dict[int | None, list[Entry]] = {}
    values: list[Entry] = []
    for entry in page:
        done.tally(entry).before += 1
        same = values if entry.scope == "field" else rows.setdefault(entry.interval_seconds, [])
        same.append(entry)
    for entry in rows.pop(None, []):
        done.tally(entry).refused[LENGTH_NOT_RECORDED] += 1
    touched: list[Touched] = []
    for interval_seconds, entries in rows.items():
        assert interval_seconds is not None
        touched += _replay_rows(cursor, done, channel, interval_seconds, entries)
    if values:
        touched += _replay_fields(cursor, done, channel, values)
    if touched:
        done.channels.add(channel_id)
        store.close_books(cursor, done.run_id, site_id, channel_id, touched, now())


def _replay_rows(
    cursor: Cursor, done: Replay, channel: _Channel, interval_seconds: int, entries: list[Entry]
) -> list[Touched]:
    """Rows of one length that were refused whole."""
    times_us = [entry.timestamp_us for entry in entries if entry.timestamp_us is not None]
    stored_us = store.stored_starts(cursor, channel.channel_id, interval_seconds, times_us)
    verdicts = judge_rows(entries, channel.rules(interval_seconds), stored_us, now())
    new_us = _insert(cursor, done, channel, interval_seconds, entries, verdicts)
    done.rows_inserted += len(new_us)
    by_id = {entry.entry_id: entry for entry in entries}
    for entry_id, reason in verdicts.refused.items():
        done.tally(by_id[entry_id]).refused[reason] += 1
    told: set[int] = set()
    for entry_id, at in verdicts.times_us.items():
        # Of several entries with one time one became the row; the others are known by it.
        is_stored = at in new_us and at not in told
        told.add(at)
        done.tally(by_id[entry_id]).stored += is_stored
        done.tally(by_id[entry_id]).known += not is_stored
    store.release(cursor, list(verdicts.times_us))
    return [
        Touched(at, interval_seconds, count, is_inserted=at in new_us)
        for at, count in Counter(verdicts.times_us.values()).items()
    ]


def _insert(
    cursor: Cursor,
    done: Replay,
    channel: _Channel,
    interval_seconds: int,
    entries: list[Entry],
    verdicts: RowVerdicts,
) -> set[int]:
    """Store the accepted rows; returns the times that are new [µs].

    Rows that overlap stored ones of another length go back to the refused.
    """
    by_id = {entry.entry_id: entry for entry in entries}
    new_us: set[int] = set()
    overlapping_us: set[int] = set()
    for accepted in verdicts.accepted:
        if not len(accepted.timestamp_us):
            continue
        window = Window(
            log_id=0,  # the books are written once it is known which stretches were stored
            run_id=done.run_id,
            site_id=channel.site_id,
            channel_id=channel.channel_id,
            start=store.instant(int(accepted.timestamp_us[0])),
            end=store.instant(int(accepted.timestamp_us[-1]) + 1),
            interval_seconds=interval_seconds,
        )
        inserted = store.insert_rows(cursor, window, accepted, by_id)
        new_us.update(inserted.new_us)
        overlapping_us.update(inserted.overlapping_us)
        done.values_refused += inserted.values_refused
    for entry_id, at in list(verdicts.times_us.items()):
        if at in overlapping_us:
            verdicts.refused[entry_id] = OVERLAPS
            del verdicts.times_us[entry_id]
    return new_us


def _replay_fields(
    cursor: Cursor, done: Replay, channel: _Channel, entries: list[Entry]
) -> list[Touched]:
    """Single values that were refused: their rows are stored, with null in their place."""
    fields = sorted({entry.field for entry in entries if entry.field is not None})
    times_us = sorted({entry.timestamp_us for entry in entries if entry.timestamp_us is not None})
    stored = store.stored_rows(cursor, channel.channel_id, times_us, fields)
    verdicts = judge_fields(entries, stored, channel.rules, now())
    changed_us = store.change_fields(
        cursor, channel.channel_id, verdicts.changes, verdicts.remarks, verdicts.conflicts
    )
    done.rows_changed += len(changed_us)
    by_id = {entry.entry_id: entry for entry in entries}
    for entry_id, reason in verdicts.refused.items():
        done.tally(by_id[entry_id]).refused[reason] += 1
    for change in verdicts.changes:
        done.tally(by_id[change.entry_id]).stored += 1
    for entry_id in verdicts.known:
        done.tally(by_id[entry_id]).known += 1
    store.release(cursor, [*(change.entry_id for change in verdicts.changes), *verdicts.known])
    return [
        Touched(at, stored[at]["interval_seconds"], entries=1, is_changed=at in changed_us)
        for at in sorted(changed_us | set(verdicts.known.values()))
    ]
