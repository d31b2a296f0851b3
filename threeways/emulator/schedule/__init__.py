"""EventBridge's scheduled rules and EventBridge Scheduler, on one machine: functions invoked by the clock.

docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-rule-schedule.html and
docs.aws.amazon.com/scheduler/latest/UserGuide/what-is-scheduler.html
"""

from threeways.emulator.schedule.clock import ManualClock
from threeways.emulator.schedule.rule import ScheduleRule
from threeways.emulator.schedule.settings import Kind, ScheduleSettings, from_schedule

__all__ = ["Kind", "ManualClock", "ScheduleRule", "ScheduleSettings", "from_schedule"]
