"""libFuzzer over the decoder, the whole board and the MQTT client, from the committed corpus."""

from __future__ import annotations

import re
import shutil
from concurrent.futures import ThreadPoolExecutor

from runner.suites import BUILD, FUZZERS, HERE, Suite
from runner.toolchain import COMMON, link, sh


def _fuzz(suite: Suite, runs: int) -> tuple[str, bool]:
    """Summary, and whether nothing was found."""
    name = suite.name
    out = BUILD / "fuzz" / name
    flags = ["-g1", "-O1", "-fsanitize=fuzzer,address,undefined", "-fno-sanitize-recover=all"]
    # No input is the better for what hashing compares, and to hear of it is half the work.
    untold = ("-fno-sanitize-coverage=trace-cmp",)
    link(suite, HERE / "fuzz" / f"{name}.cpp", ("clang++", *COMMON, *flags), untold, out)
    found = BUILD / "fuzz" / f"{name}-corpus"
    shutil.rmtree(found, ignore_errors=True)
    found.mkdir(parents=True)
    options = [f"-runs={runs}", "-seed=1", "-max_len=512", "-print_final_stats=1", f"-artifact_prefix={out}-"]
    done = sh([str(out), *options, str(found), str(HERE / "fuzz" / "corpus" / name)])
    inputs = re.findall(r"stat::number_of_executed_units:\s+(\d+)", done.stdout)
    edges = re.findall(r"cov: (\d+)", done.stdout)
    good = done.returncode == 0 and bool(inputs) and bool(edges)
    summary = (
        f"{name:8} fuzz {inputs[-1]:>8} inputs, {edges[-1]} edges" if good else f"{name} failed:\n{done.stdout[-6000:]}"
    )
    return summary, good


def run(runs: int) -> int:
    """So many inputs for each fuzzer."""
    failed = 0
    with ThreadPoolExecutor(2) as pool:
        for summary, good in pool.map(lambda suite: _fuzz(suite, runs), FUZZERS):
            print(summary)
            failed += not good
    return 1 if failed else 0
