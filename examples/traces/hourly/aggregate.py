#!/usr/bin/env python3
"""Makes an hourly trace of a finer one.

usage: aggregate.py sum|mean NAB_FILE.csv               rows `YYYY-MM-DD HH:MM:SS,value`
       aggregate.py requests CHUNK.csv ...              ServeGen's: `second,requests per second,...` by 600 s

Prints `hour,value` in the order of time; hours without any row are left out. Values have six significant digits.
ServeGen's seconds count from a start without date: they are printed as from Monday 2024-01-01.
"""
import collections
import csv
import datetime
import sys

START = datetime.datetime(2024, 1, 1)


def nab(path: str):
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            yield datetime.datetime.fromisoformat(row["timestamp"]), float(row["value"])


def servegen(path: str):
    with open(path, newline="") as file:
        for row in csv.reader(file):
            yield START + datetime.timedelta(seconds=float(row[0])), float(row[1]) * 600


def main(how: str, paths: list[str]):
    hours = collections.defaultdict(list)
    for path in paths:
        for at, value in servegen(path) if how == "requests" else nab(path):
            hours[at.replace(minute=0, second=0, microsecond=0)].append(value)
    print("hour,value")
    for hour, values in sorted(hours.items()):
        total = sum(values)
        print(f"{hour:%Y-%m-%dT%H},{total / len(values) if how == 'mean' else total:.6g}")


main(sys.argv[1], sys.argv[2:])
