#!/usr/bin/env bash
# The whole daily job on the sandbox: site 23271, its last 8 weeks, report and export at the end.
#
# Reads   the sandbox API (synthetic readings), started by itself
# Writes  .venv, .data (embedded PostgreSQL), reports/, exports/, logs/
# Exits   0 done; a second run takes seconds and stores nothing twice
#
#   npm run py:demo          or          bash operations/demo.sh
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source operations/setup_venv.sh
setup_venv requirements.txt

# Nothing of a real installation is touched: no .env, the embedded server, the sandbox.
export ARGO_ENV_FILE= DATABASE_URL= ARGO_READER_URL= ARGO_SITES_FILE= ENISCOPE_API_URL=sandbox
# "Now" is today's midnight at the site, so that every run of a day sees the same data.
ARGO_NOW=$(.venv/bin/python -c '
from datetime import datetime
from zoneinfo import ZoneInfo
print(datetime.now(ZoneInfo("America/New_York")).replace(hour=0, minute=0, second=0, microsecond=0).isoformat())
')
export ARGO_NOW

bash operations/daily_sync.sh --site 23271 --days 57 --report "$@"
