"""Join events under one key: a deadline, a decision that is made once, effects under one id.

What it guarantees, each by the name of its test in `tests/join`:

- One decision a key and revision, whoever decides at once, and whatever answer of the table is lost:
  `test_one_decision_a_key_and_revision_though_everybody_decides_at_once`,
  `test_the_answer_is_lost_of_every_write_and_the_decision_is_made_once`, and every order, redelivery
  and crash of up to four verdicts in `test_join_exhaustive.py`.
- A verdict that comes again, or in another order, changes nothing:
  `test_a_redelivered_or_reordered_verdict_changes_nothing`.
- A decision by the deadline and 5 s with no traffic at all, by the queue alone, and a minute later where the
  queue is down, by the sweeper alone: `test_with_no_traffic_the_queue_alone_decides_within_five_seconds`,
  `test_with_no_traffic_the_sweeper_alone_decides_within_a_minute`,
  `test_an_upload_is_decided_by_the_sweep_where_the_queue_is_down`.
- A decision names the verdicts that it counted and those that were missing:
  `test_partial_verdicts_are_named_in_the_decision`.
- A late verdict does what the policy says, and a revision names what it supersedes:
  `test_a_late_verdict_makes_a_revision_that_names_what_it_supersedes`,
  `test_a_late_verdict_is_kept_and_changes_nothing_where_the_policy_ignores_it`.
- No verdict is dropped without a trace: it is in its key's item, or in the quarantine with its reason, or its
  record comes again: `test_no_verdict_is_dropped_without_a_trace`,
  `test_what_can_be_neither_joined_nor_quarantined_comes_again`.
- Hot keys, items at DynamoDB's limit and a throttled table are survived:
  `test_a_hot_key_of_redelivered_verdicts_is_one_write`,
  `test_a_full_item_still_takes_its_subject_and_its_decision`, `test_a_throttled_table_is_survived`.
- Effects are put at least once, under ids that are the same each time:
  `test_effects_are_put_at_least_once_under_the_same_ids`,
  `test_a_publisher_killed_between_put_and_mark_puts_the_same_ids_again`.

docs/joins.md has the parts, the table's layout, limits and alarms.
"""
