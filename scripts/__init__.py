"""Programs for work on the project, which are not installed with it."""
