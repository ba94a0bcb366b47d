#!/usr/bin/env bash
# The whole daily job on the sandbox: site 23271, its last 15 weeks; at the end the weekly and the
# customer report, the Tableau export and the quality dashboard.
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

# Nothing of a real installation is used or touched: none of its settings, and where there is one
# (a .env, or a DATABASE_URL) the demo keeps its data and its reports in folders of their own.
if [ -e .env ] || [ -n "${DATABASE_URL:-}" ]; then
    ARGO_DATA_DIR=$PWD/.data/demo ARGO_OUTPUT_DIR=$PWD/demo
fi
for name in $(compgen -e | grep -E '^(VITE_)?ENISCOPE_|^ARGO_' | grep -vxE 'ARGO_(DATA|OUTPUT)_DIR' || true); do
    unset "$name"
done
export ARGO_DATA_DIR=${ARGO_DATA_DIR:-} ARGO_OUTPUT_DIR=${ARGO_OUTPUT_DIR:-}
export ARGO_ENV_FILE= DATABASE_URL= ENISCOPE_API_URL=sandbox

# 105 days: the last complete month from any day of a month, and six weeks before it to compare with.
bash operations/daily_sync.sh --site 23271 --days 105 --report --customer-report "$@"
