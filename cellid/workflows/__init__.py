"""Files in, files out: what every front end calls, one module a workflow."""
