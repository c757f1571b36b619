"""What an operator is told.

peers         whom to ask, and where
status_round  asking them how they are: how long, and for whom
problems      what of all that is degraded, and what is only worth a note
reports       the cluster's view and those answers -> the reports of `messages.admin`
words         text that is safe on a terminal, and time spans
tables        reports -> what a person reads
documents     reports -> what a program reads
"""
