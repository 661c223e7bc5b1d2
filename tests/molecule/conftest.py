"""The scenario's own tests are molecule's to run, against the hosts that it made."""

collect_ignore = ["default"]
