"""The devices flow's logic: raw batches in, alarms out; columnar state, compiled kernels, plain objects.

`decoder` turns a raw batch into columns (by `scanner`, and `slow_decoder` for what is unusual), `table` gives each
device its slot, `shard` drives the rules of one partition over them: `conditions` on columns, `windows`, and in
`rule_state` the episodes. What runs per reading is compiled and stands in `kernels`. Nothing here knows Bytewax or
Kafka, save `operator` and `flow`.
"""
