"""``python -m genbench``, where the script is not on the path."""

from genbench.cli import main

main(prog_name="genbench")
