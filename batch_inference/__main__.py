"""`python -m batch_inference`: the command line."""

import sys

from batch_inference.command_line import main

if __name__ == "__main__":
    sys.exit(main())
