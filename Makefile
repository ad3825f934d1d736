# The commands for people who try, build or check crisiskit. `make` alone lists them.

PYTHON ?= python3
SHARED ?= ../shared
ARGS ?=
CUTS ?= 20000
HOURS ?= 1000
KITS ?= 40
KILLS ?= 1000
MINUTES ?= 1
FRAMES ?= 0
ROUNDS ?= 0
SEED ?=
BIN = .venv/bin
LOCALE = crisiskit/locale
# Measured beside crisiskit; nothing of ours needs them.
PEERS = rns==1.5.7 lxmf==1.2.1 brotli==1.2.1

.DEFAULT_GOAL := help
.PHONY: help demo env env-dev test fuzz check lint types imports bench bench-peers pictures messages
.PHONY: day power-cut kill junk fault-days simulate textmodel textmodel-fast lock wheels deb deb-test
.PHONY: clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

env:
	@$(PYTHON) packaging/setup_env.py

env-dev:
	@$(PYTHON) packaging/setup_env.py --dev

demo: env ## try it: a center, a kit and a played satellite modem on this machine
	@$(BIN)/crisiskit demo $(ARGS)

test: env-dev ## run the tests (ARGS="-k name" for some of them)
	@$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

fuzz: env-dev ## throw hostile bytes at every door (MINUTES=10, or FRAMES=1000000; SEED= replays)
	@$(BIN)/python -m crisiskit.sim.fuzz --minutes $(MINUTES) --frames $(FRAMES) \
		--rounds $(ROUNDS) $(if $(SEED),--seed $(SEED))

check: lint types imports test ## everything that must pass before a change lands

lint: env-dev ## format and lint, without changing a file
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .

types: env-dev ## static types
	@$(BIN)/mypy
	@$(BIN)/mypy --no-explicit-package-bases packaging/*.py packaging/*/*.py

imports: env-dev ## who may import whom
	@$(BIN)/lint-imports --no-cache

power-cut: env-dev ## cut the power under the store again and again (CUTS=20000)
	@$(BIN)/python -m crisiskit.sim.powercut --cuts $(CUTS)

kill: env-dev ## kill -9 running stations at random moments (KILLS=1000)
	@KILL_ROUNDS=$(KILLS) $(BIN)/python -m pytest -n 0 --timeout=0 tests/world/test_kill.py

junk: env-dev ## throw junk at every port and line of real stations (MINUTES=10; SEED= replays)
	@$(BIN)/python -m crisiskit.sim.junk --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

fault-days: env-dev ## 24 hours of each fault of each played device, and a table
	@$(BIN)/python -m pytest -q -n 0 --fault-days tests/transports/test_*_day.py \
		tests/hardware/test_*_day.py

simulate: env-dev ## whole networks under a virtual clock (HOURS=200000 of kits; SEED= is the first)
	@$(BIN)/python -m crisiskit.sim --hours $(HOURS) $(if $(SEED),--seed $(SEED))

day: HOURS = 24
day: env-dev ## a day of many kits: delays and credits (KITS=40 HOURS=24 SEED=1 ARGS=--json)
	@$(BIN)/python -m crisiskit.sim.day --kits $(KITS) --hours $(HOURS) $(if $(SEED),--seed $(SEED)) $(ARGS)

bench: env-dev ## measure against the goals (ARGS=bytes, satellite, line, footprint)
	@$(BIN)/python -m benchmarks --shared "$(SHARED)" $(ARGS)

bench-peers: env-dev ## install what the benchmarks compare with, into build/peers
	@$(BIN)/python -m venv build/peers
	@build/peers/bin/python -m pip --quiet install --require-hashes -r requirements/run.txt
	@build/peers/bin/python -m pip --quiet install $(PEERS)
	@for program in uucp sz rz zstd pat nncp-exec; do \
		command -v $$program >/dev/null || \
			echo "$$program is missing: apt install uucp lrzsz zstd pat nncp"; \
	done

pictures: env-dev ## draw the pictures of the README from the real screens
	@$(BIN)/python docs/pictures/make.py

messages: env-dev ## collect the texts to translate, renew and compile the catalogs
	@$(BIN)/pybabel --quiet extract -F pyproject.toml --no-location --sort-output \
		--omit-header -k N_ -o $(LOCALE)/crisiskit.pot .
	@for catalog in $(LOCALE)/*/LC_MESSAGES/crisiskit.po; do \
		locale=$${catalog#$(LOCALE)/}; \
		$(BIN)/pybabel --quiet update --no-fuzzy-matching --ignore-pot-creation-date -i \
			$(LOCALE)/crisiskit.pot -o $$catalog -l $${locale%%/*} || exit 1; \
	done
	@$(BIN)/pybabel compile --statistics -D crisiskit -d $(LOCALE)

textmodel: env-dev ## build the table of the text model from SHARED/data again
	@$(BIN)/python packaging/textmodel/build_table.py "$(SHARED)/data" $(ARGS)

textmodel-fast: env-dev ## compile the text model with mypyc and gcc: same bytes, less time
	@$(BIN)/python packaging/textmodel/compile.py $(ARGS)

lock: ## renew requirements/*.txt to the newest allowed versions
	@PYTHON=$(PYTHON) packaging/lock.sh

wheels: env-dev ## fill wheels/, from which everything installs without a network
	@$(BIN)/python -m pip --quiet --quiet download --require-hashes -r requirements/dev.txt -d wheels

deb: env-dev ## build dist/crisiskit_*.deb for this machine's Python version
	@$(BIN)/python packaging/debian/build_deb.py

deb-test: deb ## install the .deb in an empty Debian without network and use it (root only)
	@packaging/debian/test_deb.sh

clean: ## remove what was built; keeps wheels/
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@find $(LOCALE) -name '*.mo' -delete
