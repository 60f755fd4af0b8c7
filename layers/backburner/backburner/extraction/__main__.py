"""The child: a document on standard input, an answer on standard output, bounds and the name as arguments."""

import sys

from backburner.extraction.child import main

if __name__ == "__main__":
    main(sys.argv[1:])
