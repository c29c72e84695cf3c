"""The command line: one file a command group, on top of everything else."""
