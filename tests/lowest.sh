#!/usr/bin/env bash
# The suite with the lowest versions that pyproject.toml allows, so that its ranges are true. torch stays the pinned one.
#   bash tests/lowest.sh [FOLDER [PYTEST ARGUMENTS]]    an environment is made in the folder, a temporary one unless named
set -euo pipefail
cd "$(dirname "$0")/.."

folder=${1:-$(mktemp -d)}
python3 -m venv "$folder/tools" && "$folder/tools/bin/pip" install -q uv
grep -E '^torch==' constraints.txt > "$folder/torch.txt"
# uv does not know pip's folders of wheels by itself
UV_FIND_LINKS=${UV_FIND_LINKS:-${PIP_FIND_LINKS:-}} "$folder/tools/bin/uv" pip compile -q pyproject.toml --extra dev --resolution lowest-direct \
    --constraint "$folder/torch.txt" --python-version "$(python3 -c 'import sys; print("%d.%d" % sys.version_info[:2])')" \
    --output-file "$folder/lowest.txt"
python3 -m venv "$folder/lowest"
"$folder/lowest/bin/pip" install -q -c "$folder/lowest.txt" -e '.[dev]'
PATH="$folder/lowest/bin:$PATH" "$folder/lowest/bin/python" -m pytest -q -p no:cacheprovider "${@:2}"
