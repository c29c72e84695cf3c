"""`qcot quantum ...`: each technique by itself. One file a command; what they share is in `common`."""
