"""The command line: one command a workflow.

Workflows are imported inside the commands, so that ``-h`` and ``label`` do not wait for
TensorFlow.
"""

# The order of the commands in the help
from cellid.cli import job, data, review, models, explain, time_lapse  # noqa: I001, F401
from cellid.cli import web, study, experts, weights, about  # noqa: F401
from cellid.cli.main import main

__all__ = ["main"]
