"""Objects that overlap, kept to the pixel beside the labels of a data set."""

from cellid.evaluation.coco import encode_runs
from cellid.evaluation.instances import pixel_instances
from cellid.io.coco import CocoImage
from cellid.types import ObjectPixels

CLASS_NAMES = ("cell",)


def describe_objects(name: str, objects: ObjectPixels) -> CocoImage:
    """Return the objects of an image, whose file has this name, as COCO writes them."""
    found = pixel_instances(objects)
    return CocoImage(name, found.frame, found.boxes, found.classes, encode_runs(found))
