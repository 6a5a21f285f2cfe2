"""`python -m benchmarks`: all of them, one after the other."""

from benchmarks import (
    admission,
    admission_scale,
    aggregation,
    body_reading,
    cold_start,
    redis_connection,
    throughput,
)

for benchmark in (
    body_reading,
    cold_start,
    throughput,
    redis_connection,
    admission,
    admission_scale,
    aggregation,
):
    print(f"\n## {(benchmark.__doc__ or '').splitlines()[0]}\n", flush=True)
    benchmark.main([])
