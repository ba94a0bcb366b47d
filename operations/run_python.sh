#!/usr/bin/env bash
# Run Python from the root of the checkout, with the project's .venv where there is one.
#
#   bash operations/run_python.sh ingest/ingest_to_postgres.py --days 2
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if [ -x .venv/bin/python ]; then
    exec .venv/bin/python "$@"
fi
exec python3 "$@"
