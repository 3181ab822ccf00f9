"""The devices flow's logic: raw batches in, alarms out; columnar state, compiled kernels, plain objects.

`decoder` (on `scanner`) turns a raw batch into columns, `table` gives each device its slot, `shard` drives the
rules of one partition over them: `conditions` on columns, `windows`, then the `kernel` that keeps episodes.
Nothing here knows Bytewax or Kafka, save `operator`.
"""
