"""The child: a document on standard input, an answer on standard output, bounds and the name as arguments."""

import sys

from backburner.extraction.child import main

main(sys.argv[1:])
