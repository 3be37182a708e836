"""Compares a proposed rule set with the one in force, and drafts its activation."""

from decimal import Decimal

from agents.ports import ProposalRow
from agents.report import FindingKind, Report, caveats
from agents.tasks import Task
from policies.lockout import ACTIVATE, LOOSEN, POLICY_AGENT
from tools.base import Evidence
from tools.gateway import Gateway
from tools.policy import COMPARE, Changed, Compared
from tools.ports import Caller, Draft


class PolicyAgent:
    """Takes one proposed rule set to its sign-off; see `agents.ports.Agent`."""

    name = POLICY_AGENT
    version = "compare-1"

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def gather(self, caller: Caller, task: Task) -> tuple[Evidence, ...]:
        """Compare the two sets; asked once and patiently, since it may take a while."""
        asked = {name: task.spec[name] for name in ("version", "replaces")}
        return (await self._gateway.read("E1", "what changes", COMPARE, asked, caller),)

    async def analyse(
        self, task: Task, evidence: tuple[Evidence, ...]
    ) -> tuple[Report, tuple[Draft, ...]]:
        """Draft the activation; the tool itself decides whether it is the right one."""
        found = _compared(evidence)
        words = "what it changes could not be read, so it counts as looser"
        replayed: tuple[str, ...] = ()
        if found is not None:
            words, replayed = str(found), (found.replayed,)
        change = f"policy `{task.spec['version']}` in the place of `{task.spec['replaces']}`"
        report = Report(
            outcome=FindingKind.CHANGE,
            summary=f"Proposed: {change}: {words}.",
            evidence=evidence,
            notes=caveats(evidence),
            attachment=None if found is None else found.model_dump_json(),
        )
        draft = Draft(
            key="policy",
            tool=LOOSEN if found is None or found.is_looser else ACTIVATE,
            parameters={name: task.spec[name] for name in ("version", "sha256", "replaces")},
            environment=task.environment,
            # No guess: a person asked for it, and it was compared.
            confidence=Decimal(1),
            observed=(f"What changes: {words}.", *replayed, task.spec["source"]),
        )
        return report, (draft,)

    async def follow_up(self, task: Task, row: ProposalRow) -> tuple[Draft, ...]:
        """Nothing follows."""
        del task, row
        return ()


def _compared(evidence: tuple[Evidence, ...]) -> Compared | None:
    found = evidence[0] if evidence else None
    if found is None or found.fault is not None:
        return None
    data = found.data
    fault = data["fault"]
    return Compared(
        looser=int(str(data["looser"])),
        tighter=int(str(data["tighter"])),
        rules=int(str(data["rules"])),
        replayed=str(data["replayed"]),
        warnings=tuple(str(value) for name, value in data.items() if name.startswith("warning ")),
        fault=None if fault is None else str(fault),
        changes=tuple(
            Changed(
                is_looser=bool(row["is_looser"]),
                rules=str(row["rules"]),
                was=str(row["was"]),
                now=str(row["now"]),
                example=str(row["example"]),
            )
            for row in found.rows
        ),
    )
