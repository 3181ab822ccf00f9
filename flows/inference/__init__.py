"""What a stranger's archive seems to be: a proposal of `streams.yaml` from a sample of its rows."""
