"""The second driver of the flows' own objects: no bus, no Bytewax, no wall clock; the same answer every time."""
