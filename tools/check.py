#!/usr/bin/env python3
"""Run every test of weir and add the results up; the last line is `N passed, N failed`.

usage: tools/check.py [--only SUITE[,SUITE...]] [--fuzz-seconds N | --fuzz-runs N] [--fuzz-targets NAME[,NAME...]]
suites: style unit threads fuzz e2e

unit     all unit tests, built with AddressSanitizer and UndefinedBehaviorSanitizer
threads  the tests of everything that has threads, built with ThreadSanitizer
e2e      a real weir with real clients, on the sanitized build
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's boto3 and pytest
JOBS = str(os.cpu_count() or 2)
SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1:disable_coredump=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}
FAILURES = []  # what failed, by name: told again at the end, where a cut log still shows it
THREADED = ["base/mailbox", "base/loop", "stream", "access", "balance", "health", "proxy", "model", "net",
            "tls/tickets"]


def run(*command, **keywords) -> subprocess.CompletedProcess:
    print("+", " ".join(map(str, command)), flush=True)
    return subprocess.run([str(word) for word in command], cwd=ROOT, **keywords)


def build(folder: str, *options: str, environment=None) -> None:
    if not (ROOT / folder / "build.ninja").exists():
        run("meson", "setup", folder, *options, check=True, stdout=subprocess.DEVNULL,
            env={**os.environ, **(environment or {})})
    run("ninja", "-C", folder, "--quiet", check=True)


def meson_tests(folder: str, names=None) -> tuple[int, int]:
    """Run unit tests; count single tests, not programs."""
    listed = json.loads(subprocess.check_output(["meson", "introspect", "--tests", folder], cwd=ROOT))
    chosen = [test["name"] for test in listed
              if names is None or any(test["name"].startswith(name) for name in names)]
    log = ROOT / folder / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    run("meson", "test", "-C", folder, "--no-rebuild", "--print-errorlogs", "--num-processes", JOBS,
        "--timeout-multiplier", "10", *chosen, env={**os.environ, **SANITIZER_ENVIRONMENT})
    passed = failed = 0
    for line in log.read_text().splitlines():
        result = json.loads(line)
        output = result.get("stdout", "") + result.get("stderr", "")
        program_passed = sum(map(int, re.findall(r"\[  PASSED  \] (\d+) test", output)))
        program_failed = sum(map(int, re.findall(r"\[  FAILED  \] (\d+) test\(s\), listed", output)))
        if result["result"] == "OK" and not program_passed:
            program_passed = 1  # a script
        if result["result"] != "OK":
            FAILURES.append(f"{result['name']}: {result['result']}\n{output[-2000:]}")
            program_failed = program_failed or 1
        passed, failed = passed + program_passed, failed + program_failed
    return passed, failed


def outcome(name: str, result: subprocess.CompletedProcess) -> tuple[int, int]:
    if result.returncode:
        FAILURES.append(name)
        return 0, 1
    return 1, 0


def style(_) -> tuple[int, int]:
    sources = subprocess.check_output(["git", "ls-files", "*.c", "*.h"], cwd=ROOT, text=True).split()
    checks = [
        outcome("includes go one way", run("tools/check_includes.py")),
        outcome("clang-format", run("clang-format", "--dry-run", "-Werror", *sources)),
    ]
    return sum(c[0] for c in checks), sum(c[1] for c in checks)


def unit(_) -> tuple[int, int]:
    build("build-debug", "--buildtype=debug", "-Db_sanitize=address,undefined", "-Db_lundef=false")
    return meson_tests("build-debug")


def threads(_) -> tuple[int, int]:
    build("build-tsan", "--buildtype=debugoptimized", "-Db_sanitize=thread", "-Db_lundef=false")
    return meson_tests("build-tsan", THREADED)


def fuzz(arguments) -> tuple[int, int]:
    build("build-fuzz", "-Dfuzz=true", "-Dtests=false", "--buildtype=debugoptimized",
          "-Db_lundef=false", environment={"CC": "clang"})
    limit = ["--runs", arguments.fuzz_runs] if arguments.fuzz_runs else [arguments.fuzz_seconds]
    targets = arguments.fuzz_targets.split(",") if arguments.fuzz_targets else []
    result = run("tests/fuzz/run.sh", *limit, "build-fuzz", *targets, stdout=subprocess.PIPE, text=True)
    print(result.stdout)
    passed = len(re.findall(r"^fuzz/\S+ ok$", result.stdout, re.M))
    failed = re.findall(r"^fuzz/\S+ FAILED", result.stdout, re.M)
    FAILURES.extend(failed)
    return passed, len(failed) or (1 if result.returncode else 0)


def e2e(_) -> tuple[int, int]:
    build("build-debug", "--buildtype=debug", "-Db_sanitize=address,undefined", "-Db_lundef=false")
    result = run(PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=10",
                 "--timeout=600", "tests/e2e",
                 stdout=subprocess.PIPE, text=True,
                 env={**os.environ, **SANITIZER_ENVIRONMENT, "WEIR": str(ROOT / "build-debug" / "weir")})
    print(result.stdout)
    last = result.stdout.strip().splitlines()[-1] if result.stdout.strip() else ""
    FAILURES.extend(re.findall(r"^(?:FAILED|ERROR) .*", result.stdout, re.M))
    count = lambda word: sum(map(int, re.findall(rf"(\d+) {word}", last)))
    passed, failed = count("passed"), count("failed") + count("error")
    return passed, failed or (1 if result.returncode else 0)


SUITES = [style, unit, threads, fuzz, e2e]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", default="", help="comma-separated suites")
    parser.add_argument("--fuzz-seconds", type=int, default=5, help="for each fuzz target")
    parser.add_argument("--fuzz-runs", type=int, default=0, help="executions of each fuzz target, instead")
    parser.add_argument("--fuzz-targets", default="", help="comma-separated names of tests/fuzz; else all")
    arguments = parser.parse_args()
    chosen = arguments.only.split(",") if arguments.only else [suite.__name__ for suite in SUITES]
    passed = failed = 0
    table = []
    for suite in SUITES:
        if suite.__name__ not in chosen:
            continue
        began = time.monotonic()
        try:
            good, bad = suite(arguments)
        except (subprocess.CalledProcessError, OSError) as error:
            print(f"{suite.__name__}: {error}", file=sys.stderr)
            good, bad = 0, 1
        table.append(f"{suite.__name__:8} {good:5} passed {bad:3} failed {time.monotonic() - began:6.0f} s")
        passed, failed = passed + good, failed + bad
    print("\n".join(["", *FAILURES, "", *table, ""]))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
