#!/usr/bin/env python3
"""Holds weir's shapes against the service models that botocore carries.

usage: check_shapes.py DUMP_SHAPES

DUMP_SHAPES is the program that prints weir's shapes. Every operation, member and type must be AWS's;
requests must have AWS's required members and constraints too. What differs on purpose is listed in
differences.json, each with its reason; an entry that is not needed (any more) is an error as well.
"""
import gzip
import json
import pathlib
import subprocess
import sys

import botocore

SERVICES = {"sagemaker": "sagemaker", "application-autoscaling": "application-autoscaling",
            "monitoring": "cloudwatch", "sts": "sts"}
SAME_TYPES = {"float": "double", "blob": "string"}
HERE = pathlib.Path(__file__).resolve().parent
VERSION = tuple(int(n) for n in botocore.__version__.split(".")[:2])


def load_model(service: str) -> dict:
    folder = pathlib.Path(botocore.__file__).parent / "data" / service
    newest = sorted(folder.iterdir())[-1]
    plain, packed = newest / "service-2.json", newest / "service-2.json.gz"
    return json.loads(plain.read_bytes() if plain.exists() else gzip.decompress(packed.read_bytes()))


class Check:
    """Walks one operation's shapes beside AWS's and yields (where, what, weir's, AWS's)."""

    def __init__(self, shapes: dict):
        self.shapes = shapes

    def walk(self, ours: dict, name: str, where: str, request: bool):
        theirs = self.shapes[name]
        type_ = SAME_TYPES.get(theirs["type"], theirs["type"])
        if ours["type"] != type_:
            yield where, "type", ours["type"], type_
            return
        if request:
            yield from self.constraints(ours, theirs, where)
        if type_ == "structure":
            yield from self.structure(ours, theirs, where, request)
        elif type_ == "list":
            yield from self.walk(ours["element"], theirs["member"]["shape"], where + "[]", request)
        elif type_ == "map":
            yield from self.walk(ours["key"], theirs["key"]["shape"], where + "{key}", request)
            yield from self.walk(ours["element"], theirs["value"]["shape"], where + "{}", request)

    def structure(self, ours: dict, theirs: dict, where: str, request: bool):
        required = set(theirs.get("required", []))
        for member, m in ours["members"].items():
            at = f"{where}.{member}"
            if member not in theirs.get("members", {}):
                yield at, "member", "there", "not there"
                continue
            if m["required"] != (member in required):
                yield at, "required", m["required"], member in required
            yield from self.walk(m["shape"], theirs["members"][member]["shape"], at, request)
        for member in sorted(required - set(ours["members"])):
            yield f"{where}.{member}", "member", "not there", "required"

    def constraints(self, ours: dict, theirs: dict, where: str):
        ours_min, theirs_min = ours.get("min"), theirs.get("min")
        if theirs["type"] in ("string", "list", "map"):  # lengths: 0 is no bound
            ours_min, theirs_min = ours_min or None, theirs_min or None
        if ours_min != theirs_min:
            yield where, "min", ours_min, theirs_min
        if ours.get("max") != theirs.get("max"):
            yield where, "max", ours.get("max"), theirs.get("max")
        if bare(ours.get("pattern")) != bare(theirs.get("pattern")):
            yield where, "pattern", ours.get("pattern"), theirs.get("pattern")
        if sorted(ours.get("enum", [])) != sorted(theirs.get("enum", [])):
            yield where, "enum", ours.get("enum"), theirs.get("enum")


def bare(pattern):
    """AWS matches the whole value, anchored or not; and everything matches '.*'."""
    if pattern is None:
        return None
    pattern = pattern.removeprefix("^").removesuffix("$")
    return None if pattern in (".*", r"[\S\s]*", r"[\s\S]*") else pattern


def found_differences(dumped: dict):
    for signing_name, operations in dumped.items():
        if signing_name not in SERVICES:
            continue
        model = load_model(SERVICES[signing_name])
        check = Check(model["shapes"])
        for name, ours in operations.items():
            theirs = model["operations"].get(name)
            if theirs is None:
                yield f"{signing_name}:{name}", "operation", "there", "not there"
                continue
            for side in ("input", "output"):
                where = f"{signing_name}:{name}.{side}"
                shape = theirs.get(side, {}).get("shape")
                if ours[side] is None or shape is None:
                    # a request without a shape has no members
                    if (ours[side] or {}).get("members") or (shape and side == "output"):
                        yield where, "shape", ours[side] is not None, shape is not None
                    continue
                yield from check.walk(ours[side], shape, where, side == "input")


def version(text: str) -> tuple:
    return tuple(int(n) for n in text.split("."))


def applies(entry: dict) -> bool:
    """Entries may be about the models before, or since, some version of botocore only."""
    return VERSION < version(entry.get("before", "999.0")) and VERSION >= version(entry.get("since", "0.0"))


def allowed_by(entry: dict, where: str, what: str) -> bool:
    at = entry["at"]
    matches = where.endswith(at[1:]) if at.startswith("*") else where == at
    return matches and what in entry["what"].split()


def main() -> int:
    dumped = json.loads(subprocess.run([sys.argv[1]], check=True, capture_output=True).stdout)
    entries = [e for e in json.loads((HERE / "differences.json").read_text()) if applies(e)]
    used, failures = set(), []
    for where, what, ours, theirs in found_differences(dumped):
        allowing = [i for i, e in enumerate(entries) if allowed_by(e, where, what)]
        used.update(allowing)
        if not allowing:
            failures.append(f"{where}: {what} is {ours!r}, AWS has {theirs!r}")
    failures += [f"differences.json: nothing needs {e}" for i, e in enumerate(entries) if i not in used]
    print("\n".join(failures) if failures else
          f"shapes: {sum(len(o) for o in dumped.values())} operations, as in botocore {botocore.__version__}'s models")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
