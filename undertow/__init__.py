"""The command line, and the supervisor that runs it all on one machine."""
