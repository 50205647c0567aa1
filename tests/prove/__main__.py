"""``python -m tests.prove``; see prove.py."""

import sys

from tests.prove.prove import main

sys.exit(main())
