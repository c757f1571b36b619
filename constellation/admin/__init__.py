"""What an operator is told.

status_round  asking the other nodes how they are: whom, how long, for whom
reports       the cluster's view and those answers -> the reports of `messages.admin`
tables        reports -> what a person reads
documents     reports -> what a program reads
"""
