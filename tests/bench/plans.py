"""The plans that the benchmarks run, and the programs that run them."""
import json
import os

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def program(name):
    return os.path.join(ROOT, "build", "bin", name)


def layered(count, width):
    for i in range(count):
        layer, k = divmod(i, width)
        above = (layer - 1) * width
        yield i, sorted({above + k, above + (k + 1) % width}) if layer else []


def chain(count):
    return ((i, [i - 1] if i else []) for i in range(count))


def phases_of(graph):
    return {
        f"p{i}": {"dependencies": [f"p{d}" for d in needs], "tasks": [{"id": "t", "command": ["true"]}]}
        for i, needs in graph
    }


def write_plan(folder, phases):
    config = os.path.join(folder, "config")
    os.makedirs(config)
    with open(os.path.join(config, "phase_config.json"), "w") as out:
        json.dump({"phases": phases}, out)


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(len(values) * p))]
