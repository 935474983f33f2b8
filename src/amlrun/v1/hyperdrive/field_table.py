# ruff: noqa: E501
"""Every key of v1's HyperDrive file; `v1/table.py` explains the columns. v2's `rule` and `seed` are taken, too."""

from amlrun.v1.table import Table

HYPERDRIVE = Table(
    "a sweep's (HyperDrive) file",
    """
sampling | section
  type | word{random,grid,bayesian} | mapped | sampling_algorithm.type
  parameter_space | lines | mapped | search_space
  rule | word{random,sobol} | mapped | sampling_algorithm.rule
  seed | int | mapped | sampling_algorithm.seed
  properties | map | mapped | sampling_algorithm
policy | section
  type | word{BanditPolicy,MedianStoppingPolicy,TruncationSelectionPolicy,NoTerminationPolicy} | mapped | early_termination.type
  evaluation_interval | int | mapped | early_termination.evaluation_interval
  delay_evaluation | int | mapped | early_termination.delay_evaluation
  slack_factor | number | mapped | early_termination.slack_factor
  slack_amount | number | mapped | early_termination.slack_amount
  truncation_percentage | int | mapped | early_termination.truncation_percentage
primary_metric_name | text | mapped | objective.primary_metric
primary_metric_goal | word{maximize,minimize} | mapped | objective.goal
max_total_runs | int | mapped | limits.max_total_trials
max_concurrent_runs | int | mapped | limits.max_concurrent_trials
max_duration_minutes | int | mapped | limits.timeout
""",
)
