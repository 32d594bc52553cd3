#!/usr/bin/env python3
"""Includes go one way: each folder of src/ may use those named here, and no others."""
import pathlib
import re
import sys

MAY_USE = {
    "base": "",
    "http": "base",
    "net": "base http",
    "auth": "base http",
    "tls": "base",
    "wire": "base",
    "metrics": "base",
    "scaling": "base metrics",
    "store": "base",
    "fleet": "base",
    "control": "base http net auth wire metrics scaling store fleet",
    "api": "base http net auth wire metrics scaling store fleet control",
    "stream": "base net tls",
    "access": "base net",
    "balance": "base net wire",
    "health": "base http net balance",
    "proxy": "base http net auth tls wire stream access balance health",
    "model": "base http net",
    "supervisor": "base net",
    "cli": "base http net auth tls wire metrics scaling store fleet control api stream access balance health proxy model supervisor",
}
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"')


def violations(root: pathlib.Path):
    for path in sorted((root / "src").rglob("*.[ch]")):
        folder = path.relative_to(root / "src").parts[0]
        allowed = set(MAY_USE.get(folder, "").split()) | {folder}
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if match and match[1].split("/")[0] not in allowed:
                yield f"{path.relative_to(root)}:{number}: {folder}/ may not include {match[1]}"


def main() -> int:
    root = pathlib.Path(__file__).resolve().parent.parent
    found = list(violations(root))
    print("\n".join(found) if found else "includes: one way")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
