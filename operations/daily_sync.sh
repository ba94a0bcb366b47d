#!/usr/bin/env bash
# The daily job: ingest -> refresh -> gaps -> quality -> validate -> (if it passes) weekly report on
# Mondays, customer report on the first of the month, export; the dashboard always.
#
# Writes  readings and books in the database, reports/, exports/, logs/daily_sync.log and
#         logs/last_run.json; pings HEALTHCHECK_URL where it is set
# Exits   0 done, 2 usage or settings, 3 validation stopped a delivery, 4 a step or site failed,
#         5 another sync, or an ingest of the site, is at work
#
#   bash operations/daily_sync.sh --site 23271 --days 2
set -euo pipefail
exec bash "$(dirname "${BASH_SOURCE[0]}")/run_python.sh" -m operations.sync "$@"
