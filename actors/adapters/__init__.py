"""Adapters: thin, typed, one outside system each.  All raise `AdapterError`."""
