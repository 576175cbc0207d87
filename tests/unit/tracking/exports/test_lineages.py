import pandas as pd

from cellid.tracking.exports.lineages import founders, previous_spots
from cellid.types import Tracks

# 5 divides into 1 and 4, 1 into 2 and 6; 3 stands alone
MOTHERS = {1: 5, 2: 1, 3: 0, 4: 5, 5: 0, 6: 1}


def tracks() -> Tracks:
    spots = pd.DataFrame({"track": [1, 2, 2, 3, 4, 5, 5, 6], "frame": [2, 3, 5, 0, 2, 0, 1, 3]})
    lineage = pd.DataFrame({"track": list(MOTHERS), "parent": list(MOTHERS.values())})
    return Tracks(spots, lineage)


def test_granddaughters_have_the_founder_of_their_mothers() -> None:
    assert founders(tracks()).to_dict() == {1: 5, 2: 5, 3: 3, 4: 5, 5: 5, 6: 5}


def test_daughters_follow_the_last_spot_of_their_mother() -> None:
    assert previous_spots(tracks()).tolist() == [6, 0, 1, -1, 6, -1, 5, 0]
