"""The bus: `port` says what it must do, `sqlite` and `kafka` do it, `names` says what they are called."""
