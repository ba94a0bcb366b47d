#!/usr/bin/env bash
# The daily job: ingest -> refresh -> validate -> (if it passes) weekly report when due, export.
#
# Writes  readings and books in the database, reports/, exports/, logs/daily_sync.log
# Exits   0 done, 2 usage or settings, 3 validation stopped a delivery, 4 a step failed, 5 another
#         sync is at work
#
#   bash operations/daily_sync.sh --site 23271 --days 2
set -euo pipefail
exec bash "$(dirname "${BASH_SOURCE[0]}")/run_python.sh" -m operations.sync "$@"
