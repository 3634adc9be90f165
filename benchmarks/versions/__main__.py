"""What two versions of knn_cert answer, compared bit by bit.

    PYTHONPATH=/path/to/old python benchmarks/versions dump old.json
    PYTHONPATH=. python benchmarks/versions dump new.json
    python benchmarks/versions compare old.json new.json

``dump`` writes the public names with their signatures, and the answers of every public door to seeded
questions and to the reference values of tests/oracle, as hex floats. It uses the public interface only and
writes down what an older version does not have. ``compare`` ends with 1 if a name was lost or changed, or a
number differs. Both dumps have to be made on one machine: the last bits depend on its instruction set.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path

import bounds_doors
import engine_doors
import estimator_doors
import other_doors
import text_doors
from answers import Answers
from comparison import ORDER, SAME, Comparison, compare
from public_names import public_names

PARTS = {
    "engine": engine_doors,
    "estimator": estimator_doors,
    "bounds": bounds_doors,
    "text": text_doors,
    "other": other_doors,
}


def main(argv: list[str] | None = None) -> int:
    """Dump one version or compare two dumps; 1 if they differ."""
    parser = argparse.ArgumentParser(prog="python benchmarks/versions", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    dump = commands.add_parser("dump", help="write the names and answers of the version that is imported")
    dump.add_argument("file", type=Path)
    dump.add_argument(
        "--parts", default=",".join(PARTS), help="which, separated by commas (default: %(default)s)"
    )
    against = commands.add_parser("compare", help="say what differs between two dumps")
    against.add_argument("first", type=Path)
    against.add_argument("second", type=Path)
    against.add_argument(
        "--ulp", type=int, default=0, help="floats may differ by so much (default: %(default)s)"
    )
    against.add_argument(
        "--show", type=int, default=3, help="differences shown of each door (default: %(default)s)"
    )
    options = parser.parse_args(argv)
    if options.command == "dump":
        options.file.write_text(json.dumps(dumped(options.parts.split(",")), indent=0), encoding="utf-8")
        return 0
    first, second = (json.loads(path.read_text(encoding="utf-8")) for path in (options.first, options.second))
    comparison = compare(first, second, ulp=options.ulp)
    print_comparison(comparison, show=options.show)
    return 0 if comparison.same else 1


def dumped(parts: list[str]) -> dict:
    """Names and answers of the version that is imported."""
    import knn_cert

    print(f"knn_cert {knn_cert.__version__} in {Path(knn_cert.__file__).parent}", file=sys.stderr)
    answers = Answers()
    for part in parts:
        began = time.perf_counter()
        for ask in PARTS[part].PARTS:
            try:
                ask(answers)
            except ImportError as error:
                print(f"{part}, {ask.__name__}: {error}", file=sys.stderr)
        print(f"{part}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    return {"version": knn_cert.__version__, "names": public_names(), "answers": answers.found}


def print_comparison(comparison: Comparison, *, show: int) -> None:
    """Print names, then one line a door and backend, with examples of what differs."""
    for title, names in (("lost", comparison.lost), ("added", comparison.added)):
        print(f"{len(names)} names {title}" + "".join(f"\n  {name}" for name in names))
    print(f"{comparison.moved} names of inner modules gone")
    print(f"{len(comparison.changed)} signatures changed")
    for name, before, after in comparison.changed:
        print(f"  {name}{before}\n    -> {after}")
    print()
    for (door, backend), counter in comparison.counts.items():
        kinds = ", ".join(f"{number} {kind}" for kind, number in counter.most_common())
        print(f"{door} [{backend}]: {kinds}")
        if set(counter) == {SAME}:
            continue
        found = [d for d in comparison.differences if (d.door, d.backend) == (door, backend)]
        relative = Counter()
        for difference in found:
            for path, apart in difference.relative.items():
                relative[path] = max(relative[path], apart)
        if relative:
            largest = ", ".join(f"{path or 'value'} {apart:.1e}" for path, apart in relative.most_common(6))
            print(f"    largest relative differences: {largest}")
        for difference in sorted(found, key=lambda one: -ORDER.index(one.kind))[:show]:
            print(f"    {difference.question}: {difference.kind}; {difference.what}")
    same = sum(counter[SAME] for counter in comparison.counts.values())
    total = sum(sum(counter.values()) for counter in comparison.counts.values())
    print(
        f"\n{same:,} of {total:,} answers have the same bits. "
        + ("Same." if comparison.same else "DIFFERENT.")
    )


if __name__ == "__main__":
    sys.exit(main())
