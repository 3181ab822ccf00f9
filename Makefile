# Telltale needs Python 3.11 or 3.12 and make; everything else comes into .venv, as constraints.txt names it.
#   make demo    the whole loop on the embedded bus, about 30 seconds
#   make test    the whole test suite
#   make check   lint, types, import rules and the quick unit tests, a minute
#   make lint    lint, types and import rules alone
#   make bench   readings per second beside the peers', on a real Kafka
#   make reference  write the made parts of flows/reference/*.md anew
#   make lock    write constraints.txt anew from pyproject.toml
#   make clean   remove what the targets above have made
# Another interpreter than the first that fits: make demo PYTHON=/path/to/python3.12

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check

# Candidates are run, not looked up: a pyenv shim may exist and fail, a Debian python may lack venv.
FITS := -c 'import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1
FIND := for python in $(BIN)/python $(PYTHON) python3.12 python3.11 python3 python; do \
	if "$$python" $(FITS); then echo "$$python"; break; fi; done
NEEDED := Telltale needs Python 3.11 or 3.12 with its venv module, and no such Python is on the PATH. Install one, or name it: make PYTHON=/path/to/python3.12
INTERPRETER = $(or $(shell $(FIND)),$(error $(NEEDED)))

.PHONY: demo test check lint bench reference lock clean

demo: $(VENV)/.product
	@$(BIN)/telltale demo

# Two at once, each with a broker of its own: much of the suite waits for processes to end.
TWO := -n 2 --dist loadfile

test: $(VENV)/.development
	@$(BIN)/pytest $(TWO)

check: lint
	@$(BIN)/pytest $(TWO) tests/unit --ignore=tests/unit/cli -m 'not slow'

lint: $(VENV)/.development
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

bench: $(VENV)/.development
	@$(BIN)/python -m load_tests bench --bus kafka

reference: $(VENV)/.development
	@$(BIN)/python -m flows.reference

# The build tool is pinned too, and built without isolation, so that next year's install is this one.
$(VENV)/.product: pyproject.toml constraints.txt
	@python="$(INTERPRETER)"; if [ "$$python" != $(BIN)/python ]; then \
		echo "Making $(VENV) with $$python."; "$$python" -m venv --clear $(VENV); fi
	@echo "Installing what constraints.txt names into $(VENV): once, about a minute."
	@$(PIP) install --quiet --constraint constraints.txt setuptools
	@$(PIP) install --quiet --constraint constraints.txt --no-build-isolation --editable '.[archives]'
	@echo "Compiling the kernels: once, about half a minute."
	@$(BIN)/python -c 'import flows.devices.shard'
	@touch $@

$(VENV)/.development: $(VENV)/.product
	@$(PIP) install --quiet --constraint constraints.txt --no-build-isolation --editable '.[archives,development]'
	@touch $@

# One universal resolution, so that the file holds for 3.11 and for 3.12.
lock: $(VENV)/.product
	$(PIP) install --quiet --target .cache/lock uv
	echo 'setuptools>=77' | .cache/lock/bin/uv pip compile pyproject.toml - --all-extras --universal \
		--python-version 3.11 --upgrade --no-emit-index-url --custom-compile-command 'make lock' -o constraints.txt

clean:
	rm -rf $(VENV) .cache .hypothesis .import_linter_cache .pytest_cache .ruff_cache build dist demo *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
