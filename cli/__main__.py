"""`python -m gestalt_cli`: the command, by the interpreter that runs already."""

from . import main

main()
