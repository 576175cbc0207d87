"""Following nuclei through a time-lapse: steady the frames, link, tell divisions, export.

Works on label images and tables; knows no network.
"""
