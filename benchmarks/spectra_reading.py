"""Reading a wide CSV of spectra into one array of 32-bit numbers, against pandas: processor seconds and peak memory, each in a process of its own.

Usage: python benchmarks/spectra_reading.py [--spectra 10000] [--rounds 3]
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WAYS = {
    "soilcore": "from soilcore.data.spectra import SpectraSettings, open_spectra\nvalues = open_spectra(SpectraSettings((path,))).values",
    "pandas": "import pandas\nvalues = pandas.read_csv(path).iloc[:, 3:].to_numpy(dtype='float32')",
    "pandas, pyarrow": "import pandas\nvalues = pandas.read_csv(path, engine='pyarrow').iloc[:, 3:].to_numpy(dtype='float32')",
}
RUN = """
import json, sys, time
path = sys.argv[1]
import numpy, pandas, pyarrow.csv, soilcore.data.spectra
def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
before, start = peak(), time.process_time()
{way}
print(json.dumps([time.process_time() - start, peak() - before, float(values.sum(dtype=float))]))
"""


def write_library(path, spectra):
    """A synthetic library as CSV; beyond 2000 spectra the same ones again."""
    from soilcore.data.synthetic_spectra import synthetic_spectra

    table = synthetic_spectra(min(spectra, 2000), seed=1).table()
    table[table.columns[3:]] = table[table.columns[3:]].round(6)
    header, body = table.to_csv(index=False).split("\n", 1)
    with open(path, "w", encoding="utf-8") as stream:
        stream.write(header + "\n")
        for _ in range(max(1, spectra // 2000)):
            stream.write(body)


def measure(way, path):
    """Processor seconds, MiB above the imports (Linux) and the sum of one way."""
    done = subprocess.run([sys.executable, "-c", RUN.format(way=WAYS[way]), str(path)], capture_output=True, text=True, cwd=ROOT, check=True)
    return json.loads(done.stdout)


def main():
    """Measure all ways in turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spectra", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "spectra.csv"
        write_library(path, args.spectra)
        print(f"{args.spectra} spectra of 1764 points, {path.stat().st_size / 2**20:.0f} MiB")
        runs = {way: [] for way in WAYS}
        for _ in range(args.rounds):
            for way in WAYS:
                runs[way].append(measure(way, path))
    ours = statistics.median(run[0] for run in runs["soilcore"]), statistics.median(run[1] for run in runs["soilcore"])
    for way, found in runs.items():
        seconds, memory = statistics.median(run[0] for run in found), statistics.median(run[1] for run in found)
        same = abs(found[0][2] / runs["soilcore"][0][2] - 1) < 1e-7
        print(
            f"{way:18} {seconds:6.1f} s  {memory:6.0f} MiB   way / soilcore: {seconds / ours[0]:.2f} in time, {memory / ours[1]:.2f} in memory   same: {same}"
        )


if __name__ == "__main__":
    main()
