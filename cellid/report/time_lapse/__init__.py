"""The report of followed time-lapses: growth, speed, divisions, lineages and drift."""

from cellid.report.time_lapse.measures import FollowedPlate
from cellid.report.time_lapse.page import write_time_lapse_report

__all__ = ["FollowedPlate", "write_time_lapse_report"]
