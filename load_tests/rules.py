"""What more rules cost: the same readings under 1, 10 and 100 rules, CPU per reading."""

from __future__ import annotations

from load_tests.failures import AnswerWrong
from load_tests.figures import Figure, figure
from load_tests.legs import Ground, Measured, run_ours
from load_tests.load import Load

COUNTS = (1, 10, 100)
# Every further rule has a threshold of its own, so that nothing can be shared between two of them.
_RULE = """rule: further-{number}
stream: vehicle
when:
  run: {length}
  of: coolant_c >= {hot}
  worsening: {{field: coolant_c, rise: 5}}
clear: {{run: 1, of: coolant_c < 100}}
do:
  raised:
    - task: {{queue: workshop, subject: "Look at {{device}}"}}
limits:
  - {{per: rule, at_most: 1000000, every: 1h}}
"""


def further_rules(count: int) -> dict[str, str]:
    """So many rules besides the one that is checked, by file name."""
    return {
        f"further-{i}.yaml": _RULE.format(number=i, length=10 + i % 10, hot=105 + i / 10)
        for i in range(count)
    }


def measure(ground: Ground, load: Load) -> list[Figure]:
    """CPU (µs) per reading by the number of rules; raises AnswerWrong."""
    found: list[Figure] = []
    for count in COUNTS:
        measured: Measured = run_ours(ground, load, f"rules-{count}", rules=further_rules(count - 1))
        if measured.wrong:
            raise AnswerWrong(f"{count} rules", measured.wrong)
        found += figure(f"{count} rules: CPU", "µs per reading", [measured.cpu_per_million])
    return found
