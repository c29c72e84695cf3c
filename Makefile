# `make demo` runs the main job, `make test` the tests; each sets up what it needs first.
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint bench sweep firmware clean test-firmware test-host test-cli test-boards test-site test-quantum \
	test-hil-native test-hil-uno test-hil-input test-hil-cuts test-hil-others
ARGS ?=
export PLATFORMIO_CORE_DIR := $(CURDIR)/.venv/platformio
export PLATFORMIO_SETTING_ENABLE_TELEMETRY := no
# Tests start hundreds of processes: each would compile what it imports.
unexport PYTHONDONTWRITEBYTECODE
PYTHON := .venv/bin/python

help:
	@echo "make demo      two simulated Unos, flashed, enrolled, recorded, verified, tampered with (ARGS='--qblocks 10')"
	@echo "make test      lint, types, firmware natively and on the AVR, host, hardware in the loop, demo in short"
	@echo "make bench     figures against their aims, also in build/bench.json"
	@echo "make sweep     10,000 power cuts over a simulated board's life (ARGS='--cuts 1000 --seed 7')"
	@echo "make firmware  build every environment and print its size and what changed (ARGS='--commits 5')"

setup:
	@python3 tools/bootstrap.py

demo: setup
	@.venv/bin/qcot demo --report build/demo.json $(ARGS)

lint: setup
	.venv/bin/ruff check host hil_tests firmware tools examples
	.venv/bin/mypy

# At once what mostly waits, for boards and daemons that keep real time; beside it, two at a time, what computes.
WAIT := test-boards test-hil-uno test-hil-input test-hil-native test-site
COMPUTE := test-hil-cuts test-cli test-quantum test-host test-firmware test-hil-others lint

test: setup
	@$(MAKE) --no-print-directory -j7 --keep-going --output-sync=line $(WAIT) $(COMPUTE)

test-firmware:
	$(PYTHON) firmware/test/run.py native
	$(PYTHON) firmware/test/run.py avr
	$(PYTHON) firmware/test/run.py fuzz --runs 2000

QUANTUM_TESTS := host/tests/quantum host/tests/kme host/tests/channel
# Boards, brokers and daemons, which mostly wait for each other.
BOARD_TESTS := host/tests/boards host/tests/bridge
# Commands in processes of their own, waited for.
CLI_TESTS := host/tests/cli
SITE_TESTS := host/tests/broker host/tests/gateway host/tests/custody host/tests/test_demo.py host/tests/test_three_homes.py

test-host:
	$(PYTHON) -m pytest host/tests $(patsubst %,--ignore=%,$(QUANTUM_TESTS) $(BOARD_TESTS) $(SITE_TESTS) $(CLI_TESTS))

test-cli:
	$(PYTHON) -m pytest $(CLI_TESTS)

test-boards:
	$(PYTHON) -m pytest $(BOARD_TESTS)

test-site:
	$(PYTHON) -m pytest $(SITE_TESTS)

test-quantum:
	$(PYTHON) -m pytest $(QUANTUM_TESTS)

# Strands of their own: cuts compute, the other boards of hil_tests keep real time, of which bad input takes the most.
INPUT_TESTS := hil_tests/test_bad_input.py
CUT_TESTS := hil_tests/test_power_cuts.py hil_tests/test_store_and_forward.py hil_tests/test_update.py

test-hil-native:
	$(PYTHON) -m pytest hil_tests --board=native

test-hil-uno:
	$(PYTHON) -m pytest hil_tests --board=uno $(INPUT_TESTS:%=--ignore=%) $(CUT_TESTS:%=--ignore=%)

test-hil-input:
	$(PYTHON) -m pytest $(INPUT_TESTS) --board=uno

test-hil-cuts:
	$(PYTHON) -m pytest $(CUT_TESTS) --board=uno

# What an Uno on a cable has not: a chip that is its own USB port, a larger chip, a broker for a line.
SAMPLED := hil_tests/test_readings.py::test_every_value_that_the_adc_read_comes_once_and_in_order
CHANNELS := hil_tests/test_identity.py::test_every_channel_has_a_senml_name_unit_and_scale

test-hil-others:
	$(PYTHON) -m pytest hil_tests/test_usb.py hil_tests/test_identity.py $(SAMPLED) --board=leonardo
	$(PYTHON) -m pytest hil_tests/test_identity.py hil_tests/test_readings.py --board=native-mqtt
	$(PYTHON) -m pytest $(CHANNELS) $(SAMPLED) --board=megaatmega2560

bench: setup
	@$(PYTHON) host/benchmarks/run.py $(ARGS)

sweep: setup
	@PYTHONPATH=hil_tests $(PYTHON) -m sweep $(ARGS)

firmware: setup
	@$(PYTHON) tools/firmware_sizes.py $(ARGS)

clean:
	rm -rf build .pio
