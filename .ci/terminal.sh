#!/bin/sh
# Builds the terminal into frontend/dist with Node 20.19 or newer; where there is none, with Node's PyPI packaging, kept in
# .node beside .venv. `make up` calls it when a source of the terminal is newer than what was built. `terminal.sh check` also
# holds the terminal to its style, types and unit tests.
set -eu
cd "$(dirname "$0")/.."

new_enough() { # new_enough NODE
    "$1" -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a === 22 && b >= 12) || (a === 20 && b >= 19) ? 0 : 1)' >/dev/null 2>&1
}

if ! { command -v npm >/dev/null 2>&1 && new_enough node; }; then
    if ! [ -x .node/bin/npm ]; then
        echo "undertow: no Node 20.19 or newer here; fetching Node's Python package"
        rm -rf .node
        .venv/bin/python -m venv --without-pip .node
        .venv/bin/python -m pip --python .node/bin/python install --quiet --disable-pip-version-check --require-hashes \
            -r .ci/node.lock
    fi
    PATH="$PWD/.node/bin:$PATH"
    export PATH
fi

cd frontend
# Only what package-lock.json names, by its digests; nothing of the packages runs on install.
if ! cmp -s package-lock.json node_modules/.undertow-lock 2>/dev/null; then
    npm ci --no-audit --no-fund --loglevel=error --ignore-scripts
    cp package-lock.json node_modules/.undertow-lock
fi
npm run --silent build -- --logLevel warn
touch dist/index.html
if [ "${1:-}" = check ]; then
    npm run --silent types:check
    npm run --silent lint
    npm test --silent
fi
