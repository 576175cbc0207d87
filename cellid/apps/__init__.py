"""The web page: a trained run in a browser, by the workflows of the command line."""
