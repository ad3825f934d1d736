#!/usr/bin/env bash
# Renews requirements/*.txt: the newest versions that pyproject.toml allows, each file by hash,
# for every platform, with no address of an index. Run by `make lock`; read the diff after it.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"
tool=build/lock-tool
[ -x "$tool/bin/uv" ] || { "$python" -m venv "$tool"; "$tool/bin/python" -m pip --quiet install uv; }

# compile NAME SENTENCE ARGUMENT...: writes requirements/NAME.txt
compile() {
    local file="requirements/$1.txt" sentence="$2"
    shift 2
    printf '# %s\n# Made by "make lock" from pyproject.toml; do not edit.\n' "$sentence" >"$file.new"
    "$tool/bin/uv" pip compile --quiet --no-config --universal --python-version 3.11 --no-annotate \
        --generate-hashes --no-header --no-emit-index-url --no-emit-find-links "$@" >>"$file.new"
    mv "$file.new" "$file"
    echo "$file: $(grep -c '==' "$file") packages"
}

mkdir -p requirements
compile dev "Everything: what crisiskit runs on, is built with and is checked with." \
    pyproject.toml --extra links --group build --group dev
compile run "What crisiskit runs on." pyproject.toml --constraints requirements/dev.txt
compile links "What crisiskit runs on, with the optional parts of every link." \
    pyproject.toml --extra links --constraints requirements/dev.txt
compile build "What crisiskit is built with." --group build --constraints requirements/dev.txt
