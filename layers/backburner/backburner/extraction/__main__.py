"""The child process: the document on standard input, the answer on standard output, bounds and name as arguments."""

import sys

from backburner.extraction.child import main

if __name__ == "__main__":
    main(sys.argv[1:])
