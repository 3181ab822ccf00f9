"""Load tests: the product run as processes beside its peers, on the same readings, its answers always checked.

`python -m load_tests bench` is the benchmark; `cases/` holds what each case runs on, a folder each.
"""
