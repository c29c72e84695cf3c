"""`python -m sweep`."""

import sys

from sweep.run import main

if __name__ == "__main__":
    sys.exit(main())
