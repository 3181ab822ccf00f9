"""Telltale: what devices, apps and people say becomes the right action for the right person at the right moment.

The road a reading takes:

```
telemetry ─► devices: decode → patterns, windows ─► alarms ─┐
identity, events, outcomes ─────────────────────────────────┴─► customers: resolve → profile → decide
                                     connectors ◄─ actions.<kind>.<lane> ◄─┴─► decisions, profiles
what cannot be handled ─► dead-letters
```

What may import what (import-linter holds it): `schema ← topics, rules ← devices, customers ← pipeline ← cli`.
`devices` and `customers` are plain objects that know nothing of Bytewax or Kafka; their `operator(s)` and `flow`
modules, `engine` (sources and sinks) and `pipeline` do.
"""
