"""An alert as any source tells it, and the group it belongs to."""

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum

from pydantic import AwareDatetime

from policies.model import Severity, Strict


class AlertStatus(StrEnum):
    """Whether the alert's condition holds now."""

    FIRING = "firing"
    RESOLVED = "resolved"


class Alert(Strict):
    """One alert; labels and annotations are untrusted text from outside."""

    fingerprint: str
    source: str
    status: AlertStatus
    name: str
    service: str | None
    environment: str
    severity: Severity
    starts_at: AwareDatetime
    ends_at: AwareDatetime | None
    labels: dict[str, str]
    annotations: dict[str, str]
    url: str | None = None

    @property
    def group_key(self) -> str:
        """What makes alerts one incident: the environment with the service, or the alert's name."""
        subject = f"service={self.service}" if self.service else f"alert={self.name}"
        return f"{self.environment}/{subject}"


SEVERITIES: Mapping[str, Severity] = {
    "critical": Severity.SEV2,
    "page": Severity.SEV2,
    "error": Severity.SEV2,
    "high": Severity.SEV2,
    "warning": Severity.SEV3,
    "warn": Severity.SEV3,
    "medium": Severity.SEV3,
    "info": Severity.SEV4,
    "low": Severity.SEV4,
    "none": Severity.SEV4,
}


def severity(word: str, environment: str) -> Severity:
    """Translate a source's word; critical in production is the worst, an unknown word SEV3."""
    known = word.strip().lower()
    if known.upper() in Severity.__members__:
        return Severity[known.upper()]
    found = SEVERITIES.get(known, Severity.SEV3)
    is_production = environment in {"production", "prod"}
    return Severity.SEV1 if found is Severity.SEV2 and is_production else found


def fingerprint(labels: Mapping[str, str]) -> str:
    """Return a stable id of a label set, for sources that send none."""
    canonical = json.dumps(dict(labels), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]
