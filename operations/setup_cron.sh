#!/usr/bin/env bash
# Put the daily job, the health check, the quality report and the alerts into the crontab.
#
# Reads   the crontab of the user
# Writes  a marked block of it, and nothing else there; logs/ when the jobs run
# Exits   0 done, 1 the crontab could not be read or written, 2 usage, or no cron on this machine
#
#   bash operations/setup_cron.sh --print
set -euo pipefail
# As it was called, not resolved: a link to the newest checkout stays a link.
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
exec bash "$root/operations/run_python.sh" -m operations.cron --root "$root" "$@"
