# One word for each thing a developer does. Python 3.11 is needed; PYTHON names it where it has another name.
PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: setup run test bench bench-answers bench-retrieval battery lint lock package package-windows clean

setup:
	@command -v $(PYTHON) >/dev/null 2>&1 || { echo "set-up: $(PYTHON) is not here. Install Python 3.11 (Debian 12: apt-get install python3.11 python3.11-venv) or name it: make setup PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) packaging/set_up.py

run: setup
	@$(BIN)/vademecum

test: setup
	@$(BIN)/python -m pytest -q --numprocesses=2 --dist=loadfile --no-loadscope-reorder --ignore=tests/benchmarks --ignore=tests/battery

bench: setup
	@$(BIN)/python -m pytest -q -s tests/benchmarks

bench-answers: setup
	@$(BIN)/python -m tests.benchmarks.answers $(WORKSPACE)

# Untuned retrieval on the shared question sets, the encoder's speed, and a million passages: an hour on two free cores.
bench-retrieval: setup
	@$(BIN)/python -m tests.benchmarks.retrieval_sets
	@$(BIN)/python -m tests.benchmarks.encoder_speed
	@$(BIN)/python -m tests.benchmarks.without_questions
	@d=$$(mktemp -d) && $(BIN)/python -m tests.benchmarks.retrieval_scale $$d; rm -rf $$d

battery: setup
	@$(BIN)/python -m pytest -q tests/battery

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

# Resolves anew from wherever pip is configured to look: needs the network, and torch's CPU wheel within reach.
lock: setup
	@$(BIN)/python packaging/lock.py

# The Linux packages, from a frozen program that passed its own self-test; half an hour on two cores.
package: setup
	@nice -n 10 $(BIN)/python packaging/build.py

# The Windows installer, built without Windows: needs nsis, wixl, gcc-mingw-w64-x86-64 and a package registry.
package-windows: setup
	@nice -n 10 $(BIN)/python packaging/windows.py

clean:
	@rm -rf .venv build dist .pytest_cache .ruff_cache .hypothesis resources/models *.egg-info
	@find engine desktop tests packaging -name __pycache__ -type d -prune -exec rm -rf {} +
